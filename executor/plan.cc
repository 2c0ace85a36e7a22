#include "octet/executor/plan.h"

#include <omp.h>

#include <algorithm>  // std::max
#include <array>      // std::array
#include <utility>    // std::move

#include "octet/executor/dnnl_compat.h"
#include "octet/executor/kernels/transpose.h"
#include "octet/executor/plan_impl.h"

namespace octet {
namespace {

constexpr std::int64_t kDefaultInt8Batch = 8;
constexpr std::int64_t kMaxBatch = 1024;

Result<void> check_input(const Graph& graph) {
  const Node& node = graph.nodes[graph.input()];
  const Value& value = node.outputs[0];
  if (value.shape.size() != 4 || value.dtype != DType::u8 || value.scale != 1) {
    return unsupported(node, "needs to be u8 pixels of shape (N, C, H, W) and scale 1");
  }
  return {};
}

/// True when all of the node's inputs come from constants: its value is the same for every image.
std::vector<char> find_constant_nodes(const Graph& graph) {
  std::vector<char> constant(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.as<InputOp>() != nullptr) continue;
    constant[i] = 1;
    for (const ValueRef input : node.inputs) constant[i] = static_cast<char>(constant[i] & constant[input.node]);
  }
  return constant;
}

/// The graph for `images` images at once; nullopt-like empty graph when its shapes do not allow that,
/// as with a Reshape to a fixed first axis.
Graph shaped_for(const Graph& single, std::int64_t images) {
  Graph graph = single;
  if (!infer_shapes(graph, images) || !check_values(graph)) return {};
  const std::vector<char> constant = find_constant_nodes(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (constant[i] != 0) continue;
    for (std::size_t k = 0; k < graph.nodes[i].outputs.size(); ++k) {
      Shape expected = single.nodes[i].outputs[k].shape;
      if (expected.empty() || expected[0] != 1) return {};
      expected[0] = images;
      if (graph.nodes[i].outputs[k].shape != expected) return {};
    }
  }
  for (const ValueRef output : graph.outputs) {
    if (constant[output.node] != 0) return {};
  }
  return graph;
}

class Compiler {
 public:
  Compiler(Plan::Impl& plan, const Graph& graph) : plan_(plan), layout_(make_layout(graph, plan.observable)) {}

  Result<void> keep_constants(const Graph& graph);
  Result<void> add_chain(const Graph& graph, std::int64_t images);
  void place_buffers();

 private:
  Result<void> add_steps(StepBuilder& builder, Chain& chain);
  void add_outputs(StepBuilder& builder, Chain& chain);

  Plan::Impl& plan_;
  Layout layout_;
};

/// Constants of four axes are brought into NHWC order like every other value.
Result<void> Compiler::keep_constants(const Graph& graph) {
  plan_.constants.resize(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto* constant = graph.nodes[i].as<ConstantOp>();
    if (constant == nullptr) continue;
    const Value& value = graph.nodes[i].outputs[0];
    if (constant->value.dtype() != value.dtype || constant->value.shape() != value.shape) {
      return Error{ErrorCode::invalid_model, graph.nodes[i].name, "the constant is not what the graph says"};
    }
    const std::span<const std::byte> bytes = constant->value.bytes();
    std::vector<std::byte> moved(bytes.begin(), bytes.end());
    if (value.shape.size() == 4) {
      static constexpr std::array<std::int64_t, 4> kSame{0, 1, 2, 3};
      kernels::transpose(value.shape, kSame, size_of(value.dtype), bytes.data(), kernels::Order::row_major,
                         moved.data(), kernels::Order::nhwc);
    }
    const auto id = static_cast<NodeId>(i);
    OCTET_TRY(plan_.constants[i], plan_.weights.keep(id, "constant", moved.data(), moved.size()));
  }
  return {};
}

Result<void> Compiler::add_steps(StepBuilder& builder, Chain& chain) {
  const Graph& graph = builder.graph;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
    const Node& node = graph.nodes[id];
    const bool source = node.as<InputOp>() != nullptr || node.as<ConstantOp>() != nullptr;
    if (!source && !layout_.nodes[id].moves_nothing) {
      const bool layer = node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
      OCTET_TRY(auto step, layer ? make_layer_step(builder, id) : make_kernel_step(builder, id));
      chain.steps.push_back(std::move(step));
    }
    if (node.as<ConstantOp>() != nullptr) continue;
    const PlacedValue& placed = layout_.values[id][0];
    chain.observed.push_back({{id, 0},
                              node.output_name,
                              node.outputs[0],
                              placed.location,
                              placed.order == kernels::Order::nhwc,
                              chain.steps.size()});
  }
  return {};
}

void Compiler::add_outputs(StepBuilder& builder, Chain& chain) {
  for (std::size_t k = 0; k < builder.graph.outputs.size(); ++k) {
    const ValueRef ref = builder.graph.outputs[k];
    Location location = layout_[ref].location;
    BufferId buffer = -1;
    const auto time = static_cast<std::int32_t>(builder.graph.nodes.size() + k);
    if (auto step = make_output_step(builder, ref, time, buffer)) {
      location = {Location::Kind::arena, buffer};
      chain.steps.push_back(std::move(step));
    } else {
      // Read when all steps have run.
      auto& last = layout_.buffers[location.index].last;
      last = std::max(last, static_cast<std::int32_t>(builder.graph.nodes.size() + builder.graph.outputs.size()));
    }
    chain.outputs.push_back(location);
  }
}

