// Weights made for symbols without any: shapes, sizes of activations, the same bits everywhere.
#include "octet/graph/random_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <bit>
#include <cmath>

#include "graph/evaluate.h"
#include "graph/net.h"

namespace octet {
namespace {

using test::Net;

/// A variable without a value in place of a stored one.
Net without_values(Net net) {
  net.params.clear();
  return net;
}

Net residual(int blocks, bool norm) {
  Net net(3, 6, 6);
  auto at = net.convolution("first", net.data(), 3, 8);
  for (int i = 0; i < blocks; ++i) {
    const std::string name = "block" + std::to_string(i);
    auto branch = net.convolution(name + "_conv", at, 8, 8);
    if (norm) branch = net.batch_norm(name + "_bn", branch, 8);
    at = net.relu(name + "_relu", norm ? net.add(name + "_plus", branch, at) : branch);
  }
  net.head(
      net.op("FullyConnected", "fc", {{"num_hidden", "5"}}, {at, net.variable("fc_weight"), net.variable("fc_bias")}));
  return without_values(std::move(net));
}

double deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double v : values) {
    sum += v;
    squares += v * v;
  }
  const auto n = static_cast<double>(values.size());
  return std::sqrt(std::max(squares / n - sum / n * (sum / n), 0.0));
}

/// A made network's value behind the node called `head`, for random pixels.
std::vector<double> run(Net net, const std::string& head) {
  for (std::uint32_t id = 0; id < net.symbol.nodes.size(); ++id) {
    if (net.symbol.nodes[id].name == head) net.symbol.heads = {{id, 0, 0}};
  }
  net.params = random_weights(net.symbol, net.preprocess, 1, "net").value();
  const Tensor pixels = test::random_tensor({1, 3, 6, 6}, 9, 0, 255);
  const auto values = pixels.as<float>();
  return test::evaluate(net.graph(), {values.begin(), values.end()});
}

TEST(RandomWeights, FillEveryVariable) {
  Net net = residual(2, true);
  net.params = random_weights(net.symbol, net.preprocess, 0, "net").value();
  EXPECT_EQ(net.params.size(), 2U + 2 * 6 + 2);
  EXPECT_EQ(net.params.at("fc_weight").value.shape(), (Shape{5, 8 * 6 * 6}));
  EXPECT_EQ(net.params.at("block1_bn_moving_var").role, NamedTensor::Role::aux);
  EXPECT_EQ(net.params.at("block1_bn_gamma").role, NamedTensor::Role::arg);
  const auto built = net.build();
  EXPECT_TRUE(built) << to_string(built.error());
}

TEST(RandomWeights, KeepActivationsInRangeThroughManyLayers) {
  for (const bool norm : {true, false}) {
    for (const char* head : {"block0_relu", "block19_relu", "block59_relu"}) {
      const double size = deviation(run(residual(60, norm), head));
      EXPECT_GT(size, norm ? 0.2 : 0.05) << norm << head;
      EXPECT_LT(size, 20) << norm << head;  // 60 summed branches of size 1 make 8
    }
  }
  // The first layer sees pixels of 0..255.
  EXPECT_NEAR(deviation(run(residual(1, true), "block0_conv")), 1, 0.6);
}

TEST(RandomWeights, AreTheSameBitsEverywhere) {
  const Net net = residual(3, true);
  const ParamMap made = random_weights(net.symbol, net.preprocess, 7, "net").value();
  const auto bits = [&](const char* name) { return std::bit_cast<std::uint32_t>(made.at(name).value.as<float>()[0]); };
  EXPECT_EQ(bits("first_weight"), 3155500966U);
  EXPECT_EQ(bits("block2_bn_moving_mean"), 1064371967U);
  EXPECT_EQ(bits("block2_bn_moving_var"), 1059439658U);
  const ParamMap again = random_weights(net.symbol, net.preprocess, 7, "net").value();
  const ParamMap other = random_weights(net.symbol, net.preprocess, 8, "net").value();
  EXPECT_TRUE(std::ranges::equal(made.at("fc_weight").value.bytes(), again.at("fc_weight").value.bytes()));
  EXPECT_FALSE(std::ranges::equal(made.at("fc_weight").value.bytes(), other.at("fc_weight").value.bytes()));
}

TEST(RandomWeights, HonourFixedGammaAndSharedVariables) {
  Net net(3, 6, 6);
  const auto weight = net.variable("shared_weight");
  const test::Attributes attributes{{"kernel", "(1, 1)"}, {"num_filter", "3"}, {"no_bias", "True"}};
  auto at = net.op("Convolution", "a", attributes, {net.data(), weight});
  at = net.batch_norm("bn", at, 3, {{"fix_gamma", "True"}});
  net.head(net.op("Convolution", "b", attributes, {at, weight}));
  net = without_values(std::move(net));
  net.params = random_weights(net.symbol, net.preprocess, 0, "net").value();
  EXPECT_THAT(net.params.at("bn_gamma").value.as<float>(), testing::Each(1.0F));
  EXPECT_EQ(net.params.size(), 5U);
  EXPECT_TRUE(net.build());
}

TEST(RandomWeights, RefuseWhatTheyCannotSize) {
  Net huge(3, 6, 6);
  const test::Attributes fully{{"num_hidden", "16000000"}, {"no_bias", "True"}};
  huge.head(huge.op("FullyConnected", "fc", fully, {huge.data(), huge.variable("w")}));
  auto made = random_weights(huge.symbol, huge.preprocess, 0, "net");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::limit);
  EXPECT_THAT(made.error().where, testing::HasSubstr("fc"));

  Net doubled(3, 6, 6);  // 3 * 8^8 channels, each with its moments
  auto at = doubled.data();
  for (int i = 0; i < 8; ++i) {
    at = doubled.op("Concat", "c" + std::to_string(i), {{"num_args", "8"}}, {at, at, at, at, at, at, at, at});
  }
  doubled.head(at);
  made = random_weights(doubled.symbol, doubled.preprocess, 0, "net");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::limit);
  EXPECT_THAT(to_string(made.error()), testing::HasSubstr("node 'c7' (Concat): all layers"));

  Net bare(3, 6, 6);
  bare.head(bare.add("sum", bare.data(), bare.variable("offset")));
  made = random_weights(bare.symbol, bare.preprocess, 0, "net");
  ASSERT_FALSE(made);
  EXPECT_THAT(to_string(made.error()), testing::HasSubstr("offset"));
  bare.symbol.nodes[1].attrs = {{"__shape__", "(1, 3, 6, 6)"}, {"__init__", R"(["constant", {"value": 20}])"}};
  made = random_weights(bare.symbol, bare.preprocess, 0, "net");
  ASSERT_TRUE(made) << to_string(made.error());
  EXPECT_THAT(made->at("offset").value.as<float>(), testing::Each(20.0F));

  bare.symbol.attrs["octet_format"] = "1";
  made = random_weights(bare.symbol, bare.preprocess, 0, "net");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace octet
