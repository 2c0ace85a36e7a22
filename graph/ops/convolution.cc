// Operators with weights: Convolution, FullyConnected, BatchNorm.
#include "octet/graph/ops.h"

namespace octet {
namespace {

std::vector<std::string> weight_names(bool no_bias) {
  return no_bias ? std::vector<std::string>{"weight"} : std::vector<std::string>{"weight", "bias"};
}

/// octet's own nodes may pad each side differently: "(top, left, bottom, right)".
void read_own_padding(AttributeReader& a, Padding& pad) {
  const std::string* text = a.own("pad");
  if (text == nullptr) return;
  const auto sides = parse_integers(*text);
  if (!sides || sides->size() != 4) return a.problem("'__octet_pad__' = '" + *text + "' is not four sizes");
  for (const std::int64_t side : *sides) {
    if (side < 0 || side > kMaxWindow) return a.problem("'__octet_pad__' = '" + *text + "' is out of range");
  }
  pad = {(*sides)[0], (*sides)[1], (*sides)[2], (*sides)[3]};
}

Result<ParsedOperator> parse_convolution(AttributeReader& a) {
  ConvolutionOp op;
  op.kernel = read_size2(a, "kernel", 1, std::nullopt);
  op.stride = read_size2(a, "stride", 1, Size2{1, 1});
  op.dilate = read_size2(a, "dilate", 1, Size2{1, 1});
  const Size2 pad = read_size2(a, "pad", 0, Size2{0, 0});
  op.pad = {pad[0], pad[1], pad[0], pad[1]};
  read_own_padding(a, op.pad);
  op.num_filter = a.integer("num_filter", std::nullopt, 1);
  op.groups = a.integer("num_group", 1, 1);
  const bool no_bias = a.boolean("no_bias", false);
  a.only("layout", {"None", "NCHW"});
  a.ignore({"workspace", "cudnn_tune", "cudnn_off"});
  if (op.num_filter % op.groups != 0) {
    a.problem("num_filter " + std::to_string(op.num_filter) + " is not a multiple of num_group " +
              std::to_string(op.groups));
  }
  return ParsedOperator{op, {"data"}, weight_names(no_bias), {}};
}

/// One axis of the output: floor((size + padding - (dilate * (kernel - 1) + 1)) / stride) + 1.
Result<std::int64_t> convolved(std::int64_t size, std::int64_t padding, std::int64_t kernel, std::int64_t stride,
                               std::int64_t dilate) {
  const std::int64_t extent = dilate * (kernel - 1) + 1;
  if (size + padding < extent) {
    return misfit("a window of " + std::to_string(extent) + " does not fit into " + std::to_string(size) + " + " +
                  std::to_string(padding) + " padding");
  }
  return (size + padding - extent) / stride + 1;
}

Result<InferredShapes> infer_convolution(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<ConvolutionOp>();
  const Shape& x = inputs[0];
  if (x.size() != 4) return misfit("the input " + to_string(x) + " is not (N, C, H, W)");
  if (x[1] % op.groups != 0) {
    return misfit(std::to_string(x[1]) + " input channels do not divide into " + std::to_string(op.groups) + " groups");
  }
  OCTET_TRY(const auto height, convolved(x[2], op.pad.top + op.pad.bottom, op.kernel[0], op.stride[0], op.dilate[0]));
  OCTET_TRY(const auto width, convolved(x[3], op.pad.left + op.pad.right, op.kernel[1], op.stride[1], op.dilate[1]));
  InferredShapes shapes;
  shapes.outputs = {{x[0], op.num_filter, height, width}};
  shapes.params = {{op.num_filter, x[1] / op.groups, op.kernel[0], op.kernel[1]}};
  if (node.params.size() > 1) shapes.params.push_back({op.num_filter});
  return shapes;
}

std::string write_convolution(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<ConvolutionOp>();
  const auto tuple = [](const Size2& size) { return std::vector<std::int64_t>(size.begin(), size.end()); };
  a.set("num_filter", op.num_filter);
  a.set("kernel", tuple(op.kernel));
  a.set("stride", tuple(op.stride), {1, 1});
  a.set("dilate", tuple(op.dilate), {1, 1});
  a.set("pad", std::vector<std::int64_t>{op.pad.top, op.pad.left}, {0, 0});
  if (op.pad.top != op.pad.bottom || op.pad.left != op.pad.right) {
    a.set("__octet_pad__", std::vector<std::int64_t>{op.pad.top, op.pad.left, op.pad.bottom, op.pad.right});
  }
  a.set("num_group", op.groups, std::int64_t{1});
  a.set("no_bias", node.params.size() < 2, false);
  return "Convolution";
}

Result<ParsedOperator> parse_fully_connected(AttributeReader& a) {
  FullyConnectedOp op;
  op.num_hidden = a.integer("num_hidden", std::nullopt, 1);
  op.flatten = a.boolean("flatten", true);
  return ParsedOperator{op, {"data"}, weight_names(a.boolean("no_bias", false)), {}};
}

Result<InferredShapes> infer_fully_connected(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<FullyConnectedOp>();
  const Shape& x = inputs[0];
  if (x.size() < 2) return misfit("the input " + to_string(x) + " has no axis to multiply");
  Shape out = x;
  std::int64_t width = x.back();
  if (op.flatten) {
    OCTET_TRY(const std::size_t rest, element_count(Shape(x.begin() + 1, x.end())));
    width = static_cast<std::int64_t>(rest);
    out.resize(2);
  }
  out.back() = op.num_hidden;
  InferredShapes shapes{{out}, {{op.num_hidden, width}}};
  if (node.params.size() > 1) shapes.params.push_back({op.num_hidden});
  return shapes;
}

std::string write_fully_connected(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<FullyConnectedOp>();
  a.set("num_hidden", op.num_hidden);
  a.set("flatten", op.flatten, true);
  a.set("no_bias", node.params.size() < 2, false);
  return "FullyConnected";
}

Result<ParsedOperator> parse_batch_norm(AttributeReader& a) {
  BatchNormOp op;
  op.eps = a.real64("eps", 1e-3);
  op.fix_gamma = a.boolean("fix_gamma", true);
  op.axis = a.integer("axis", 1, -32, 32);
  a.ignore({"momentum", "use_global_stats", "output_mean_var", "cudnn_off", "min_calib_range", "max_calib_range"});
  if (!(op.eps >= 0 && op.eps < 1e6)) a.problem("attribute 'eps' = '" + format(op.eps) + "' is out of range");
  return ParsedOperator{op, {"data"}, {"gamma", "beta", "moving_mean", "moving_var"}, {}};
}

Result<InferredShapes> infer_batch_norm(const Node& node, std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  OCTET_TRY(const auto axis, resolve_axis(node.as<BatchNormOp>()->axis, x.size()));
  const Shape channels{x[static_cast<std::size_t>(axis)]};
  return InferredShapes{{x}, {channels, channels, channels, channels}};
}

std::string write_batch_norm(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<BatchNormOp>();
  a.set("eps", op.eps, 1e-3);
  a.set("fix_gamma", op.fix_gamma, true);
  a.set("axis", op.axis, std::int64_t{1});
  return "BatchNorm";
}

}  // namespace

const OpKind& kind_of(const ConvolutionOp& /*op*/) {
  static const OpKind kind{"Convolution", 1, 1, 1, 2, true, infer_convolution, write_convolution};
  return kind;
}

const OpKind& kind_of(const FullyConnectedOp& /*op*/) {
  static const OpKind kind{"FullyConnected", 1, 1, 1, 2, true, infer_fully_connected, write_fully_connected};
  return kind;
}

const OpKind& kind_of(const BatchNormOp& /*op*/) {
  static const OpKind kind{"BatchNorm", 1, 1, 4, 4, true, infer_batch_norm, write_batch_norm};
  return kind;
}

std::span<const OperatorDef> convolution_operators() {
  static const std::vector<OperatorDef> table{
      {{"Convolution", "Convolution_v1", "ChannelwiseConvolution"}, parse_convolution},
      {{"FullyConnected"}, parse_fully_connected},
      {{"BatchNorm", "BatchNorm_v1"}, parse_batch_norm, 3},  // output, mean, variance
  };
  return table;
}

}  // namespace octet
