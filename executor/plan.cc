#include "octet/executor/plan.h"

#include <array>    // std::array
#include <utility>  // std::move

#include "octet/executor/compiler.h"
#include "octet/executor/dnnl_compat.h"
#include "octet/executor/sub_batches.h"

/// Of the OpenMP runtime that oneDNN uses; GCC's header of it is not for other compilers.
extern "C" void omp_set_num_threads(int count);

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
  const bool divided = impl->batch > 1 && !options.observable && !options.sub_batches.empty();
  if (divided) OCTET_CHECK(check_sub_batches(options.sub_batches, single, impl->batch));
  Compiler compiler(*impl, single, full.nodes.empty() ? single : full);
  OCTET_CHECK(compiler.compile(divided ? options.sub_batches : std::vector<SubBatch>{}));
  return std::shared_ptr<const Plan>(new Plan(std::move(impl)));
} catch (const dnnl::error& error) {
  return Error{ErrorCode::internal, "", std::string("oneDNN failed: ") + error.what()};
}

Plan::Plan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Plan::~Plan() = default;

const InputLayout& Plan::input() const noexcept { return impl_->input; }
std::span<const OutputLayout> Plan::outputs() const noexcept { return impl_->outputs; }
std::int64_t Plan::batch() const noexcept { return impl_->batch; }
std::span<const SubBatch> Plan::sub_batches() const noexcept { return impl_->division().parts; }
bool Plan::settled() const noexcept { return impl_->tuner->settled(); }
bool Plan::quantized() const noexcept { return impl_->quantized; }
std::size_t Plan::arena_bytes() const noexcept { return impl_->arena_bytes; }
std::size_t Plan::weight_bytes() const noexcept { return impl_->weights.bytes(); }

std::vector<StepInfo> Plan::steps() const {
  std::vector<StepInfo> infos;
  for (const Segment& segment : impl_->division().segments) {
    for (const Step* step : segment.front().steps) infos.push_back(step->info);
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
