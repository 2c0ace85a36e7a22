// The scoring stage inside a caller's graph.
#include "octet/jobs/score_stage.h"

#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <atomic>      // std::atomic
#include <filesystem>  // std::filesystem::directory_iterator
#include <functional>  // std::function
#include <thread>      // std::this_thread
#include <vector>      // std::vector

#include "jobs/tiny_model.h"

namespace octet {
namespace {

namespace flow = tbb::flow;
using flow::continue_msg;

const std::vector<std::vector<std::uint8_t>>& pictures() {
  static const auto all = [] {
    std::vector<std::vector<std::uint8_t>> made;
    for (std::uint32_t i = 0; i < 23; ++i) made.push_back(test::jpeg(18 + static_cast<int>(i % 5), 18, i));
    return made;
  }();
  return all;
}

// Every seventh is no picture, every eleventh is damaged at its source.
Entry mixed_entry(std::uint64_t index) {
  Entry entry = test::entry(index, pictures()[index % pictures().size()]);
  if (index % 7 == 6) entry.image = ImageBytes::copy_of(std::vector<std::uint8_t>{'n', 'o', 'n', 'e', '!', 0});
  if (index % 11 == 10) entry.image = Error{ErrorCode::bad_record, "x.rec:77", "damaged"};
  return entry;
}

bool expect_bad(std::uint64_t index) { return index % 7 == 6 || index % 11 == 10; }

// Feeds `count` entries through the input node and collects what the sink gets.
struct Pass {
  std::vector<Record> records;
  std::int64_t most_inside = 0;
};

Pass run_through(flow::graph& graph, ScoreStage& stage, std::uint64_t count,
                 const std::function<Entry(std::uint64_t)>& make, int sink_microseconds = 0) {
  Pass pass;
  std::atomic<std::int64_t> inside{0};
  std::atomic<std::int64_t> most{0};
  std::uint64_t next = 0;
  flow::input_node<Entry> source(graph, [&](tbb::flow_control& control) -> Entry {
    if (next == count) {
      control.stop();
      return {};
    }
    const std::int64_t now = ++inside;
    most = std::max<std::int64_t>(most, now);
    return make(next++);
  });
  flow::function_node<Record, continue_msg, flow::rejecting> sink(graph, flow::serial, [&](const Record& record) {
    --inside;
    if (sink_microseconds > 0) std::this_thread::sleep_for(std::chrono::microseconds(sink_microseconds));
    pass.records.push_back(record);
    return continue_msg();
  });
  flow::make_edge(source, stage.input());
  flow::make_edge(stage.output(), sink);
  source.activate();
  graph.wait_for_all();
  flow::remove_edge(source, stage.input());
  flow::remove_edge(stage.output(), sink);
  pass.most_inside = most;
  return pass;
}

void expect_records(const std::vector<Record>& records, std::uint64_t count) {
  ASSERT_EQ(records.size(), count);
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSERT_EQ(records[i].index, i);
    ASSERT_EQ(records[i].key, "k" + std::to_string(i));
    ASSERT_EQ(records[i].outcomes.has_value(), !expect_bad(i)) << i;
    if (!records[i].outcomes) continue;
    ASSERT_EQ(records[i].outcomes->size(), 1U);
    ASSERT_EQ(records[i].outcomes->front().predictions.size(), 5U);
  }
}

bool same(const Record& a, const Record& b) {
  if (a.outcomes.has_value() != b.outcomes.has_value()) return false;
  return !a.outcomes || a.outcomes->front().outputs == b.outcomes->front().outputs;
}

StageOptions raw_options() {
  StageOptions options;
  options.keep_raw = true;
  return options;
}

TEST(ScoreStage, ResultsAreTheSameForEveryBatchAndArena) {
  const tbb::global_control allow(tbb::global_control::max_allowed_parallelism, 4);
  std::vector<Record> first;
  for (const int threads : {1, 2, 4}) {
    for (const std::int64_t batch : {1, 7, 16}) {
      tbb::task_arena arena(threads);
      arena.execute([&] {
        flow::graph graph;
        ScoreStage stage(graph, test::tiny_scorer(batch), raw_options());
        const Pass pass = run_through(graph, stage, 101, mixed_entry);
        expect_records(pass.records, 101);
        if (first.empty()) first = pass.records;
        for (std::size_t i = 0; i < pass.records.size(); ++i) {
          ASSERT_TRUE(same(first[i], pass.records[i]))
              << "entry " << i << ", " << threads << " threads, batch " << batch;
        }
      });
    }
  }
}

TEST(ScoreStage, NeverHoldsMoreThanItsCapacity) {
  flow::graph graph;
  StageOptions options;
  options.batches_in_flight = 3;
  ScoreStage stage(graph, test::tiny_scorer(4), options);
  const std::int64_t capacity = static_cast<std::int64_t>(stage.capacity());
  EXPECT_GE(capacity, 3);
  EXPECT_LE(capacity, 3 * 8);
  const Pass pass = run_through(graph, stage, 10'000, mixed_entry, 20);
  expect_records(pass.records, 10'000);
  // Outside are two more: one that the input node holds until the stage takes it, and one that the
  // sink has accepted but not yet counted.
  EXPECT_LE(pass.most_inside, capacity + 2);
}

TEST(ScoreStage, DrainsPartialBatchesAndEmptyStreams) {
  flow::graph graph;
  ScoreStage stage(graph, test::tiny_scorer(16));
  for (const std::uint64_t count : {0, 1, 15, 17, 3, 0, 40}) {  // the same graph again and again
    const Pass pass = run_through(graph, stage, count, mixed_entry);
    expect_records(pass.records, count);
  }
}

TEST(ScoreStage, AllBadEntriesBecomeErrors) {
  flow::graph graph;
  ScoreStage stage(graph, test::tiny_scorer());
  const auto bad = [](std::uint64_t index) { return mixed_entry(index % 2 == 0 ? 6 : 10); };
  const Pass pass = run_through(graph, stage, 200, bad);
  ASSERT_EQ(pass.records.size(), 200U);
  for (std::size_t i = 0; i < pass.records.size(); ++i) {
    ASSERT_FALSE(pass.records[i].outcomes);
    EXPECT_EQ(pass.records[i].sequence, i);
    EXPECT_EQ(pass.records[i].outcomes.error().code, i % 2 == 0 ? ErrorCode::bad_image : ErrorCode::bad_record);
  }
}

TEST(ScoreStage, AMissingFileIsAnError) {
  flow::graph graph;
  ScoreStage stage(graph, test::tiny_scorer());
  const Pass pass = run_through(graph, stage, 3, [](std::uint64_t index) {
    return Entry{index, "gone", {}, ImageBytes::from_file("/nonexistent/octet.jpg")};
  });
  ASSERT_EQ(pass.records.size(), 3U);
  for (const Record& record : pass.records) EXPECT_FALSE(record.outcomes);
}

TEST(ScoreStage, TakesFromAQueueNode) {
  flow::graph graph;
  flow::queue_node<Entry> queue(graph);
  ScoreStage stage(graph, test::tiny_scorer());
  std::vector<Record> records;
  flow::function_node<Record> sink(graph, flow::serial, [&](const Record& record) {
    records.push_back(record);
    return continue_msg();
  });
  flow::make_edge(queue, stage.input());
  flow::make_edge(stage.output(), sink);
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (std::uint64_t i = 0; i < 333; ++i) queue.try_put(mixed_entry(i));
    graph.wait_for_all();
    expect_records(records, 333);
    records.clear();
  }
}

TEST(ScoreStage, RejectsWhatDoesNotFitWhenPutDirectly) {
  flow::graph graph;
  StageOptions options;
  options.batches_in_flight = 1;
  ScoreStage stage(graph, test::tiny_scorer(4), options);
  // Nobody takes records, so each accepted entry stays inside.
  std::size_t accepted = 0;
  for (std::uint64_t i = 0; i < 100; ++i) accepted += stage.input().try_put(mixed_entry(i)) ? 1 : 0;
  graph.wait_for_all();
  EXPECT_EQ(accepted, stage.capacity());
  Record record;
  std::size_t taken = 0;
  while (stage.output().try_get(record)) EXPECT_EQ(record.index, taken++);
  EXPECT_EQ(taken, accepted);
  graph.wait_for_all();
  EXPECT_TRUE(stage.input().try_put(mixed_entry(0)));
  graph.wait_for_all();
}

TEST(ScoreStage, TwoStagesShareAScorer) {
  flow::graph graph;
  const auto scorer = test::tiny_scorer();
  ScoreStage one(graph, scorer, raw_options());
  ScoreStage two(graph, scorer, raw_options());
  flow::broadcast_node<Entry> fork(graph);
  flow::queue_node<Entry> queue_one(graph);
  flow::queue_node<Entry> queue_two(graph);
  flow::join_node<std::tuple<Record, Record>> join(graph);
  std::size_t pairs = 0;
  flow::function_node<std::tuple<Record, Record>> sink(graph, flow::serial,
                                                       [&](const std::tuple<Record, Record>& pair) {
                                                         EXPECT_EQ(std::get<0>(pair).index, std::get<1>(pair).index);
                                                         EXPECT_TRUE(same(std::get<0>(pair), std::get<1>(pair)));
                                                         ++pairs;
                                                         return continue_msg();
                                                       });
  flow::make_edge(fork, queue_one);
  flow::make_edge(fork, queue_two);
  flow::make_edge(queue_one, one.input());
  flow::make_edge(queue_two, two.input());
  flow::make_edge(one.output(), flow::input_port<0>(join));
  flow::make_edge(two.output(), flow::input_port<1>(join));
  flow::make_edge(join, sink);
  for (std::uint64_t i = 0; i < 500; ++i) fork.try_put(mixed_entry(i));
  graph.wait_for_all();
  EXPECT_EQ(pairs, 500U);
}

TEST(ScoreStage, SeveralModelsSeeTheSamePixels) {
  flow::graph graph;
  ScoreStage both(graph, {test::tiny_scorer(0, 1), test::tiny_scorer(0, 2)}, raw_options());
  ScoreStage first(graph, test::tiny_scorer(0, 1), raw_options());
  ScoreStage second(graph, test::tiny_scorer(0, 2), raw_options());
  const auto pair = run_through(graph, both, 60, mixed_entry).records;
  const auto one = run_through(graph, first, 60, mixed_entry).records;
  const auto two = run_through(graph, second, 60, mixed_entry).records;
  ASSERT_EQ(pair.size(), 60U);
  for (std::size_t i = 0; i < pair.size(); ++i) {
    if (!pair[i].outcomes) continue;
    ASSERT_EQ(pair[i].outcomes->size(), 2U);
    EXPECT_EQ((*pair[i].outcomes)[0].outputs, one[i].outcomes->front().outputs);
    EXPECT_EQ((*pair[i].outcomes)[1].outputs, two[i].outcomes->front().outputs);
    EXPECT_NE((*pair[i].outcomes)[0].outputs, (*pair[i].outcomes)[1].outputs);
  }
}

TEST(ScoreStage, UnorderedRecordsAreTheSameSet) {
  flow::graph graph;
  StageOptions options;
  options.ordered = false;
  ScoreStage stage(graph, test::tiny_scorer(), options);
  auto records = run_through(graph, stage, 300, mixed_entry).records;
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return a.index < b.index; });
  expect_records(records, 300);
}