Result<void> Compiler::add_chain(const Graph& graph, std::int64_t images) {
  Chain chain;
  chain.images = images;
  StepBuilder builder{graph, layout_, plan_.weights, plan_.engine, images};
  OCTET_CHECK(add_steps(builder, chain));
  add_outputs(builder, chain);
  plan_.chains.push_back(std::move(chain));
  return {};
}

void Compiler::place_buffers() {
  const ArenaPlan arena = place(layout_.buffers, true);
  std::size_t scratchpad = 0;
  for (const Chain& chain : plan_.chains) {
    for (const auto& step : chain.steps) scratchpad = std::max(scratchpad, step->scratchpad_bytes());
  }
  plan_.offsets = arena.offsets;
  plan_.scratchpad_offset = arena.bytes;
  plan_.arena_bytes = arena.bytes + aligned(scratchpad);
}

InputLayout input_layout(const Graph& graph) {
  const Node& node = graph.nodes[graph.input()];
  const Shape& shape = node.outputs[0].shape;
  return {shape[1], shape[2], shape[3], node.as<InputOp>()->border};
}

std::vector<OutputLayout> output_layouts(const Graph& graph) {
  std::vector<OutputLayout> outputs;
  for (const ValueRef ref : graph.outputs) {
    const Value& value = graph.value(ref);
    OutputLayout layout;
    layout.name = graph.nodes[ref.node].output_name;
    if (!value.shape.empty()) layout.shape.assign(value.shape.begin() + 1, value.shape.end());
    layout.elements = bytes_of(value) / size_of(value.dtype);
    outputs.push_back(std::move(layout));
  }
  return outputs;
}

}  // namespace

Result<std::shared_ptr<const Plan>> Plan::compile(const Graph& graph, const PlanOptions& options) try {
  if (options.batch < 0 || options.batch > kMaxBatch) {
    return Error{ErrorCode::invalid_config, "", "the batch must be in 0.." + std::to_string(kMaxBatch)};
  }
  use_one_thread();
  OCTET_CHECK(validate(graph));
  Graph single = graph;
  OCTET_CHECK(infer_shapes(single, 1));
  OCTET_CHECK(check_values(single));
  OCTET_CHECK(check_input(single));

  auto impl = std::make_unique<Impl>();
  impl->input = input_layout(single);
  impl->outputs = output_layouts(single);
  impl->quantized = single.quantized();
  impl->observable = options.observable;
  const std::int64_t wanted = options.batch == 0 ? kDefaultInt8Batch : options.batch;
  Graph full;
  if (impl->quantized && wanted > 1) full = shaped_for(single, wanted);
  const bool batched = !full.nodes.empty();
  Compiler compiler(*impl, batched ? full : single);
  OCTET_CHECK(compiler.keep_constants(single));
  if (batched) OCTET_CHECK(compiler.add_chain(full, wanted));
  OCTET_CHECK(compiler.add_chain(single, 1));
  compiler.place_buffers();
  return std::shared_ptr<const Plan>(new Plan(std::move(impl)));
} catch (const dnnl::error& error) {
  return Error{ErrorCode::internal, "", std::string("oneDNN failed: ") + error.what()};
}

Plan::Plan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Plan::~Plan() = default;

const InputLayout& Plan::input() const noexcept { return impl_->input; }
std::span<const OutputLayout> Plan::outputs() const noexcept { return impl_->outputs; }
std::int64_t Plan::batch() const noexcept { return impl_->chains.front().images; }
bool Plan::quantized() const noexcept { return impl_->quantized; }
std::size_t Plan::arena_bytes() const noexcept { return impl_->arena_bytes; }
std::size_t Plan::weight_bytes() const noexcept { return impl_->weights.bytes(); }

std::vector<StepInfo> Plan::steps() const {
  std::vector<StepInfo> infos;
  for (const auto& step : impl_->chains.front().steps) infos.push_back(step->info);
  return infos;
}

std::string effective_isa() { return onednn::isa_name(); }

bool has_int8_dot_product() { return onednn::isa_has_int8_dot_product(); }

void use_one_thread() noexcept { omp_set_num_threads(1); }

Error unsupported(const Node& node, std::string message) {
  return {ErrorCode::unsupported, "node '" + node.name + "' (" + op_name(node.op) + ")", std::move(message)};
}

std::string describe(const Node& node) {
  static constexpr std::array<const char*, 9> kNames{"relu",     "leaky_relu", "clip", "sigmoid", "tanh",
                                                     "softrelu", "softsign",   "elu",  "linear"};
  std::string text = op_name(node.op);
  for (const PostOp& op : node.post_ops) {
    text += " + ";
    const auto kind = static_cast<std::size_t>(op.eltwise.kind);
    text += op.kind == PostOp::Kind::sum ? "sum" : kind < kNames.size() ? kNames[kind] : "function";
  }
  return text;
}

}  // namespace octet
