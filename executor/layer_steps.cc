// Convolution and FullyConnected: oneDNN primitives with their post-ops, and what oneDNN cannot
// fuse done behind them by octet's own kernels.
#include <array>    // std::array
#include <utility>  // std::move

#include "octet/executor/int8_weights.h"
#include "octet/executor/kernels/transpose.h"
#include "octet/executor/layer_step.h"
#include "octet/executor/post_ops.h"
#include "octet/executor/step_builder.h"

namespace octet {
namespace {

/// What both operators share once their primitive's description is made.
class LayerBuilder {
 public:
  LayerBuilder(StepBuilder& builder, NodeId id)
      : b_(builder), id_(id), node_(builder.node(id)), src_(builder.input(id, 0)) {
    if (node_.has_sum()) operand_ = &b_.input(id, node_.inputs.size() - 1);
    quantized_ = !node_.params.empty() && node_.params[0].value.dtype() == DType::s8;
    pairs_ = {has_int8_dot_product(), inputs_in_memory()};
    split_ = split_post_ops(node_, quantized_, operand_, quantized_ && needs_split(node_, pairs_));
  }

  Result<std::unique_ptr<Step>> convolution(const ConvolutionOp& op);
  Result<std::unique_ptr<Step>> fully_connected(const FullyConnectedOp& op);

 private:
  Result<void> check(const Shape& weight_shape) const;
  Result<void> make_numbers();
  std::int64_t inputs_in_memory() const;
  std::int64_t rows_of_weights() const { return weight().shape()[0]; }
  onednn::Epilogue epilogue() const {
    if (numbers_.split) return {};
    return {quantized_ ? numbers_.output_scale : std::vector<float>{}, split_.fused};
  }
  bool has_bias() const { return !numbers_.split && (node_.params.size() > 1 || numbers_.unsigned_copy); }
  std::int64_t repeats(std::size_t pixels) const;
  const Tensor& weight() const { return quantized_ ? numbers_.weight : node_.params[0].value; }
  kernels::Requantize requantize() const;
  void add_sums(const onednn::Primitive& primitive, LayerPlan& plan) const;
  void add_unsigned_copy(LayerPlan& plan) const;
  Result<Tensor> weight_for_nhwc(const Shape& image) const;
  Result<onednn::Primitive> make_fully_connected(std::int64_t rows, std::int64_t inputs) const;
  Result<std::unique_ptr<Step>> finish(onednn::Primitive primitive, const Tensor& weight, std::int64_t repeats,
                                       double operations);

