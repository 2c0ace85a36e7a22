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
    split_ = split_post_ops(node_, quantized_, operand_);
  }

  Result<std::unique_ptr<Step>> convolution(const ConvolutionOp& op);
  Result<std::unique_ptr<Step>> fully_connected(const FullyConnectedOp& op);

 private:
  Result<void> check(const Shape& weight_shape) const;
  Result<void> make_numbers();
  onednn::Epilogue epilogue() const {
    return {quantized_ ? numbers_.output_scale : std::vector<float>{}, split_.fused};
  }
  bool has_bias() const { return node_.params.size() > 1; }
  /// Float layers are computed image by image, so that no result depends on the mini-batch.
  std::int64_t repeats() const { return !quantized_ && src_.shape[0] == b_.images ? b_.images : 1; }
  const Tensor& weight() const { return quantized_ ? numbers_.weight.value : node_.params[0].value; }
  Result<Tensor> weight_for_nhwc(const Shape& image) const;
  Result<onednn::Primitive> make_fully_connected(std::int64_t rows, const Shape& weight_shape) const;
  Result<std::unique_ptr<Step>> finish(onednn::Primitive primitive, const Tensor& weight, std::int64_t repeats,
                                       double operations);

  StepBuilder& b_;
  NodeId id_;
  const Node& node_;
  const Value& src_;
  const Value* operand_ = nullptr;
  bool quantized_ = false;
  PostOpSplit split_;
  Int8Layer numbers_;
};

Result<void> LayerBuilder::check(const Shape& weight_shape) const {
  const auto fault = [&](const std::string& what) { return Error{ErrorCode::invalid_model, node_.name, what}; };
  if (quantized_ != src_.quantized()) {
    return unsupported(node_, quantized_ ? "has s8 weights but an f32 input" : "has f32 weights but a quantised input");
  }
  if (node_.params.empty() || node_.params[0].value.shape() != weight_shape) {
    return fault("needs a weight of shape " + to_string(weight_shape));
  }
  if (!quantized_ && node_.params[0].value.as<float>().empty()) return fault("the weight is neither f32 nor s8");
  if (has_bias() && node_.params[1].value.as<float>().size() != static_cast<std::size_t>(weight_shape[0])) {
    return fault("needs an f32 bias with one value per output");
  }
  if (operand_ != nullptr && operand_->shape != node_.outputs[0].shape) return fault("the sum's shapes differ");
  return {};
}

Result<void> LayerBuilder::make_numbers() {
  if (!quantized_) return {};
  OCTET_TRY(numbers_, int8_layer(node_, src_, split_.primitive_dst, has_int8_dot_product()));
  return {};
}

Result<std::unique_ptr<Step>> LayerBuilder::convolution(const ConvolutionOp& op) {
  const Value& dst = node_.outputs[0];
  if (src_.shape.size() != 4 || op.groups < 1 || src_.shape[1] % op.groups != 0) {
    return unsupported(node_, "needs an image value whose channels its groups divide");
  }
  const Shape weight_shape{op.num_filter, src_.shape[1] / op.groups, op.kernel[0], op.kernel[1]};
  OCTET_CHECK(check(weight_shape));
  OCTET_CHECK(make_numbers());
  const std::int64_t times = repeats();
  onednn::ConvolutionSpec spec;
  spec.src_shape = src_.shape;
  spec.dst_shape = dst.shape;
  spec.src_shape[0] /= times;
  spec.dst_shape[0] /= times;
  spec.weight_shape = weight_shape;
  spec.src = src_.dtype;
  spec.weight = quantized_ ? DType::s8 : DType::f32;
  spec.dst = split_.primitive_dst.dtype;
  spec.stride = op.stride;
  spec.dilate = op.dilate;
  spec.pad = op.pad;
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

/// The two-dimensional form gets oneDNN's best implementations. Where it would be wrong or is
/// missing, a 1x1 convolution computes the same: without an int8 dot product the s8 x s8 product of
/// a single output saturates in 2.6; a sum whose operand has another type cannot be created.
Result<onednn::Primitive> LayerBuilder::make_fully_connected(std::int64_t rows, const Shape& weight_shape) const {
  if (src_.dtype != DType::s8 || has_int8_dot_product()) {
    onednn::InnerProductSpec spec;
    spec.rows = rows;
    spec.inputs = weight_shape[1];
    spec.outputs = weight_shape[0];
    spec.src = src_.dtype;
    spec.weight = quantized_ ? DType::s8 : DType::f32;
    spec.dst = split_.primitive_dst.dtype;
    spec.bias = has_bias();
    spec.epilogue = epilogue();
    auto primitive = onednn::make_inner_product(b_.engine, spec);
    if (primitive) return primitive;
  }
  onednn::ConvolutionSpec spec;
  spec.src_shape = {rows, weight_shape[1], 1, 1};
  spec.weight_shape = {weight_shape[0], weight_shape[1], 1, 1};
  spec.dst_shape = {rows, weight_shape[0], 1, 1};
  spec.src = src_.dtype;
  spec.weight = quantized_ ? DType::s8 : DType::f32;
  spec.dst = split_.primitive_dst.dtype;
  spec.bias = has_bias();
  spec.epilogue = epilogue();
  return onednn::make_convolution(b_.engine, spec);
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
  const std::int64_t times = repeats();
  auto primitive = make_fully_connected(rows / times, weight_shape);
  if (!primitive) return unsupported(node_, primitive.error().message);
  const std::int64_t rows_per_image = rows / src_.shape[0];
  const double operations = 2.0 * static_cast<double>(plain.elements()) * static_cast<double>(rows_per_image);
  return finish(std::move(*primitive), plain, times, operations);
}

Result<std::unique_ptr<Step>> LayerBuilder::finish(onednn::Primitive primitive, const Tensor& weight,
                                                   std::int64_t repeats, double operations) {
  LayerPlan plan;
  OCTET_TRY(plan.weight, b_.weights.pack(b_.engine, id_, primitive, weight.bytes().data()));
  if (has_bias()) {
    const Tensor& bias = node_.params[1].value;
    const void* data = quantized_ ? static_cast<const void*>(numbers_.bias.data()) : bias.bytes().data();
    OCTET_TRY(plan.bias, b_.weights.keep(id_, "bias", data, bias.elements() * 4));
  }
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
    plan.copy_operand = split_.sum_in_primitive && !(in_place && plan.work < 0);
  }
  if (!split_.rest.empty() || plan.work >= 0) plan.tail = make_tail(split_, dst, operand_);
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
