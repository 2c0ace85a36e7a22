// Operators that change the size of an image value: UpSampling, adaptive pooling, Deconvolution.
#include "octet/graph/ops.h"

namespace octet {
namespace {

std::vector<std::int64_t> tuple(const Size2& size) { return {size.begin(), size.end()}; }

Error not_an_image(const Shape& shape) { return misfit("the input " + to_string(shape) + " is not (N, C, H, W)"); }

Result<ParsedOperator> parse_up_sampling(AttributeReader& a) {
  const UpSamplingOp op{a.integer("scale", std::nullopt, 1, 64)};
  a.only("sample_type", {"nearest"});  // bilinear is a Deconvolution with weights of its own
  if (a.integer("num_args", 1) != 1 || a.inputs() > 1) {
    a.problem("only one input is supported", ErrorCode::unsupported);
  }
  a.ignore({"num_filter", "multi_input_mode", "workspace"});
  return ParsedOperator{op, {"data"}, {}, {}};
}

Result<InferredShapes> infer_up_sampling(const Node& node, std::span<const Shape> inputs) {
  Shape out = inputs[0];
  if (out.size() != 4) return not_an_image(out);
  out[2] *= node.as<UpSamplingOp>()->scale;
  out[3] *= node.as<UpSamplingOp>()->scale;
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_up_sampling(const Node& node, AttributeWriter& a) {
  a.set("scale", node.as<UpSamplingOp>()->scale);
  a.set("sample_type", std::string("nearest"));
  a.set("num_args", std::int64_t{1});
  return "UpSampling";
}

Result<ParsedOperator> parse_adaptive_pooling(AttributeReader& a) {
  AdaptivePoolingOp op;
  const auto size = a.integers("output_size", 1, kMaxWindow).value_or(std::vector<std::int64_t>{});
  if (size.size() > 2) a.problem("attribute 'output_size' has more than two sizes");
  if (!size.empty()) op.output = {size.front(), size.back()};
  if (op.output == Size2{1, 1}) {
    PoolingOp global;
    global.kind = PoolKind::avg;
    global.global = true;
    return ParsedOperator{global, {"data"}, {}, {}};
  }
  return ParsedOperator{op, {"data"}, {}, {}};
}

Result<InferredShapes> infer_adaptive_pooling(const Node& node, std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  if (x.size() != 4) return not_an_image(x);
  const Size2& output = node.as<AdaptivePoolingOp>()->output;
  return InferredShapes{{{x[0], x[1], output[0], output[1]}}, {}};
}

std::string write_adaptive_pooling(const Node& node, AttributeWriter& a) {
  a.set("output_size", tuple(node.as<AdaptivePoolingOp>()->output));
  return "_contrib_AdaptiveAvgPooling2D";
}

Result<ParsedOperator> parse_deconvolution(AttributeReader& a) {
  DeconvolutionOp op;
  op.kernel = read_size2(a, "kernel", 1, std::nullopt);
  op.stride = read_size2(a, "stride", 1, Size2{1, 1});
  op.dilate = read_size2(a, "dilate", 1, Size2{1, 1});
  op.pad = read_size2(a, "pad", 0, Size2{0, 0});
  op.adjust = read_size2(a, "adj", 0, Size2{0, 0});
  if (read_size2(a, "target_shape", 0, Size2{0, 0}) != Size2{0, 0}) {
    a.problem("attribute 'target_shape' is not supported: state pad and adj", ErrorCode::unsupported);
  }
  op.num_filter = a.integer("num_filter", std::nullopt, 1);
  op.groups = a.integer("num_group", 1, 1);
  const bool no_bias = a.boolean("no_bias", true);
  a.only("layout", {"None", "NCHW"});
  a.ignore({"workspace", "cudnn_tune", "cudnn_off"});
  if (op.num_filter % op.groups != 0) {
    a.problem("num_filter " + std::to_string(op.num_filter) + " is not a multiple of num_group " +
              std::to_string(op.groups));
  }
  for (std::size_t k = 0; k < 2; ++k) {
    if (op.adjust[k] >= op.stride[k]) a.problem("attribute 'adj' is not below 'stride'");
  }
  std::vector<std::string> params{"weight"};
  if (!no_bias) params.emplace_back("bias");
  return ParsedOperator{op, {"data"}, std::move(params), {}};
}

Result<InferredShapes> infer_deconvolution(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<DeconvolutionOp>();
  const Shape& x = inputs[0];
  if (x.size() != 4) return not_an_image(x);
  if (x[1] % op.groups != 0) {
    return misfit(std::to_string(x[1]) + " input channels do not divide into " + std::to_string(op.groups) + " groups");
  }
  InferredShapes shapes{{{x[0], op.num_filter}}, {{x[1], op.num_filter / op.groups, op.kernel[0], op.kernel[1]}}};
  for (std::size_t k = 0; k < 2; ++k) {
    const std::int64_t full = op.stride[k] * (x[2 + k] - 1) + op.dilate[k] * (op.kernel[k] - 1) + 1;
    const std::int64_t size = full - 2 * op.pad[k] + op.adjust[k];
    if (size < 1) return misfit("the padding leaves nothing of " + std::to_string(full));
    shapes.outputs[0].push_back(size);
  }
  if (node.params.size() > 1) shapes.params.push_back({op.num_filter});
  return shapes;
}

std::string write_deconvolution(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<DeconvolutionOp>();
  a.set("num_filter", op.num_filter);
  a.set("kernel", tuple(op.kernel));
  a.set("stride", tuple(op.stride), {1, 1});
  a.set("dilate", tuple(op.dilate), {1, 1});
  a.set("pad", tuple(op.pad), {0, 0});
  a.set("adj", tuple(op.adjust), {0, 0});
  a.set("num_group", op.groups, std::int64_t{1});
  a.set("no_bias", node.params.size() < 2, true);
  return "Deconvolution";
}

}  // namespace

const OpKind& kind_of(const UpSamplingOp& /*op*/) {
  static const OpKind kind{"UpSampling", 1, 1, 0, 0, false, infer_up_sampling, write_up_sampling};
  return kind;
}

const OpKind& kind_of(const AdaptivePoolingOp& /*op*/) {
  static const OpKind kind{"AdaptiveAvgPooling2D", 1, 1, 0, 0, false, infer_adaptive_pooling, write_adaptive_pooling};
  return kind;
}

const OpKind& kind_of(const DeconvolutionOp& /*op*/) {
  static const OpKind kind{"Deconvolution", 1, 1, 1, 2, false, infer_deconvolution, write_deconvolution};
  return kind;
}

std::span<const OperatorDef> spatial_operators() {
  static const std::vector<OperatorDef> table{
      {{"UpSampling"}, parse_up_sampling},
      {{"_contrib_AdaptiveAvgPooling2D"}, parse_adaptive_pooling},
      {{"Deconvolution"}, parse_deconvolution},
  };
  return table;
}

}  // namespace octet