TEST(ScoreStage, ScoresAgainAfterCancelAndReset) {
  flow::graph graph;
  ScoreStage stage(graph, test::tiny_scorer());
  std::vector<Record> records;
  std::atomic<bool> cancel_soon{true};
  std::uint64_t next = 0;
  flow::input_node<Entry> source(graph, [&](tbb::flow_control& control) -> Entry {
    if (next == 1000) {
      control.stop();
      return {};
    }
    return mixed_entry(next++);
  });
  flow::function_node<Record> sink(graph, flow::serial, [&](const Record& record) {
    records.push_back(record);
    if (cancel_soon && records.size() == 100) graph.cancel();
    return continue_msg();
  });
  flow::make_edge(source, stage.input());
  flow::make_edge(stage.output(), sink);
  for (int round = 0; round < 5; ++round) {
    cancel_soon = true;
    source.activate();
    graph.wait_for_all();
    ASSERT_TRUE(graph.is_cancelled());
    ASSERT_LT(records.size(), 1000U);
    graph.reset();
    records.clear();
    next = 0;
    cancel_soon = false;
    source.activate();
    graph.wait_for_all();
    expect_records(records, 1000);
    graph.reset();  // also harmless when nothing was cancelled
    records.clear();
    next = 0;
  }
}

std::size_t threads_of_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

