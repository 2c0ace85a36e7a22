// Parts of a network that run over a few images at a time: the same bits as one image by one, less memory, and a
// division that follows the cost model.
#include "octet/executor/sub_batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "executor/executor_testing.h"

namespace octet::test {
namespace {

constexpr Store kScaledU8{DType::u8, 0.05F};

PoolingOp halving() {
  PoolingOp op;
  op.kind = PoolKind::max;
  op.kernel = {2, 2};
  op.stride = {2, 2};
  return op;
}

/// Residual blocks, one operand of a sum taken over and one still read; outputs from the middle and the end.
Graph residual_net(unsigned seed) {
  GraphBuilder b(3, 11, 9, seed);
  const PostOp relu = eltwise(EltwiseKind::relu);
  ValueRef x = b.convolution(b.input(), square(16, 3), kU8, {relu});
  ValueRef early{};
  for (int k = 0; k < 4; ++k) {
    const ValueRef inner = b.convolution(x, square(b.pick_of<std::int64_t>({8, 20})), kU8, {relu});
    x = b.convolution(inner, square(16, 3), k % 2 == 0 ? kU8 : kS8, {sum(), relu}, x);
    if (k == 1) early = x;
  }
  x = b.add(halving(), {x}, b.store(x));
  const ValueRef flat = b.add(FlattenOp{}, {x}, b.store(x));
  const ValueRef scores = b.fully_connected(flat, 7, kF32);
  return b.finish({scores, b.add(SoftmaxOp{}, {scores}), early});
}

/// Branches that a Concat joins without copies, a nested one, and layers in float behind them.
Graph branching_net(unsigned seed) {
  GraphBuilder b(3, 8, 8, seed);
  const ValueRef x = b.convolution(b.input(), square(12), kScaledU8);
  const ValueRef left = b.convolution(x, square(7, 3), kScaledU8), right = b.convolution(x, square(16), kScaledU8);
  PoolingOp same = halving();
  same.stride = {1, 1};
  same.kernel = {3, 3};
  same.pad = {1, 1};
  const ValueRef pooled = b.add(same, {left}, kScaledU8);
  const ValueRef inner = b.add(ConcatOp{1}, {pooled, b.add(same, {right}, kScaledU8)}, kScaledU8);
  const ValueRef outer = b.add(ConcatOp{1}, {right, inner}, kScaledU8);
  const ValueRef last = b.convolution(outer, square(9, 3), kF32);
  const ValueRef plain = b.convolution(last, square(5), kF32, {eltwise(EltwiseKind::tanh)});
  return b.finish({plain, b.convolution(b.add(AddOp{}, {inner, inner}, kScaledU8), square(4), kF32)});
}

/// Every output of `count` images, one behind the other.
std::vector<std::vector<float>> results(const Graph& graph, const PlanOptions& options,
                                        const std::vector<std::uint8_t>& pixels, std::int64_t count) {
  const auto plan = Plan::compile(graph, options);
  if (!plan) {
    ADD_FAILURE() << plan.error().message;
    return {};
  }
  const auto context = Context::create(*plan).value();
  return run(*context, pixels, count);
}

void expect_same_bits(const std::vector<std::vector<float>>& got, const std::vector<std::vector<float>>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t k = 0; k < got.size(); ++k) {
    ASSERT_EQ(got[k].size(), want[k].size());
    EXPECT_EQ(std::memcmp(got[k].data(), want[k].data(), got[k].size() * sizeof(float)), 0) << "output " << k;
  }
}

/// A random division of `nodes` nodes.
std::vector<SubBatch> random_parts(std::int32_t nodes, std::int64_t batch, std::mt19937& random) {
  std::vector<SubBatch> parts;
  for (std::int32_t end = 0; end < nodes;) {
    end = std::min(nodes, end + 1 + static_cast<std::int32_t>(random() % 5));
    parts.push_back({end, 1 + static_cast<std::int64_t>(random()) % batch});
  }
  return parts;
}

std::string text_of(const PlanOptions& options) {
  std::string text = "batch " + std::to_string(options.batch);
  for (const SubBatch& part : options.sub_batches) {
    text += ", to " + std::to_string(part.end) + " by " + std::to_string(part.images);
  }
  return text;
}

class SubBatches : public testing::TestWithParam<Graph (*)(unsigned)> {};

TEST_P(SubBatches, EveryDivisionGivesTheSameBits) {
  constexpr std::int64_t kMost = 17;
  std::mt19937 random(5);
  for (unsigned seed = 0; seed < 3; ++seed) {
    const Graph graph = GetParam()(seed);
    PlanOptions alone;
    alone.batch = 1;
    const auto pixels = random_pixels(*Plan::compile(graph, alone).value(), 2 * kMost, seed);
    for (std::int64_t batch = 1; batch <= kMost; ++batch) {
      PlanOptions options;
      options.batch = batch;
      if (batch > 1) {
        options.sub_batches = random_parts(static_cast<std::int32_t>(graph.nodes.size()), batch, random);
      }
      SCOPED_TRACE(text_of(options));
      // A whole mini-batch and a tail of every length up to it, in turn.
      const std::int64_t count = batch + static_cast<std::int64_t>(random()) % batch;
      const auto want = results(graph, alone, pixels, count);
      expect_same_bits(results(graph, options, pixels, count), want);
      options.sub_batches.clear();
      expect_same_bits(results(graph, options, pixels, count), want);
      if (HasFailure()) return;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Networks, SubBatches, testing::Values(residual_net, branching_net));

TEST(SubBatchPlans, TailsOfAllLengthsGiveTheSameBits) {
  const Graph graph = residual_net(7);
  const auto nodes = static_cast<std::int32_t>(graph.nodes.size());
  PlanOptions alone, divided;
  alone.batch = 1;
  divided.batch = 8;
  divided.sub_batches = {{3, 2}, {6, 3}, {nodes, 8}};
  const auto pixels = random_pixels(*Plan::compile(graph, alone).value(), 17, 1);
  const auto plan = Plan::compile(graph, divided).value();
  const auto context = Context::create(plan).value();  // one for all: nothing is left over from the run before
  for (const std::int64_t count : {17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16}) {
    SCOPED_TRACE(count);
    expect_same_bits(run(*context, pixels, count), results(graph, alone, pixels, count));
  }
}

TEST(SubBatchPlans, CandidatesTakeTurnsAndGiveTheSameBits) {
  const Graph graph = residual_net(4);
  PlanOptions alone, chosen;
  alone.batch = 1;
  chosen.batch = 8;
  const auto plan = Plan::compile(graph, chosen).value();
  const auto pixels = random_pixels(*plan, 19, 3);
  const auto want = results(graph, alone, pixels, 19);
  const auto context = Context::create(plan).value(), other = Context::create(plan).value();
  EXPECT_FALSE(plan->settled());
  const std::size_t steps = plan->steps().size();
  for (int i = 0; i < 100 && !plan->settled(); ++i) {
    expect_same_bits(run(i % 2 == 0 ? *context : *other, pixels, 19), want);
    EXPECT_EQ(plan->steps().size(), steps);
  }
  EXPECT_TRUE(plan->settled());
  expect_same_bits(run(*context, pixels, 19), want);
  chosen.sub_batches = {plan->sub_batches().begin(), plan->sub_batches().end()};
  EXPECT_TRUE(Plan::compile(graph, chosen).value()->settled()) << "one division is no choice";
}

TEST(SubBatchPlans, IncompleteMiniBatchesAreNotTimed) {
  PlanOptions options;
  options.batch = 8;
  const auto plan = Plan::compile(residual_net(4), options).value();
  const auto context = Context::create(plan).value();
  const auto pixels = random_pixels(*plan, 7, 3);
  for (int i = 0; i < 100; ++i) run(*context, pixels, 7);
  EXPECT_FALSE(plan->settled());
}

TEST(SubBatchPlans, APartNeedsRoomForItsImagesAlone) {
  GraphBuilder b(3, 64, 64, 1);
  ValueRef x = b.input();
  for (int k = 0; k < 6; ++k) x = b.convolution(x, square(32, 3), kU8);
  x = b.add(halving(), {x}, b.store(x));
  for (int k = 0; k < 3; ++k) x = b.add(halving(), {x}, b.store(x));
  const Graph graph = b.finish({b.fully_connected(b.add(FlattenOp{}, {x}, b.store(x)), 10, kF32)});
  const auto nodes = static_cast<std::int32_t>(graph.nodes.size());
  const auto arena = [&](std::vector<SubBatch> parts) {
    PlanOptions options;
    options.batch = 16;
    options.sub_batches = std::move(parts);
    return Plan::compile(graph, options).value()->arena_bytes();
  };
  const std::size_t image = std::size_t{32} * 64 * 64;  // of a convolution's result
  const std::size_t whole = arena({{nodes, 16}}), divided = arena({{8, 1}, {nodes, 16}});
  EXPECT_GE(whole, 2 * 16 * image);
  // Two results of one image, what crosses (a quarter of one, of all images), and scratch memory as before.
  EXPECT_LE(divided, whole - 2 * 16 * image + 2 * image + 16 * image / 4 + (std::size_t{1} << 20));
}

TEST(SubBatchPlans, DivisionsThatDoNotFitAreRefused) {
  const Graph graph = residual_net(1);
  const auto nodes = static_cast<std::int32_t>(graph.nodes.size());
  const std::vector<std::vector<SubBatch>> bad = {{{nodes - 1, 2}}, {{nodes + 1, 2}}, {{3, 2}, {3, 4}, {nodes, 4}},
                                                  {{nodes, 0}},     {{nodes, 5}},     {{5, 4}, {4, 4}}};
  for (const auto& parts : bad) {
    PlanOptions options;
    options.batch = 4;
    options.sub_batches = parts;
    const auto plan = Plan::compile(graph, options);
    ASSERT_FALSE(plan) << text_of(options);
    EXPECT_EQ(plan.error().code, ErrorCode::invalid_config);
  }
}

TEST(SubBatchPlans, FloatAndObservedPlansHaveOnePart) {
  GraphBuilder b(3, 8, 8, 1);
  const ValueRef pixels = b.add(IdentityOp{}, {b.input()}, kF32);
  const Graph plain = b.finish({b.convolution(pixels, square(4), kF32)});
  PlanOptions options;
  options.batch = 8;
  const auto float_plan = Plan::compile(plain, options).value();
  EXPECT_EQ(float_plan->batch(), 1);
  EXPECT_EQ(float_plan->sub_batches().size(), 1U);
  options.observable = true;
  const auto observed = Plan::compile(residual_net(1), options).value();
  EXPECT_EQ(observed->batch(), 8);
  ASSERT_EQ(observed->sub_batches().size(), 1U);
  EXPECT_EQ(observed->sub_batches()[0].images, 8);
}

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// Large early values and large late weights, as classifiers have them.
std::vector<StepTraffic> classifier_traffic() {
  std::vector<StepTraffic> steps(1);  // the input
  for (int k = 0; k < 4; ++k) steps.push_back({2 * kMiB, 2 * kMiB, 1000, kMiB});
  for (int k = 0; k < 8; ++k) steps.push_back({kMiB / 16, kMiB / 16, 2 * kMiB, kMiB / 32});
  return steps;
}

TEST(SubBatchModel, EarlyLayersTakeFewImagesAndLateOnesMany) {
  const auto steps = classifier_traffic();
  const auto parts = choose_sub_batches(steps, 16, 4 * kMiB);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0], (SubBatch{5, 2}));
  EXPECT_EQ(parts[1], (SubBatch{13, 16}));
  EXPECT_EQ(choose_batch(steps, 4 * kMiB), 16);
}

TEST(SubBatchModel, OnePartWhereEverythingFits) {
  const auto parts = choose_sub_batches(classifier_traffic(), 16, std::size_t{1} << 40);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0], (SubBatch{13, 16}));
}

