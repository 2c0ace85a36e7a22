#include "octet/executor/plan.h"

#include <omp.h>

#include <algorithm>  // std::max
#include <array>      // std::array
#include <limits>     // std::numeric_limits
#include <utility>    // std::move

#include "octet/executor/dnnl_compat.h"
#include "octet/executor/kernels/transpose.h"
#include "octet/executor/plan_impl.h"
#include "octet/executor/sub_batches.h"

namespace octet {
namespace {

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

/// Compiles a graph part by part: `full` is `single` shaped for the mini-batch.
class Compiler {
 public:
  Compiler(Plan::Impl& plan, const Graph& single, const Graph& full)
      : plan_(plan), single_(single), layout_(make_layout(full, plan.observable)) {
    choose_parts(full);
    size_buffers(full);
  }

  Result<void> keep_constants();
  Result<void> add_passes();
  void place_buffers();

 private:
  void choose_parts(const Graph& full);
  void size_buffers(const Graph& full);
  Result<void> add_pass(const Graph& graph, std::int64_t images, std::size_t part);
  Result<void> add_steps(StepBuilder& builder, NodeId begin, NodeId end, Pass& pass);
  void add_outputs(StepBuilder& builder, Pass& pass);
  /// Time behind all steps: outputs are read.
  std::int32_t end_time() const { return static_cast<std::int32_t>(single_.nodes.size() + single_.outputs.size()); }
  NodeId begin_of(std::size_t part) const { return part == 0 ? 0 : plan_.sub_batches[part - 1].end; }

