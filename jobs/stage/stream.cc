#include "octet/jobs/stage/stream.h"

#include <algorithm>  // std::min
#include <atomic>     // std::atomic
#include <new>        // std::bad_alloc
#include <utility>    // std::move

namespace octet {
namespace {

constexpr std::size_t named_failures = 10;

std::optional<std::uint64_t> expected_entries(const StreamOptions& options, const Source& source,
                                              const StreamJob& job) {
  auto total = source.size();
  if (!total) return std::nullopt;
  if (options.limit > 0) total = std::min(*total, options.limit);
  std::uint64_t shard = *total / options.shard_count + (*total % options.shard_count > options.shard_index ? 1 : 0);
  if (job.wanted) {
    shard = 0;
    for (std::uint64_t i = options.shard_index; i < *total; i += options.shard_count) shard += job.wanted(i) ? 1 : 0;
  }
  return shard;
}

Result<void> check_options(const StreamOptions& options) {
  const auto bad = [](const char* message) { return Error{ErrorCode::usage, {}, message}; };
  if (options.batch < 0) return bad("the batch must not be negative");
  if (options.batches_in_flight < 0) return bad("the number of batches in flight must not be negative");
  if (options.shard_count == 0 || options.shard_index >= options.shard_count) {
    return bad("the shard's index must be below the number of shards");
  }
  if (options.max_bad_fraction && !(*options.max_bad_fraction >= 0 && *options.max_bad_fraction <= 1)) {
    return bad("the share of bad entries must be between 0 and 1");
  }
  return {};
}

/// The state of one run; its members are called from the graph's bodies.
class Run {
 public:
  Run(const StreamOptions& options, Source& source, const StreamJob& job)
      : options_(options),
        source_(source),
        job_(job),
        total_(expected_entries(options, source, job)),
        meter_(options.control, job.name, total_) {}

  Result<StreamSummary> execute();

 private:
  Entry next(tbb::flow_control& control);
  Result<std::optional<Entry>> next_wanted();
  void take(const Record& record);
  Result<void> count(const Record& record);
  [[nodiscard]] Result<void> within_bounds(bool last) const;
  void fail(Error error);