TEST(ScoreStage, StartsNoThreads) {
  tbb::task_arena arena(1);
  arena.execute([&] {
    const std::size_t before = threads_of_process();
    flow::graph graph;
    ScoreStage stage(graph, test::tiny_scorer());
    std::size_t most = 0;
    const auto make = [&](std::uint64_t index) {
      most = std::max(most, threads_of_process());
      return mixed_entry(index);
    };
    const Pass pass = run_through(graph, stage, 200, make);
    EXPECT_EQ(pass.records.size(), 200U);
    EXPECT_EQ(most, before);
  });
}

TEST(ScoreStage, RefusesWhatCannotWork) {
  flow::graph graph;
  EXPECT_THROW(ScoreStage(graph, std::vector<std::shared_ptr<const Scorer>>{}), Failure);
  EXPECT_THROW(ScoreStage(graph, std::shared_ptr<const Scorer>()), Failure);
  StageOptions options;
  options.top_k = 0;
  EXPECT_THROW(ScoreStage(graph, test::tiny_scorer(), options), Failure);
  auto other = std::make_shared<Scorer>(*test::tiny_scorer());
  other->preprocess.resize_short = 20;
  EXPECT_THROW(ScoreStage(graph, {test::tiny_scorer(), other}), Failure);
}

}  // namespace
}  // namespace octet
