// Concatenation without copies: where values lie, and that nothing else changes.
#include "octet/executor/slices.h"

#include <gtest/gtest.h>

#include "executor/executor_testing.h"
#include "octet/executor/layout.h"

namespace octet::test {
namespace {

constexpr Store kU8Scaled{DType::u8, 0.04F}, kS8Scaled{DType::s8, 0.05F};

ValueRef norm(GraphBuilder& b, ValueRef x, Store store) { return b.add(BatchNormOp{1e-3, false, 1}, {x}, store); }

PoolingOp window(PoolKind kind, std::int64_t kernel, std::int64_t stride) {
  PoolingOp op;
  op.kind = kind;
  op.kernel = {kernel, kernel};
  op.stride = {stride, stride};
  op.pad = {kernel / 2, kernel / 2};
  return op;
}

/// Fuses relu behind every second BatchNorm.
Graph with_relu(Graph graph) {
  int seen = 0;
  for (Node& node : graph.nodes) {
    if (node.as<BatchNormOp>() != nullptr && seen++ % 2 == 0) node.post_ops = {eltwise(EltwiseKind::relu)};
  }
  return graph;
}

/// A dense block: every layer reads all before it. `trunk` stores the block, `active` what convolutions read.
Graph dense_block(Store trunk, Store active, unsigned seed) {
  GraphBuilder b(3, 9, 7, seed);
  ValueRef x = b.convolution(b.input(), square(b.pick_of<std::int64_t>({8, 19, 32})), trunk);
  x = b.add(window(PoolKind::max, 3, 1), {x}, trunk);
  for (int k = 0; k < 4; ++k) {
    ValueRef y = norm(b, x, active);
    y = b.convolution(y, square(b.pick_of<std::int64_t>({5, 16}), 3), trunk);
    x = b.add(ConcatOp{1}, {x, y}, trunk);
  }
  x = norm(b, x, active);
  return with_relu(b.finish({b.convolution(x, square(4), kF32)}));
}

/// An Inception module: branches of convolutions and poolings, one of them a Concat itself.
Graph inception(Store store, unsigned seed) {
  GraphBuilder b(3, 8, 8, seed);
  const ValueRef x = b.convolution(b.input(), square(12), store);
  const ValueRef left = b.convolution(x, square(7, 3), store), right = b.convolution(x, square(16), store);
  const ValueRef pooled = b.add(window(PoolKind::max, 3, 1), {left}, store);
  const ValueRef inner = b.add(ConcatOp{1}, {pooled, right}, store);
  const ValueRef average = b.add(window(PoolKind::avg, 3, 1), {x}, store);
  const ValueRef outer = b.add(ConcatOp{1}, {right, inner, average, average}, store);
  const ValueRef beside = b.add(ConcatOp{1}, {inner, norm(b, outer, store)}, store);
  return with_relu(b.finish({b.convolution(outer, square(3), kF32), b.convolution(beside, square(3), kF32)}));
}

/// Without observers values share memory; the results must be those of the plan where none do.
void expect_same_as_observable(const Graph& graph) {
  std::vector<std::vector<float>> first;
  for (const bool observable : {true, false}) {
    for (const std::int64_t batch : {1, 3}) {
      const auto plan = Plan::compile(graph, {batch, observable});
      ASSERT_TRUE(plan) << to_string(plan.error());
      const auto context = Context::create(*plan).value();
      const auto outputs = run(*context, random_pixels(**plan, 5, 11), 5);
      if (first.empty()) first = outputs;
      EXPECT_EQ(outputs, first) << "observable " << observable << ", batch " << batch;
    }
  }
}

class Slices : public testing::TestWithParam<unsigned> {};

TEST_P(Slices, ChangeNoResult) {
  const unsigned seed = GetParam();
  for (const Graph& graph :
       {dense_block(kS8Scaled, kU8Scaled, seed), dense_block(kU8Scaled, kS8Scaled, seed), dense_block(kF32, kF32, seed),
        inception(kU8Scaled, seed), inception(kS8Scaled, seed), inception(kF32, seed)}) {
    SCOPED_TRACE(dump(graph));
    expect_equals_reference(graph, 2, 3);
    expect_same_as_observable(graph);
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Slices, testing::Range(1U, 7U));

TEST(SlicesLayout, ADenseBlockIsOneBuffer) {
  const Graph graph = dense_block(kS8Scaled, kU8Scaled, 1);
  const Layout layout = make_layout(graph, false);
  BufferId block = -1;
  int copied = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    const Node& node = graph.nodes[i];
    if (node.as<PoolingOp>() != nullptr) block = layout[ValueRef{id, 0}].location.index;
    if (node.as<ConcatOp>() == nullptr) continue;
    const Location& place = layout[ValueRef{id, 0}].location;
    EXPECT_EQ(place.index, block);
    EXPECT_EQ(place.offset, 0U);
    EXPECT_TRUE(layout.in_place(graph, id, 0));
    for (std::size_t k = 0; k < 2; ++k) copied += layout.in_place(graph, id, k) ? 0 : 1;
  }
  EXPECT_EQ(copied, 4) << "the layers' own results alone";
}

TEST(SlicesLayout, OtherScalesAndReadersKeepTheirMemory) {
  GraphBuilder b(3, 6, 6, 3);
  const ValueRef x = b.convolution(b.input(), square(8), kU8Scaled);
  const ValueRef fine = b.add(window(PoolKind::max, 3, 1), {x}, {DType::u8, 0.01F});  // is requantised
  const ValueRef read = b.add(window(PoolKind::max, 3, 1), {x}, kU8Scaled);           // a convolution reads it
  const ValueRef shown = b.add(window(PoolKind::max, 3, 1), {x}, kU8Scaled);          // an output
  const ValueRef placed = b.add(window(PoolKind::max, 3, 1), {x}, kU8Scaled);
  const ValueRef all = b.add(ConcatOp{1}, {fine, read, shown, placed}, kU8Scaled);
  const Graph graph = b.finish({b.convolution(all, square(2), kF32), b.convolution(read, square(2), kF32), shown});
  const std::vector<Slice> slices = find_slices(graph);
  for (const ValueRef ref : {x, fine, read, shown}) EXPECT_LT(slices[static_cast<std::size_t>(ref.node)].root, 0);
  const Slice& slice = slices[static_cast<std::size_t>(placed.node)];
  EXPECT_EQ(slice.root, all.node);
  EXPECT_EQ(slice.channel, 24);
  EXPECT_EQ(slice.channels, 32);
  expect_same_as_observable(graph);
}

}  // namespace
}  // namespace octet::test