  Plan::Impl& plan_;
  const Graph& single_;
  Layout layout_;
  std::vector<std::size_t> strides_;  // of the layout's own buffers
};

void Compiler::choose_parts(const Graph& full) {
  if (!plan_.sub_batches.empty()) return;
  if (plan_.batch > 1 && !plan_.observable) {
    plan_.sub_batches = choose_sub_batches(step_traffic(full, layout_), plan_.batch, fast_bytes());
  } else {
    plan_.sub_batches = {{static_cast<NodeId>(full.nodes.size()), plan_.batch}};
  }
}

/// What one part alone reads and writes needs room for a sub-batch, everything else for the mini-batch; the latter
/// lives as long as its parts run, since they come back to their first step.
void Compiler::size_buffers(const Graph& full) {
  struct Use {
    std::size_t first = std::numeric_limits<std::size_t>::max(), last = 0;
    bool constant = true;
  };
  const std::size_t parts = plan_.sub_batches.size();
  std::vector<Use> uses(layout_.buffers.size());
  const auto use = [&](ValueRef ref, std::size_t part, bool constant) {
    const Location& location = layout_[ref].location;
    if (location.kind != Location::Kind::arena) return;
    Use& u = uses[static_cast<std::size_t>(location.index)];
    u = {std::min(u.first, part), std::max(u.last, part), u.constant && constant};
  };
  const std::vector<char> constant = find_constant_nodes(full);
  for (std::size_t part = 0; part < parts; ++part) {
    for (NodeId id = begin_of(part); id < plan_.sub_batches[part].end; ++id) {
      const Node& node = full.nodes[id];
      for (std::size_t k = 0; k < node.outputs.size(); ++k) {
        use({id, static_cast<std::int32_t>(k)}, part, constant[id] != 0);
      }
      for (const ValueRef input : node.inputs) use(input, part, true);
    }
  }
  for (const ValueRef output : full.outputs) use(output, parts - 1, true);
  strides_.resize(uses.size());
  for (std::size_t b = 0; b < uses.size(); ++b) {
    Lifetime& buffer = layout_.buffers[b];
    const Use& u = uses[b];
    if (u.first != u.last) {
      buffer.first = std::min(buffer.first, begin_of(u.first));
      buffer.last = u.last + 1 == parts ? end_time() : std::max(buffer.last, plan_.sub_batches[u.last].end - 1);
    }
    if (u.constant) continue;
    const std::size_t image = buffer.bytes / static_cast<std::size_t>(plan_.batch);
    if (u.first != u.last) {
      strides_[b] = image;
    } else {
      buffer.bytes = image * static_cast<std::size_t>(plan_.sub_batches[u.first].images);
    }
  }
}

/// Constants of four axes are brought into NHWC order like every other value.
Result<void> Compiler::keep_constants() {
  const Graph& graph = single_;
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

Result<void> Compiler::add_steps(StepBuilder& builder, NodeId begin, NodeId end, Pass& pass) {
  const Graph& graph = builder.graph;
  for (NodeId id = begin; id < end; ++id) {
    const Node& node = graph.nodes[id];
    const bool source = node.as<InputOp>() != nullptr || node.as<ConstantOp>() != nullptr;
    if (!source && !layout_.nodes[id].moves_nothing) {
      const bool layer = node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
      OCTET_TRY(auto step, layer ? make_layer_step(builder, id) : make_kernel_step(builder, id));
      pass.steps.push_back(std::move(step));
    }
    if (!plan_.observable || node.as<ConstantOp>() != nullptr) continue;
    const PlacedValue& placed = layout_.values[id][0];
    pass.observed.push_back({{id, 0},
                             node.output_name,
                             node.outputs[0],
                             placed.location,
                             placed.order == kernels::Order::nhwc,
                             pass.steps.size()});
  }
  return {};
}

void Compiler::add_outputs(StepBuilder& builder, Pass& pass) {
  for (std::size_t k = 0; k < builder.graph.outputs.size(); ++k) {
    const ValueRef ref = builder.graph.outputs[k];
    Location location = layout_[ref].location;
    BufferId buffer = -1;
    const auto time = static_cast<std::int32_t>(builder.graph.nodes.size() + k);
    if (auto step = make_output_step(builder, ref, time, buffer)) {
      location = {Location::Kind::arena, buffer};
      pass.steps.push_back(std::move(step));
    } else {
      layout_.buffers[location.index].last = end_time();  // read when all steps have run
    }
    pass.outputs.push_back(location);
  }
}

Result<void> Compiler::add_pass(const Graph& graph, std::int64_t images, std::size_t part) {
  Pass pass;
  pass.images = images;
  StepBuilder builder{graph, layout_, plan_.weights, plan_.engine, images};
  OCTET_CHECK(add_steps(builder, begin_of(part), plan_.sub_batches[part].end, pass));
  if (part + 1 == plan_.sub_batches.size()) add_outputs(builder, pass);
  for (const auto& step : pass.steps) step->info.images = images;
  plan_.segments[part].push_back(std::move(pass));
  return {};
}

/// Each part for its sub-batch, then for single images.
Result<void> Compiler::add_passes() {
  plan_.segments.resize(plan_.sub_batches.size());
  Graph graph;
  std::int64_t shaped = 0;
  for (std::size_t part = 0; part < plan_.sub_batches.size(); ++part) {
    const std::int64_t images = plan_.sub_batches[part].images;
    if (images > 1) {
      if (shaped != images) graph = shaped_for(single_, images);
      shaped = images;
      if (graph.nodes.empty()) return Error{ErrorCode::internal, "", "the network has no sub-batches"};
      OCTET_CHECK(add_pass(graph, images, part));
    }
    OCTET_CHECK(add_pass(single_, 1, part));
  }
  return {};
}

void Compiler::place_buffers() {
  const ArenaPlan arena = place(layout_.buffers, true);
  std::size_t scratchpad = 0;
  for (const Segment& segment : plan_.segments) {
    for (const Pass& pass : segment) {
      for (const auto& step : pass.steps) scratchpad = std::max(scratchpad, step->scratchpad_bytes());
    }
  }
  plan_.offsets = arena.offsets;
  plan_.strides = strides_;
  plan_.strides.resize(arena.offsets.size());
  plan_.scratchpad_offset = arena.bytes;
  plan_.arena_bytes = arena.bytes + aligned(scratchpad);
}

/// The mini-batch to compile for, and `full` shaped for it: empty where that is one image.
std::int64_t choose_mini_batch(const Graph& single, const PlanOptions& options, Graph& full) {
  if (!single.quantized()) return 1;
  std::int64_t batch = options.batch;
  if (batch == 0) batch = choose_batch(step_traffic(single, make_layout(single, options.observable)), fast_bytes());
  if (batch > 1) full = shaped_for(single, batch);
  return full.nodes.empty() ? 1 : batch;
}

Result<void> check_sub_batches(const std::vector<SubBatch>& parts, const Graph& graph, std::int64_t batch) {
  std::int32_t end = 0;
  bool good = true;
  for (const SubBatch& part : parts) {
    good = good && part.end > end && part.images >= 1 && part.images <= batch;
    end = part.end;
  }
  if (good && end == static_cast<std::int32_t>(graph.nodes.size())) return {};
  return Error{ErrorCode::invalid_config, "", "the sub-batches do not fit the network and its mini-batch"};
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
  Graph full;
  impl->batch = choose_mini_batch(single, options, full);
  if (impl->batch > 1 && !options.observable && !options.sub_batches.empty()) {
    OCTET_CHECK(check_sub_batches(options.sub_batches, single, impl->batch));
    impl->sub_batches = options.sub_batches;
  }
  Compiler compiler(*impl, single, full.nodes.empty() ? single : full);
  OCTET_CHECK(compiler.keep_constants());
  OCTET_CHECK(compiler.add_passes());
  compiler.place_buffers();
  return std::shared_ptr<const Plan>(new Plan(std::move(impl)));
} catch (const dnnl::error& error) {
  return Error{ErrorCode::internal, "", std::string("oneDNN failed: ") + error.what()};
}

Plan::Plan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Plan::~Plan() = default;

const InputLayout& Plan::input() const noexcept { return impl_->input; }
std::span<const OutputLayout> Plan::outputs() const noexcept { return impl_->outputs; }
std::int64_t Plan::batch() const noexcept { return impl_->batch; }
std::span<const SubBatch> Plan::sub_batches() const noexcept { return impl_->sub_batches; }
bool Plan::quantized() const noexcept { return impl_->quantized; }
std::size_t Plan::arena_bytes() const noexcept { return impl_->arena_bytes; }
std::size_t Plan::weight_bytes() const noexcept { return impl_->weights.bytes(); }

std::vector<StepInfo> Plan::steps() const {
  std::vector<StepInfo> infos;
  for (const Segment& segment : impl_->segments) {
    for (const auto& step : segment.front().steps) infos.push_back(step->info);
  }
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
