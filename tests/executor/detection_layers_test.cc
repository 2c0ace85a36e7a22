// Slices, L2Normalization and boxes as layers of a plan, against the reference interpreter.
#include <gtest/gtest.h>

#include "executor/executor_testing.h"
#include "octet/graph/passes.h"

namespace octet::test {
namespace {

TEST(DetectionLayers, SlicesOfEveryRankAndType) {
  for (const Store store : {Store{}, Store{DType::u8, 0.05F}, Store{DType::s8, 0.1F}}) {
    GraphBuilder b(3, 9, 7, 21);
    const ValueRef pixels = b.add(NormalizeOp{{100, 110, 120}, {50, 60, 70}}, {b.input()});
    const ValueRef x = b.convolution(pixels, square(6), {});
    const ValueRef q = store.dtype == DType::f32 ? x : b.add(QuantizeOp{}, {x}, store);
    const ValueRef cut = b.add(SliceOp{1, {1, 2, 6}, {5, std::nullopt, 0}, {2, 1, -3}}, {q}, store);
    const ValueRef rows = b.add(ReshapeOp{{0, -1, 7}, false}, {q}, store);
    const ValueRef last = b.add(SliceOp{2, {-2}, {std::nullopt}, {1}}, {rows}, store);
    const ValueRef middle = b.add(SliceOp{1, {3}, {-4}, {5}}, {rows}, store);
    expect_equals_reference(b.finish({cut, last, middle}), 3, 4);
  }
}

TEST(DetectionLayers, L2NormalizationOfEveryModeAndType) {
  for (const L2Mode mode : {L2Mode::instance, L2Mode::channel, L2Mode::spatial}) {
    for (const Store from : {Store{}, Store{DType::u8, 0.02F}, Store{DType::s8, 0.03F}}) {
      for (const Store to : {Store{}, Store{DType::u8, 0.01F}, Store{DType::s8, 0.01F}}) {
        GraphBuilder b(3, 5, 4, 22);
        const ValueRef pixels = b.add(NormalizeOp{{100, 110, 120}, {50, 60, 70}}, {b.input()});
        const ValueRef x = b.convolution(pixels, square(19), {});
        const ValueRef q = from.dtype == DType::f32 ? x : b.add(QuantizeOp{}, {x}, from);
        const ValueRef four = b.add(L2NormalizationOp{mode, 1e-10F}, {q}, to);
        const ValueRef rows = b.add(ReshapeOp{{0, 5, -1}, false}, {q}, from);
        const ValueRef three = b.add(L2NormalizationOp{mode, 1e-3F}, {rows}, to);
        expect_equals_reference(b.finish({four, three}), 2, 3);
      }
    }
  }
}

TEST(DetectionLayers, L2NormalizationWithAScalePerChannel) {
  for (const Store to : {Store{}, Store{DType::u8, 0.1F}}) {
    GraphBuilder b(3, 5, 4, 23);
    const ValueRef pixels = b.add(NormalizeOp{{100, 110, 120}, {50, 60, 70}}, {b.input()});
    const ValueRef x = b.convolution(pixels, square(19), {});
    const ValueRef y = b.add(L2NormalizationOp{L2Mode::channel, 1e-10F}, {x}, to);
    Graph graph = b.finish({y});
    Tensor scale = Tensor::create(DType::f32, {19}).value();
    for (std::size_t c = 0; c < 19; ++c) scale.mutable_as<float>()[c] = 10 + static_cast<float>(c);
    graph.nodes[static_cast<std::size_t>(y.node)].params = {{"scale", scale, {}}};
    expect_equals_reference(graph, 2, 3);
  }
}

TEST(DetectionLayers, FlattenInNhwcOrderMovesNothing) {
  for (const Store store : {Store{}, Store{DType::s8, 0.1F}}) {
    GraphBuilder b(3, 5, 4, 25);
    const ValueRef pixels = b.add(NormalizeOp{{100, 110, 120}, {50, 60, 70}}, {b.input()});
    const ValueRef x = b.convolution(pixels, square(6), {});
    const ValueRef q = store.dtype == DType::f32 ? x : b.add(QuantizeOp{}, {x}, store);
    const ValueRef flat = b.add(FlattenOp{true}, {q}, store);
    const Graph graph = b.finish({b.fully_connected(flat, 3, {})});
    expect_equals_reference(graph, 3, 4);
    const auto plan = Plan::compile(graph, {}).value();
    for (const StepInfo& step : plan->steps())
      EXPECT_NE(step.name, graph.nodes[static_cast<std::size_t>(flat.node)].name);
  }
}

TEST(DetectionLayers, BoxNmsOfRows) {
  GraphBuilder b(3, 12, 12, 24);
  const ValueRef pixels = b.add(NormalizeOp{{100, 110, 120}, {50, 60, 70}}, {b.input()});
  const ValueRef x = b.convolution(pixels, square(5), {});
  const ValueRef rows = b.add(ReshapeOp{{0, -1, 5}, false}, {x});
  BoxNmsOp op;
  op.coord_start = 1;
  op.score_index = 0;
  op.topk = 40;
  op.in_format = BoxFormat::center;
  expect_equals_reference(b.finish({b.add(op, {rows})}), 1, 2);
}

}  // namespace
}  // namespace octet::test