  StepBuilder& b_;
  NodeId id_;
  const Node& node_;
  const Value& src_;
  const Value* operand_ = nullptr;
  bool quantized_ = false;
  LayerPairs pairs_;
  PostOpSplit split_;
  Int8Layer numbers_;
  kernels::Frame frame_;  ///< of the unsigned copy
};

/// Inputs of a filter that lie side by side.
std::int64_t LayerBuilder::inputs_in_memory() const {
  if (node_.params.empty() || node_.params[0].value.shape().size() < 2) return 1;
  const Shape& weight = node_.params[0].value.shape();
  if (node_.as<ConvolutionOp>() != nullptr) return weight[1];
  if (src_.shape.size() == 4) return src_.shape[1];
  const PlacedValue& placed = b_.placed_input(id_, 0);
  return placed.flattened.empty() ? weight[1] : placed.flattened[1];
}

/// Float layers are computed image by image, so that no result depends on the mini-batch; those whose sums are stored,
/// so that these stay in the cache. `pixels`: of the whole destination.
std::int64_t LayerBuilder::repeats(std::size_t pixels) const {
  if (src_.shape[0] != b_.images) return 1;
  constexpr std::size_t kCachedBytes = std::size_t{1} << 19U;
  if (!quantized_) return b_.images;
  return numbers_.split && pixels * static_cast<std::size_t>(numbers_.split->row()) * 4 > kCachedBytes ? b_.images : 1;
}

Result<void> LayerBuilder::check(const Shape& weight_shape) const {
  const auto fault = [&](const std::string& what) { return Error{ErrorCode::invalid_model, node_.name, what}; };
  if (quantized_ != src_.quantized()) {
    return unsupported(node_, quantized_ ? "has s8 weights but an f32 input" : "has f32 weights but a quantised input");
  }
  if (node_.params.empty() || node_.params[0].value.shape() != weight_shape) {
    return fault("needs a weight of shape " + to_string(weight_shape));
  }
  if (!quantized_ && node_.params[0].value.as<float>().empty()) return fault("the weight is neither f32 nor s8");
  if (node_.params.size() > 1 &&
      node_.params[1].value.as<float>().size() != static_cast<std::size_t>(weight_shape[0])) {
    return fault("needs an f32 bias with one value per output");
  }
  if (operand_ != nullptr && operand_->shape != node_.outputs[0].shape) return fault("the sum's shapes differ");
  return {};
}

Result<void> LayerBuilder::make_numbers() {
  if (!quantized_) return {};
  OCTET_TRY(numbers_, int8_layer(node_, src_, split_.primitive_dst, pairs_));
  return {};
}

kernels::Requantize LayerBuilder::requantize() const {
  using Function = kernels::Requantize::Function;
  kernels::Requantize r{*numbers_.split, numbers_.offset,           {}, numbers_.output_scale, {},
                        DType::f32,      split_.primitive_dst.dtype};
  if (node_.params.size() > 1) r.bias = numbers_.bias;
  for (const onednn::FusedOp& op : split_.fused) {
    if (op.sum) {
      r.operand = op.sum_dtype;
      r.functions.push_back({Function::Kind::sum, op.sum_scale, 0});
    } else if (op.eltwise.kind == EltwiseKind::clip) {
      r.functions.push_back({Function::Kind::clip, op.eltwise.alpha, op.eltwise.beta});
    } else if (op.eltwise.kind == EltwiseKind::linear) {
      r.functions.push_back({Function::Kind::add, op.eltwise.beta, 0});
    } else {
      const bool leaky = op.eltwise.kind == EltwiseKind::leaky_relu;
      r.functions.push_back({Function::Kind::relu, leaky ? op.eltwise.alpha : 0, 0});
    }
  }
  return r;
}

void LayerBuilder::add_sums(const onednn::Primitive& primitive, LayerPlan& plan) const {
  plan.sums = b_.layout.add_temporary(primitive.dst.get_size(), id_);
  const std::size_t pixels = primitive.dst.get_size() / 4 / static_cast<std::size_t>(numbers_.split->row());
  plan.requantize = [r = requantize(), pixels](const std::int32_t* sums, const void* operand, void* dst) {
    kernels::requantize(r, pixels, sums, operand, dst);
  };
  const std::size_t values = pixels * static_cast<std::size_t>(numbers_.split->groups * numbers_.split->filters);
  plan.requantize_operand = split_.sum_in_primitive;
  plan.result_bytes = values * size_of(split_.primitive_dst.dtype);
}

void LayerBuilder::add_unsigned_copy(LayerPlan& plan) const {
  const kernels::Frame& f = frame_;
  const std::int64_t pixels = f.images * (f.height + f.top + f.bottom) * (f.width + f.left + f.right);
  plan.copy = b_.layout.add_temporary(static_cast<std::size_t>(pixels * f.channels), id_);
  plan.copy_source = [f](const std::byte* src, std::byte* dst) {
    kernels::make_unsigned(f, reinterpret_cast<const std::int8_t*>(src), reinterpret_cast<std::uint8_t*>(dst));
  };
}

Result<std::unique_ptr<Step>> LayerBuilder::convolution(const ConvolutionOp& op) {
  const Value& dst = node_.outputs[0];
  if (src_.shape.size() != 4 || op.groups < 1 || src_.shape[1] % op.groups != 0) {
    return unsupported(node_, "needs an image value whose channels its groups divide");
  }
  const Shape weight_shape{op.num_filter, src_.shape[1] / op.groups, op.kernel[0], op.kernel[1]};
  OCTET_CHECK(check(weight_shape));
  OCTET_CHECK(make_numbers());
  if (quantized_) {
    OCTET_TRY(std::unique_ptr<Step> own, depthwise_step(b_, id_, op, numbers_, split_));
    if (own != nullptr) return own;
  }
  const std::int64_t times = repeats(static_cast<std::size_t>(dst.shape[0] * dst.shape[2] * dst.shape[3]));
  onednn::ConvolutionSpec spec;
  spec.src_shape = src_.shape;
  spec.dst_shape = dst.shape;
  spec.pad = op.pad;
  if (numbers_.unsigned_copy) {
    const Padding& p = op.pad;
    frame_ = {src_.shape[0], src_.shape[2], src_.shape[3], src_.shape[1], p.top, p.left, p.bottom, p.right};
    spec.src_shape[2] += p.top + p.bottom;
    spec.src_shape[3] += p.left + p.right;
    spec.pad = {};
  }
  spec.src_shape[0] /= times;
  spec.dst_shape[0] /= times;
  spec.dst_shape[1] = rows_of_weights();
  spec.weight_shape = weight_shape;
  spec.weight_shape[0] = rows_of_weights();
  spec.src = numbers_.unsigned_copy ? DType::u8 : src_.dtype;
  spec.sums = numbers_.split.has_value();
  spec.weight = quantized_ ? DType::s8 : DType::f32;
  spec.dst = split_.primitive_dst.dtype;
  spec.stride = op.stride;
  spec.dilate = op.dilate;
  spec.groups = op.groups;
  spec.bias = has_bias();
  spec.epilogue = epilogue();
  auto primitive = onednn::make_convolution(b_.engine, spec);
  if (!primitive) return unsupported(node_, primitive.error().message);
  const double window = static_cast<double>(weight_shape[1] * weight_shape[2] * weight_shape[3]);
  const double pixels = static_cast<double>(dst.shape[1] * dst.shape[2] * dst.shape[3]);
  return finish(std::move(*primitive), weight(), times, 2 * window * pixels);
}

/// Weight columns of an image in NCHW order, brought into NHWC order.
Result<Tensor> LayerBuilder::weight_for_nhwc(const Shape& image) const {
  const Tensor& plain = weight();
  OCTET_TRY(Tensor moved, Tensor::create(plain.dtype(), plain.shape()));
  const Shape shape{plain.shape()[0], image[1], image[2], image[3]};
  static constexpr std::array<std::int64_t, 4> kToNhwc{0, 2, 3, 1};
  kernels::transpose(shape, kToNhwc, size_of(plain.dtype()), plain.bytes().data(), kernels::Order::row_major,
                     moved.mutable_bytes().data(), kernels::Order::row_major);
  return moved;
}

/// The two-dimensional form gets oneDNN's best implementations. Where it is missing, as with a sum whose operand has
/// another type, a 1x1 convolution computes the same.
Result<onednn::Primitive> LayerBuilder::make_fully_connected(std::int64_t rows, std::int64_t inputs) const {
  onednn::InnerProductSpec spec;
  spec.rows = rows;
  spec.inputs = inputs;
  spec.outputs = rows_of_weights();
  spec.src = numbers_.unsigned_copy ? DType::u8 : src_.dtype;
  spec.weight = quantized_ ? DType::s8 : DType::f32;
  spec.dst = split_.primitive_dst.dtype;
  spec.bias = has_bias();
  spec.sums = numbers_.split.has_value();
  spec.epilogue = epilogue();
  auto primitive = onednn::make_inner_product(b_.engine, spec);
  if (primitive) return primitive;
  onednn::ConvolutionSpec convolution;
  convolution.src_shape = {rows, inputs, 1, 1};
  convolution.weight_shape = {spec.outputs, inputs, 1, 1};
  convolution.dst_shape = {rows, spec.outputs, 1, 1};
  convolution.src = spec.src;
  convolution.weight = spec.weight;
  convolution.dst = spec.dst;
  convolution.bias = spec.bias;
  convolution.sums = spec.sums;
  convolution.epilogue = spec.epilogue;
  return onednn::make_convolution(b_.engine, convolution);
}

Result<std::unique_ptr<Step>> LayerBuilder::fully_connected(const FullyConnectedOp& op) {
  const PlacedValue& placed = b_.placed_input(id_, 0);
  const std::int64_t elements = static_cast<std::int64_t>(bytes_of(src_) / size_of(src_.dtype));
  if (src_.shape.size() < 2) return unsupported(node_, "needs an input of two axes or more");
  if (!op.flatten && src_.shape.size() == 4) return unsupported(node_, "takes no image without flattening it");
  const std::int64_t rows = op.flatten ? src_.shape[0] : elements / src_.shape.back();
  const Shape weight_shape{op.num_hidden, elements / rows};
  OCTET_CHECK(check(weight_shape));
  OCTET_CHECK(make_numbers());
  Tensor plain = weight();
  if (src_.shape.size() == 4) {
    OCTET_TRY(plain, weight_for_nhwc(src_.shape));
  } else if (!placed.flattened.empty()) {
    OCTET_TRY(plain, weight_for_nhwc(placed.flattened));
  }
  const std::int64_t times = repeats(static_cast<std::size_t>(rows));
  if (numbers_.unsigned_copy) frame_ = {1, rows, 1, weight_shape[1]};
  auto primitive = make_fully_connected(rows / times, weight_shape[1]);
  if (!primitive) return unsupported(node_, primitive.error().message);
  const std::int64_t rows_per_image = rows / src_.shape[0];
  const double operations = 2.0 * static_cast<double>(plain.elements()) * static_cast<double>(rows_per_image);
  return finish(std::move(*primitive), plain, times, operations);
}

Result<std::unique_ptr<Step>> LayerBuilder::finish(onednn::Primitive primitive, const Tensor& weight,
                                                   std::int64_t repeats, double operations) {
  LayerPlan plan;
  OCTET_TRY(plan.weight, b_.weights.pack(b_.engine, id_, primitive, weight.bytes().data()));
  if (has_bias() && quantized_) {
    std::vector<std::int32_t> bias = numbers_.bias;
    for (std::size_t c = 0; c < bias.size(); ++c) bias[c] += numbers_.offset[c];
    OCTET_TRY(plan.bias, b_.weights.keep(id_, "bias", bias.data(), bias.size() * 4));
  } else if (has_bias()) {
    const std::span<const std::byte> bias = node_.params[1].value.bytes();
    OCTET_TRY(plan.bias, b_.weights.keep(id_, "bias", bias.data(), bias.size()));
  }
  if (numbers_.unsigned_copy) add_unsigned_copy(plan);
  plan.repeats = repeats;
  plan.src = b_.placed_input(id_, 0).location;
  plan.dst = b_.output_buffer(id_);
  const Value& dst = node_.outputs[0];
  Value result = split_.primitive_dst;
  result.shape = dst.shape;
  const bool in_place = b_.layout.nodes[id_].overwritten >= 0;  // dst is the operand's memory
  const bool late_sum = operand_ != nullptr && !split_.sum_in_primitive;
  if (result.quantized() != dst.quantized() || (late_sum && in_place)) {
    plan.work = b_.layout.add_temporary(bytes_of(result), id_);
  }
  if (operand_ != nullptr) {
    plan.operand = b_.placed_input(id_, node_.inputs.size() - 1).location;
    plan.operand_bytes = bytes_of(*operand_);
    plan.copy_operand = split_.sum_in_primitive && !numbers_.split && !(in_place && plan.work < 0);
  }
  if (!split_.rest.empty() || plan.work >= 0) plan.tail = make_tail(split_, dst, operand_);
  if (numbers_.split) add_sums(primitive, plan);
  StepInfo info{node_.name, describe(node_), primitive.implementation, operations};
  plan.primitive = std::move(primitive);
  return layer_step(std::move(plan), std::move(info));
}

}  // namespace

Result<std::unique_ptr<Step>> make_layer_step(StepBuilder& builder, NodeId id) {
  LayerBuilder layer(builder, id);
  if (const auto* convolution = builder.node(id).as<ConvolutionOp>()) return layer.convolution(*convolution);
  if (const auto* fully_connected = builder.node(id).as<FullyConnectedOp>()) {
    return layer.fully_connected(*fully_connected);
  }
  return unsupported(builder.node(id), "is no layer");
}

}  // namespace octet
