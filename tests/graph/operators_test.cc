// Every operator: MXNet's defaults, names, values that are refused, and writing back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>

#include "graph/net.h"
#include "graph/parsing.h"
#include "octet/graph/ops.h"

namespace octet {
namespace {

using test::Attributes;
using test::parse;
using test::parsed;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(OperatorDefaults, Convolution) {
  const auto op = parsed<ConvolutionOp>("Convolution", {{"kernel", "(3, 5)"}, {"num_filter", "8"}});
  EXPECT_EQ(op.num_filter, 8);
  EXPECT_EQ(op.kernel, (Size2{3, 5}));
  EXPECT_EQ(op.stride, (Size2{1, 1}));
  EXPECT_EQ(op.dilate, (Size2{1, 1}));
  EXPECT_EQ(op.pad, Padding{});
  EXPECT_EQ(op.groups, 1);
  const auto result = parse("Convolution", {{"kernel", "(3, 5)"}, {"num_filter", "8"}});
  EXPECT_THAT(result->params, ElementsAre("weight", "bias")) << "no_bias is False unless written";
  const auto full = parse("Convolution_v1", {{"kernel", "(3,3)"},
                                             {"num_filter", "8"},
                                             {"pad", "(1, 2)"},
                                             {"stride", "[2, 3]"},
                                             {"dilate", "(4L, 5L)"},
                                             {"num_group", "2"},
                                             {"no_bias", "True"},
                                             {"workspace", "1024"},
                                             {"cudnn_tune", "off"},
                                             {"cudnn_off", "False"},
                                             {"layout", "None"},
                                             {"__hidden__", "x"}});
  ASSERT_TRUE(full) << to_string(full.error());
  const auto& conv = std::get<ConvolutionOp>(full->op);
  EXPECT_EQ(conv.pad, (Padding{1, 2, 1, 2}));
  EXPECT_EQ(conv.stride, (Size2{2, 3}));
  EXPECT_EQ(conv.dilate, (Size2{4, 5}));
  EXPECT_EQ(conv.groups, 2);
  EXPECT_THAT(full->params, ElementsAre("weight"));
}

TEST(OperatorDefaults, FullyConnectedAndBatchNorm) {
  const auto fc = parsed<FullyConnectedOp>("FullyConnected", {{"num_hidden", "10"}});
  EXPECT_EQ(fc.num_hidden, 10);
  EXPECT_TRUE(fc.flatten);
  EXPECT_THAT(parse("FullyConnected", {{"num_hidden", "10"}})->params, ElementsAre("weight", "bias"));
  const auto bn = parsed<BatchNormOp>("BatchNorm", {});
  EXPECT_EQ(bn.eps, 1e-3);
  EXPECT_TRUE(bn.fix_gamma);
  EXPECT_EQ(bn.axis, 1);
  EXPECT_THAT(parse("BatchNorm_v1", {{"momentum", "0.9"}})->params,
              ElementsAre("gamma", "beta", "moving_mean", "moving_var"));
  EXPECT_EQ(parsed<BatchNormOp>("BatchNorm", {{"eps", "2e-05"}}).eps, 2e-05) << "eps is double precision";
}

TEST(OperatorDefaults, Eltwise) {
  const auto kind = [](const char* op, const Attributes& a) { return parsed<EltwiseOp>(op, a).kind; };
  EXPECT_EQ(kind("Activation", {{"act_type", "relu"}}), EltwiseKind::relu);
  EXPECT_EQ(kind("Activation", {{"act_type", "sigmoid"}}), EltwiseKind::sigmoid);
  EXPECT_EQ(kind("Activation", {{"act_type", "tanh"}}), EltwiseKind::tanh);
  EXPECT_EQ(kind("Activation", {{"act_type", "softrelu"}}), EltwiseKind::softrelu);
  EXPECT_EQ(kind("Activation", {{"act_type", "softsign"}}), EltwiseKind::softsign);
  EXPECT_EQ(kind("relu", {}), EltwiseKind::relu);
  EXPECT_EQ(kind("sigmoid", {}), EltwiseKind::sigmoid);
  EXPECT_EQ(kind("tanh", {}), EltwiseKind::tanh);
  const auto leaky = parsed<EltwiseOp>("LeakyReLU", {});
  EXPECT_EQ(leaky.kind, EltwiseKind::leaky_relu);
  EXPECT_EQ(leaky.alpha, 0.25F);
  const auto elu = parsed<EltwiseOp>("LeakyReLU", {{"act_type", "elu"}, {"slope", "0.5"}});
  EXPECT_EQ(elu.kind, EltwiseKind::elu);
  EXPECT_EQ(elu.alpha, 0.5F);
  const auto clip = parsed<EltwiseOp>("clip", {{"a_min", "0"}, {"a_max", "6"}});
  EXPECT_EQ(clip.kind, EltwiseKind::clip);
  EXPECT_EQ(clip.alpha, 0);
  EXPECT_EQ(clip.beta, 6);
}

TEST(OperatorDefaults, Pooling) {
  const auto op = parsed<PoolingOp>("Pooling", {{"kernel", "(2, 2)"}});
  EXPECT_EQ(op.kind, PoolKind::max);
  EXPECT_FALSE(op.global);
  EXPECT_EQ(op.convention, PoolConvention::valid);
  EXPECT_EQ(op.stride, (Size2{1, 1}));
  EXPECT_EQ(op.pad, (Size2{0, 0}));
  EXPECT_TRUE(op.count_include_pad);
  EXPECT_TRUE(parsed<PoolingOp>("Pooling", {{"kernel", "(2,2)"}, {"count_include_pad", "None"}}).count_include_pad);
  EXPECT_FALSE(parsed<PoolingOp>("Pooling", {{"kernel", "(2,2)"}, {"count_include_pad", "False"}}).count_include_pad);
  EXPECT_TRUE(parsed<PoolingOp>("Pooling", {{"global_pool", "True"}, {"kernel", "(7,)"}}).global)
      << "a global pool ignores its kernel";
  EXPECT_EQ(parsed<PoolingOp>("Pooling_v1", {{"kernel", "(3,3)"}, {"pooling_convention", "full"}}).convention,
            PoolConvention::full);
}

TEST(OperatorDefaults, ShapeOperators) {
  EXPECT_EQ(parsed<ConcatOp>("Concat", {{"num_args", "3"}}, 3).axis, 1);
  EXPECT_EQ(parsed<ConcatOp>("concat", {{"dim", "-1"}}, 2).axis, -1);
  EXPECT_TRUE(parsed<TransposeOp>("transpose", {}).axes.empty());
  const auto reshape = parsed<ReshapeOp>("Reshape", {{"shape", "(0, -1, 91)"}});
  EXPECT_THAT(reshape.shape, ElementsAre(0, -1, 91));
  EXPECT_FALSE(reshape.reverse);
  EXPECT_THAT(parsed<ReshapeOp>("Reshape", {{"target_shape", "(0,128)"}}).shape, ElementsAre(-1, 128));
  EXPECT_THAT(parsed<ReshapeOp>("Reshape", {{"target_shape", "(2,0)"}, {"keep_highest", "True"}}).shape,
              ElementsAre(0, -1));
  const auto pad = parsed<PadOp>("Pad", {{"mode", "constant"}, {"pad_width", "(0, 0, 0, 0, 1, 2, 3, 4)"}});
  EXPECT_THAT(pad.before, ElementsAre(0, 0, 1, 3));
  EXPECT_THAT(pad.after, ElementsAre(0, 0, 2, 4));
  EXPECT_EQ(pad.value, 0);
  parsed<FlattenOp>("Flatten", {});
  parsed<FlattenOp>("flatten", {});
}

TEST(OperatorDefaults, Softmax) {
  const auto plain = parsed<SoftmaxOp>("softmax", {});
  EXPECT_EQ(plain.axis, -1);
  EXPECT_FALSE(plain.per_sample);
  EXPECT_EQ(plain.temperature, 1);
  EXPECT_EQ(parsed<SoftmaxOp>("softmax", {{"temperature", "None"}, {"dtype", "None"}}).temperature, 1);
  const auto output = parsed<SoftmaxOp>("SoftmaxOutput", {{"grad_scale", "1"}, {"normalization", "valid"}});
  EXPECT_TRUE(output.per_sample);
  EXPECT_EQ(parsed<SoftmaxOp>("Softmax", {{"multi_output", "True"}}).axis, 1);
  EXPECT_FALSE(parsed<SoftmaxOp>("Softmax", {{"multi_output", "True"}}).per_sample);
  EXPECT_EQ(parsed<SoftmaxOp>("SoftmaxOutput", {{"preserve_shape", "True"}}).axis, -1);
  EXPECT_THAT(parse("SoftmaxOutput", {})->unused, ElementsAre("label"));
  EXPECT_EQ(parsed<EltwiseOp>("LogisticRegressionOutput", {{"grad_scale", "2"}}).kind, EltwiseKind::sigmoid);
  EXPECT_THAT(parse("LogisticRegressionOutput", {})->unused, ElementsAre("label"));
  for (const char* head : {"LinearRegressionOutput", "MAERegressionOutput", "SVMOutput"}) {
    EXPECT_TRUE(std::holds_alternative<IdentityOp>(parse(head, {})->op)) << head;
    EXPECT_THAT(parse(head, {})->unused, ElementsAre("label")) << head;
  }
  EXPECT_FALSE(parse("LinearRegressionOutput", {{"scale", "2"}}));
  EXPECT_TRUE(parsed<SoftmaxOp>("SoftmaxActivation", {}).per_sample);
  EXPECT_EQ(parsed<SoftmaxOp>("SoftmaxActivation", {{"mode", "channel"}}).axis, 1);
}

TEST(OperatorDefaults, MultiBoxDetection) {
  for (const char* name : {"_contrib_MultiBoxDetection", "MultiBoxDetection"}) {
    const auto op = parsed<MultiBoxDetectionOp>(name, {}, 3);
    EXPECT_TRUE(op.clip);
    EXPECT_EQ(op.threshold, 0.01F);
    EXPECT_EQ(op.nms_threshold, 0.5F);
    EXPECT_FALSE(op.force_suppress);
    EXPECT_EQ(op.variances, (std::array{0.1F, 0.1F, 0.2F, 0.2F}));
    EXPECT_EQ(op.nms_topk, -1);
  }
}

TEST(OperatorDefaults, SumsAndIdentities) {
  for (const char* name : {"elemwise_add", "_add", "_plus", "_Plus"}) {
    parsed<AddOp>(name, {}, 2);
  }
  for (const char* name : {"identity", "_copy", "BlockGrad", "stop_gradient"}) parsed<IdentityOp>(name, {});
  parsed<IdentityOp>("Dropout", {{"p", "0.5"}, {"mode", "training"}, {"axes", "()"}});
}

struct Refused {
  const char* op;
  Attributes attributes;
  ErrorCode code;
  const char* message;
};

TEST(Operators, RefuseWhatTheyCannotDo) {
  const Attributes conv{{"kernel", "(3, 3)"}, {"num_filter", "8"}};
  const auto with = [&](const char* key, const char* value) {
    Attributes a = conv;
    a[key] = value;
    return a;
  };
  constexpr auto kBad = ErrorCode::invalid_model, kUnsupported = ErrorCode::unsupported;
  const std::vector<Refused> cases{
      {"Convolution", {{"kernel", "(3, 3)"}}, kBad, "'num_filter' is missing"},
      {"Convolution", {{"num_filter", "8"}}, kBad, "'kernel' is missing"},
      {"Convolution", with("kernel", "(3, 3, 3)"), kUnsupported, "only 2-D"},
      {"Convolution", with("kernel", "(3,)"), kUnsupported, "only 2-D"},
      {"Convolution", with("kernel", "(0, 3)"), kBad, "'kernel'"},
      {"Convolution", with("stride", "(0, 1)"), kBad, "'stride' = '(0, 1)'"},
      {"Convolution", with("pad", "(-1, 0)"), kBad, "'pad' = '(-1, 0)'"},
      {"Convolution", with("num_filter", "99999999999999999999"), kBad, "'num_filter'"},
      {"Convolution", with("num_group", "3"), kBad, "not a multiple"},
      {"Convolution", with("layout", "NHWC"), kUnsupported, "'layout' = 'NHWC'"},
      {"Convolution", with("filters", "3"), kBad, "unknown attribute 'filters'"},
      {"Activation", {}, kBad, "'act_type' is missing"},
      {"Activation", {{"act_type", "swoosh"}}, kBad, "'swoosh' is not one of relu"},
      {"Activation", {{"act_type", "mish"}}, kUnsupported, "'mish' is not supported"},
      {"LeakyReLU", {{"act_type", "selu"}}, kUnsupported, "gelu"},
      {"LeakyReLU", {{"act_type", "selu"}}, kUnsupported, "selu"},
      {"LeakyReLU", {{"slope", "inf"}}, kBad, "finite"},
      {"clip", {{"a_min", "0"}}, kBad, "'a_max' is missing"},
      {"clip", {{"a_min", "1"}, {"a_max", "0"}}, kBad, "above"},
      {"Pooling", {}, kBad, "'kernel'"},
      {"Pooling", {{"kernel", "(2, 2)"}, {"pool_type", "lp"}}, kUnsupported, "lp"},
      {"Pooling", {{"kernel", "(2, 2)"}, {"pooling_convention", "same"}}, kUnsupported, "same"},
      {"Reshape", {}, kBad, "'shape'"},
      {"Reshape", {{"shape", "(0, -5)"}}, kBad, "'shape'"},
      {"Reshape", {{"shape", "(-4, 1, 2)"}, {"reverse", "True"}}, kUnsupported, "-4"},
      {"Pad", {{"mode", "constant"}}, kBad, "'pad_width'"},
      {"Pad", {{"mode", "constant"}, {"pad_width", "(0, 0, 1)"}}, kBad, "'pad_width'"},
      {"Pad", {{"pad_width", "(0, 0)"}}, kBad, "'mode' is missing"},
      {"Concat", {{"num_args", "2"}}, kBad, "'num_args'"},
      {"softmax", {{"temperature", "0"}}, kBad, "temperature"},
      {"softmax", {{"use_length", "True"}}, kUnsupported, "use_length"},
      {"Dropout", {{"mode", "always"}}, kUnsupported, "always"},
      {"BatchNorm", {{"eps", "-1"}}, kBad, "eps"},
      {"_contrib_MultiBoxDetection", {{"variances", "(1, 2)"}}, kBad, "variances"},
      {"_contrib_MultiBoxDetection", {{"background_id", "3"}}, kUnsupported, "background_id"},
  };
  for (const Refused& c : cases) {
    const auto result = parse(c.op, c.attributes);
    ASSERT_FALSE(result) << c.op << ": " << c.message;
    EXPECT_EQ(result.error().code, c.code) << c.op << ": " << result.error().message;
    EXPECT_THAT(result.error().message, HasSubstr(c.message)) << c.op;
  }
}

TEST(Operators, UnknownOnesGetAHint) {
  const auto near = parse("Convolutoin", {});
  EXPECT_EQ(near.error().code, ErrorCode::unsupported);
  EXPECT_THAT(near.error().message, HasSubstr("'Convolutoin'"));
  EXPECT_THAT(near.error().message, HasSubstr("'Convolution'"));
  EXPECT_THAT(parse("_sg_mkldnn_conv", {}).error().message, HasSubstr("FP32 pair"));
  EXPECT_THAT(parse("_contrib_quantize_v2", {}).error().message, HasSubstr("FP32 pair"));
  EXPECT_THAT(parse("zzzzzzzzzzzz", {}).error().message, testing::Not(HasSubstr("nearest")));
}

/// What is written reads back to the same: same dump line of the operator.
TEST(Operators, WrittenAttributesReadBack) {
  PadOp pad;
  pad.mode = PadMode::reflect;
  pad.before = {0, 0, 1, 2};
  pad.after = {0, 0, 3, 4};
  std::vector<Op> ops{ConvolutionOp{8, {3, 5}, {2, 1}, {1, 2}, {1, 2, 1, 2}, 2},
                      ConvolutionOp{8, {3, 5}, {2, 1}, {1, 2}, {1, 2, 3, 4}, 1},
                      FullyConnectedOp{7, false},
                      FullyConnectedOp{7, true},
                      BatchNormOp{1e-5, false, 3},
                      BatchNormOp{},
                      PoolingOp{PoolKind::avg, false, PoolConvention::full, {3, 2}, {2, 1}, {1, 0}, false},
                      PoolingOp{PoolKind::sum, true},
                      ConcatOp{2},
                      AddOp{},
                      FlattenOp{},
                      ReshapeOp{{0, -3, -1}, true},
                      TransposeOp{{0, 2, 3, 1}},
                      SoftmaxOp{1, false, 0.7F},
                      SoftmaxOp{-1, true, 1},
                      IdentityOp{},
                      pad,
                      MultiBoxDetectionOp{false, 0.3F, 0.45F, true, {1, 2, 3, 0.1F}, 400},
                      NormalizeOp{{1.1F, 2.2F, 3.3F}, {0.1F, 0.2F, 0.3F}},
                      PReluOp{},
                      BinaryOp{BinaryKind::add},
                      BinaryOp{BinaryKind::sub},
                      BinaryOp{BinaryKind::mul},
                      BinaryOp{BinaryKind::div},
                      BinaryOp{BinaryKind::maximum},
                      BinaryOp{BinaryKind::minimum},
                      ReduceOp{ReduceKind::mean, {1, 3}, true, false},
                      ReduceOp{ReduceKind::sum, {}, false, true},
                      ReduceOp{ReduceKind::max, {2}, false, true},
                      ReduceOp{ReduceKind::min, {0}, true, false},
                      LrnOp{0.1F, 0.5F, 1, 7},
                      InstanceNormOp{0.5F},
                      UpSamplingOp{3},
                      AdaptivePoolingOp{{2, 3}},
                      DeconvolutionOp{6, {3, 4}, {2, 3}, {1, 2}, {1, 0}, {1, 2}, 2},
                      ExpandDimsOp{-2},
                      SqueezeOp{{1, 2}},
                      AddNOp{},
                      QuantizeOp{},
                      DequantizeOp{}};
  for (int kind = 0; kind <= static_cast<int>(EltwiseKind::not_equal); ++kind) {
    ops.push_back(EltwiseOp{static_cast<EltwiseKind>(kind), 0.1F, 5.5F});
  }
  for (const Op& op : ops) {
    Node node;
    node.op = op;
    node.params.resize(static_cast<std::size_t>(kind_of(op).max_params));
    node.inputs.resize(static_cast<std::size_t>(kind_of(op).min_inputs));
    AttributeWriter written;
    const std::string name = kind_of(op).write(node, written);
    SymbolNode symbol{name.starts_with(kOwnPrefix) ? name : std::string(kOwnPrefix) + name, "n", {}, {}, {}};
    symbol.attrs = written.attributes;
    symbol.inputs.resize(node.inputs.size() + node.params.size());
    const auto back = parse_operator(symbol);
    ASSERT_TRUE(back) << name << ": " << to_string(back.error());
    ASSERT_EQ(back->op.index(), op.index()) << name;
    Node again = node;
    again.op = back->op;
    AttributeWriter rewritten;
    EXPECT_EQ(kind_of(again.op).write(again, rewritten), name);
    EXPECT_EQ(rewritten.attributes, written.attributes) << name;
  }
}

}  // namespace
}  // namespace octet
