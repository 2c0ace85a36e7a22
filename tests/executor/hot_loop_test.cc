// What runs once per mini-batch: octet's own part of it allocates nothing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>

#include "executor/executor_testing.h"
#include "support/sanitized.h"

#if !defined(OCTET_UNDER_ASAN) && !defined(OCTET_UNDER_TSAN)  // they count and check allocations themselves

namespace octet::test {
namespace {
thread_local std::size_t allocations_of_thread = 0;
}
}  // namespace octet::test

// Of this program and of the shared libraries that it calls. Inlined, they look like mismatched pairs to the compiler.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++octet::test::allocations_of_thread;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace octet::test {
namespace {

/// Allocations of one run, once everything is warm.
std::size_t allocations_of_run(const Graph& graph, const PlanOptions& options, std::int64_t count) {
  const auto plan = Plan::compile(graph, options).value();
  const auto context = Context::create(plan).value();
  const auto pixels = random_pixels(*plan, count, 1);
  run(*context, pixels, count);
  std::vector<std::vector<float>> outputs;
  for (const OutputLayout& layout : plan->outputs()) {
    outputs.emplace_back(layout.elements * static_cast<std::size_t>(count));
  }
  const std::vector<std::span<float>> spans(outputs.begin(), outputs.end());
  const std::size_t before = allocations_of_thread;
  const auto done = context->run(pixels, count, spans);
  const std::size_t after = allocations_of_thread;
  EXPECT_TRUE(done);
  return after - before;
}

TEST(HotLoop, CountsAllocations) {
  const std::size_t before = allocations_of_thread;
  const auto kept = std::make_unique<int>(1);
  EXPECT_EQ(allocations_of_thread, before + 1);
}

TEST(HotLoop, OwnStepsAllocateNothing) {
  constexpr Store kStore{DType::u8, 0.05F};
  GraphBuilder b(8, 12, 12, 1);
  PoolingOp pooling;
  pooling.kernel = {2, 2};
  pooling.stride = {2, 2};
  const ValueRef x = b.add(pooling, {b.input()}, {DType::u8, 1});
  const ValueRef norm = b.add(BatchNormOp{1e-3, false, 1}, {x}, kStore);
  const ValueRef joined = b.add(ConcatOp{1}, {norm, x}, kStore);
  const ValueRef summed = b.add(AddOp{}, {joined, joined}, kStore);
  PoolingOp global;
  global.kind = PoolKind::avg;
  global.global = true;
  const ValueRef flat = b.add(FlattenOp{}, {b.add(global, {summed}, kStore)}, kStore);
  const ValueRef scores = b.add(DequantizeOp{}, {flat});
  const Graph graph = b.finish({b.add(SoftmaxOp{}, {scores}), summed});
  PlanOptions options;
  options.batch = 8;
  options.sub_batches = {{3, 2}, {static_cast<std::int32_t>(graph.nodes.size()), 8}};
  EXPECT_EQ(allocations_of_run(graph, options, 19), 0U);
}

TEST(HotLoop, ChoosingADivisionAllocatesNothing) {
  GraphBuilder b(8, 12, 12, 1);
  ValueRef x = b.add(IdentityOp{}, {b.input()}, {DType::u8, 0.5F});
  for (int k = 0; k < 3; ++k) x = b.add(AddOp{}, {x, x}, {DType::u8, 0.5F});
  PlanOptions options;
  options.batch = 8;
  EXPECT_EQ(allocations_of_run(b.finish({x}), options, 16), 0U);
}

TEST(HotLoop, LayersAllocateWhatOneDnnDoesAlone) {
  // Layers that are all alike: each adds what its oneDNN call allocates, and it is the same for all.
  const auto allocations = [](int layers) {
    GraphBuilder b(16, 8, 8, 1);
    ValueRef x = b.input();
    for (int k = 0; k < layers; ++k) x = b.convolution(x, square(16, 3), kU8);
    const Graph graph = b.finish({x});
    PlanOptions options;
    options.batch = 4;
    options.sub_batches = {{static_cast<std::int32_t>(graph.nodes.size()), 4}};
    return allocations_of_run(graph, options, 8);
  };
  const std::size_t two = allocations(2), three = allocations(3);
  EXPECT_EQ(allocations(7) - three, 4 * (three - two));
}

}  // namespace
}  // namespace octet::test

#endif
