// From graph nodes to steps.
#pragma once

#include <map>      // std::map
#include <memory>   // std::unique_ptr
#include <string>   // std::string
#include <utility>  // std::pair
#include <vector>   // std::vector

#include <dnnl.hpp>

#include "octet/executor/dnnl_compat.h"
#include "octet/executor/layout.h"
#include "octet/executor/memory.h"
#include "octet/executor/step.h"

namespace octet {

/// Prepacked weights and integer biases of a plan. Chains of different batch sizes share them where
/// their layouts agree.
class WeightStore {
 public:
  /// `plain` in the layout that `primitive` wants, packed now or earlier for the same node.
  Result<const std::byte*> pack(const dnnl::engine& engine, NodeId node, const onednn::Primitive& primitive,
                                const void* plain);
  /// A copy of `bytes`, kept once per node and name.
  Result<const std::byte*> keep(NodeId node, const char* name, const void* data, std::size_t bytes);
  [[nodiscard]] std::size_t bytes() const noexcept { return pool_.bytes(); }

 private:
  struct Packed {
    dnnl::memory::desc desc;
    const std::byte* data = nullptr;
  };
  MemoryPool pool_;
  std::map<NodeId, std::vector<Packed>> packed_;
  std::map<std::pair<NodeId, std::string>, const std::byte*> kept_;
};

/// What the makers below work on: a graph shaped for one mini-batch and where its values lie.
struct StepBuilder {
  const Graph& graph;
  Layout& layout;  ///< makers add temporaries
  WeightStore& weights;
  const dnnl::engine& engine;
  std::int64_t images = 1;  ///< of the mini-batch

  [[nodiscard]] const Node& node(NodeId id) const { return graph.nodes[id]; }
  [[nodiscard]] const Value& input(NodeId id, std::size_t k) const { return graph.value(node(id).inputs[k]); }
  [[nodiscard]] const Value& output(NodeId id) const { return node(id).outputs[0]; }
  [[nodiscard]] const PlacedValue& placed_input(NodeId id, std::size_t k) const { return layout[node(id).inputs[k]]; }
  /// Elements from one pixel (or other innermost run) of a value to the next; `dense` without gaps.
  [[nodiscard]] std::int64_t pixel_step(ValueRef ref, std::int64_t dense) const {
    return layout[ref].step != 0 ? layout[ref].step : dense;
  }
  [[nodiscard]] BufferId output_buffer(NodeId id) const { return layout.values[id][0].location.index; }
};

/// "node (Operator)" and a message: what cannot be compiled.
Error unsupported(const Node& node, std::string message);

/// Convolution and FullyConnected, with whatever is fused behind them.
Result<std::unique_ptr<Step>> make_layer_step(StepBuilder& builder, NodeId id);

/// All other operators.
Result<std::unique_ptr<Step>> make_kernel_step(StepBuilder& builder, NodeId id);

/// Brings a graph output into float, row-major NCHW order, at time `time`. Null when it already is;
/// else `buffer` receives the result.
std::unique_ptr<Step> make_output_step(StepBuilder& builder, ValueRef value, std::int32_t time, BufferId& buffer);

/// "Convolution + relu + sum".
std::string describe(const Node& node);

}  // namespace octet