TEST(SubBatchModel, CandidatesBeginWithTheModelsChoiceAndDiffer) {
  const auto steps = classifier_traffic();
  for (const std::int64_t batch : {2, 3, 8, 16}) {
    const auto candidates = candidate_divisions(steps, batch, 4 * kMiB);
    ASSERT_FALSE(candidates.empty());
    EXPECT_EQ(candidates[0], choose_sub_batches(steps, batch, 4 * kMiB));
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      EXPECT_EQ(std::count(candidates.begin(), candidates.end(), candidates[i]), 1);
      EXPECT_EQ(candidates[i].back().end, 13);
      for (const SubBatch& part : candidates[i]) EXPECT_LE(part.images, batch);
    }
    const std::vector<SubBatch> undivided{{13, std::min<std::int64_t>(batch, 8)}};
    EXPECT_EQ(std::count(candidates.begin(), candidates.end(), undivided), 1);
  }
}

TEST(SubBatchModel, NoOtherDivisionIsCheaper) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<StepTraffic> steps(2 + random() % 12);
    for (StepTraffic& step : steps) {
      step = {random() % (2 * kMiB), random() % (3 * kMiB), random() % (3 * kMiB), random() % kMiB};
    }
    const std::int64_t batch = 1 + static_cast<std::int64_t>(random() % 17);
    const double chosen = traffic_cost(steps, choose_sub_batches(steps, batch, 4 * kMiB), batch, 4 * kMiB);
    for (int other = 0; other < 50; ++other) {
      auto parts = random_parts(static_cast<std::int32_t>(steps.size()), batch, random);
      for (SubBatch& part : parts) {  // of the sizes that the choice has
        while ((part.images & (part.images - 1)) != 0 && part.images != batch) --part.images;
      }
      EXPECT_LE(chosen, traffic_cost(steps, parts, batch, 4 * kMiB) * (1 + 1e-12));
    }
  }
}

TEST(SubBatchModel, MiniBatchesDoubleWhileThatGains) {
  const std::vector<StepTraffic> one(1, {1000, 1000, 100, 500}), many(20, {1000, 1000, 100, 500});
  EXPECT_EQ(choose_batch(one, 4 * kMiB), 2);
  EXPECT_EQ(choose_batch(many, 4 * kMiB), 16);
}

TEST(SubBatchModel, TrafficOfAGraphIsPerImage) {
  const Graph graph = residual_net(2);
  Graph eight = graph;
  ASSERT_TRUE(infer_shapes(eight, 8));
  const auto one = step_traffic(graph, make_layout(graph, false)),
             many = step_traffic(eight, make_layout(eight, false));
  ASSERT_EQ(one.size(), many.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].touched, many[i].touched) << i;
    EXPECT_EQ(one[i].weights, many[i].weights) << i;
  }
  EXPECT_EQ(one[1].touched, std::size_t{11} * 9 * (3 + 16));
  EXPECT_EQ(one[1].live, std::size_t{11} * 9 * 16);
}

TEST(SubBatchModel, TheMachineHasACache) { EXPECT_GE(fast_bytes(), kMiB); }

}  // namespace
}  // namespace octet::test