  const StreamOptions& options_;
  Source& source_;
  const StreamJob& job_;
  const std::optional<std::uint64_t> total_;
  ProgressMeter meter_;
  StreamSummary summary_;
  std::atomic<bool> ended_{false};  // no further entry is read, no further record is taken
  std::mutex mutex_;
  std::optional<Error> failure_;
  tbb::flow::graph graph_;
};

void Run::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(error);
  ended_ = true;
  graph_.cancel();
}

Result<std::optional<Entry>> Run::next_wanted() {
  while (!options_.control.stopped()) {
    OCTET_TRY(auto entry, source_.next());
    if (!entry) return std::optional<Entry>();
    if (options_.limit > 0 && entry->index >= options_.limit) return std::optional<Entry>();
    if (entry->index % options_.shard_count != options_.shard_index) continue;
    if (job_.wanted && !job_.wanted(entry->index)) continue;
    if (job_.check) OCTET_CHECK(job_.check(*entry));
    return entry;
  }
  return Error{ErrorCode::cancelled, {}, "stopped from outside"};
}

Entry Run::next(tbb::flow_control& control) {
  try {
    if (!ended_) {
      auto entry = next_wanted();
      if (entry && *entry) return std::move(**entry);
      if (!entry) fail(std::move(entry).error());
    }
  } catch (const std::bad_alloc&) {
    fail({ErrorCode::limit, {}, "out of memory"});
  } catch (const std::exception& unexpected) {
    fail({ErrorCode::internal, {}, unexpected.what()});
  }
  ended_ = ended_ || failure_.has_value();
  control.stop();
  return {};
}

Result<void> Run::within_bounds(bool last) const {
  const bool too_many = options_.max_bad && summary_.failed > *options_.max_bad;
  const std::uint64_t of = last ? summary_.n : total_.value_or(0);
  const bool too_large = options_.max_bad_fraction && (last || total_) &&
                         static_cast<double>(summary_.failed) > *options_.max_bad_fraction * static_cast<double>(of);
  if (!too_many && !too_large) return {};
  std::string message = std::to_string(summary_.failed) + " of the first " + std::to_string(summary_.n) +
                        " entries are bad, more than allowed";
  for (std::size_t i = 0; i < std::min<std::size_t>(3, summary_.first_failed.size()); ++i) {
    message += "; " + summary_.first_failed[i].key + ": " + to_string(summary_.first_failed[i].error);
  }
  return Error{ErrorCode::bad_image, {}, message};
}

Result<void> Run::count(const Record& record) {
  ++summary_.n;
  if (record.outcomes) return {};
  const Error& error = record.outcomes.error();
  ++summary_.failed;
  ++summary_.errors[std::string(to_string(error.code))];
  if (error.code == ErrorCode::bad_record) ++summary_.damaged_places;
  if (summary_.first_failed.size() < named_failures) {
    summary_.first_failed.push_back({record.index, record.key, error});
  }
  if (error.code == ErrorCode::internal) return error;  // a defect, not a bad image: never buried in a file
  if (options_.on_error == OnError::fail) {
    const ErrorCode code = error.code == ErrorCode::bad_record ? error.code : ErrorCode::bad_image;
    return Error{code, record.key, to_string(error)};
  }
  return within_bounds(false);
}

void Run::take(const Record& record) {
  if (ended_ && failure_) return;
  try {
    if (options_.control.stopped()) return fail({ErrorCode::cancelled, {}, "stopped from outside"});
    if (auto taken = job_.take(record); !taken) return fail(std::move(taken).error());
    if (auto counted = count(record); !counted) return fail(std::move(counted).error());
    meter_.add(1, record.outcomes ? 0 : 1);
  } catch (const std::bad_alloc&) {
    fail({ErrorCode::limit, {}, "out of memory"});
  } catch (const std::exception& unexpected) {
    fail({ErrorCode::internal, {}, unexpected.what()});
  }
}

Result<StreamSummary> Run::execute() {
  namespace flow = tbb::flow;
  StageOptions stage_options = job_.stage;
  stage_options.decoder = options_.decoder;
  stage_options.batches_in_flight = options_.batches_in_flight;
  ScoreStage stage(graph_, job_.scorers, stage_options);
  flow::input_node<Entry> reader(graph_, [this](tbb::flow_control& control) { return next(control); });
  // Rejecting: while it is busy, records wait inside the stage, whose entrance then closes.
  flow::function_node<Record, flow::continue_msg, flow::rejecting> taker(
      graph_, flow::serial, [this](const Record& record) { return take(record), flow::continue_msg(); });
  flow::make_edge(reader, stage.input());
  flow::make_edge(stage.output(), taker);
  reader.activate();
  graph_.wait_for_all();
  if (!failure_ && options_.control.stopped()) failure_ = {ErrorCode::cancelled, {}, "stopped from outside"};
  if (failure_) return *failure_;
  OCTET_CHECK(within_bounds(true));
  meter_.finish();
  summary_.seconds = meter_.seconds();
  summary_.images_per_s = summary_.seconds > 0 ? static_cast<double>(summary_.n) / summary_.seconds : 0;
  summary_.peak_rss_bytes = peak_rss_bytes();
  return summary_;
}

}  // namespace

Result<StreamSummary> run_stream(const StreamOptions& options, Source& source, const StreamJob& job) {
  OCTET_CHECK(check_options(options));
  OCTET_TRY(const auto workers, Workers::create(options.threads));
  try {
    // The graph takes the arena that it is made in.
    return workers->execute([&] { return Run(options, source, job).execute(); });
  } catch (const Failure& failure) {
    return failure.error();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::limit, {}, "out of memory"};
  } catch (const std::exception& unexpected) {
    return Error{ErrorCode::internal, {}, unexpected.what()};
  }
}

Result<std::shared_ptr<const Scorer>> load_scorer(const std::filesystem::path& prefix, const LoadOptions& load,
                                                  std::int64_t batch) {
  OCTET_TRY(const Model model, load_model(prefix, load));
  PlanOptions options;
  options.batch = batch;
  return Scorer::create(model, options);
}

}  // namespace octet
