#include "octet/calibrator/equalize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "calibrator/network.h"
#include "octet/calibrator/calibrate.h"
#include "octet/executor/context.h"

namespace octet {
namespace {

using test::find;
using test::Network;

std::vector<float> run(const Graph& graph, const std::vector<std::uint8_t>& pixels) {
  const auto plan = Plan::compile(graph).value();
  const auto context = Context::create(plan).value();
  std::vector<float> result(plan->outputs()[0].elements);
  const std::vector<std::span<float>> outputs{result};
  EXPECT_TRUE(context->run(pixels, 1, outputs));
  return result;
}

std::vector<std::uint8_t> random_pixels(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> pixels(count);
  for (std::uint8_t& p : pixels) p = static_cast<std::uint8_t>(random() >> 24);
  return pixels;
}

/// Root of the mean square of a - b, relative to b's.
double error(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(a[i] - b[i], 2);
    size += std::pow(b[i], 2);
  }
  return std::sqrt(difference / size);
}

/// Scales output channel c of a convolution by 10^(c % 4 - 2) and tells the BatchNorms that read it.
void spread(Network& net, ValueRef convolution, const std::vector<ValueRef>& norms, std::size_t start = 0) {
  Node& node = net.node(convolution);
  const auto channels = static_cast<std::size_t>(net.graph.value(convolution).shape[1]);
  for (std::size_t c = 0; c < channels; ++c) {
    const auto factor = static_cast<float>(std::pow(10.0, static_cast<double>(c % 4) - 2));
    for (Parameter& param : node.params) {
      const std::span<float> values = param.value.mutable_as<float>();
      const std::size_t n = values.size() / channels;
      for (std::size_t i = c * n; i < (c + 1) * n; ++i)
        values[i] *= factor * (param.value.shape().size() > 1 ? 0.1F : 1);
    }
    for (const ValueRef norm : norms) {
      net.node(norm).params[2].value.mutable_as<float>()[start + c] = 0;
      net.node(norm).params[3].value.mutable_as<float>()[start + c] = factor * factor * 9;
    }
  }
}

/// Two pre-activation units, a concatenation, and channels of very different range.
Network trunk() {
  Network net(5);
  const ValueRef stem = net.convolution("stem", net.image({1, 3, 12, 12}, {128, 128, 128}, {60, 60, 60}), 8);
  const ValueRef pool = net.max_pool("pool", stem);
  const ValueRef n1 = net.batch_norm("n1", pool);
  net.fuse(n1, EltwiseKind::relu);
  const ValueRef sum = net.convolution("sum", n1, 8);
  net.fuse_sum(sum, pool);
  const ValueRef n2 = net.batch_norm("n2", sum);
  net.fuse(n2, EltwiseKind::relu);
  const ValueRef more = net.convolution("more", n2, 4);
  const ValueRef n3 = net.batch_norm("n3", net.concat("all", {sum, more}));
  net.fuse(n3, EltwiseKind::relu);
  net.output(net.fully_connected("fc", net.flatten("f", net.average("gap", n3)), 10));
  spread(net, stem, {n1, n2, n3});
  spread(net, sum, {n1, n2, n3});
  spread(net, more, {n3}, 8);
  return net;
}

TEST(Equalize, KeepsTheFunctionAndBringsChannelsToOneRange) {
  const Network net = trunk();
  Graph graph = net.graph;
  ASSERT_TRUE(equalize_channels(graph));
  const auto pixels = random_pixels(std::size_t{3} * 12 * 12, 1);
  EXPECT_LT(error(run(graph, pixels), run(net.graph, pixels)), 1e-5);
  // Channels 1 and 3 of the stem differed by 100; now their weights are of one size.
  const auto size = [&](std::size_t c) {
    double sum = 0;
    for (const float w : find(graph, "stem")->params[0].value.as<float>().subspan(c * 27, 27)) sum += std::abs(w);
    return sum;
  };
  EXPECT_LT(size(3) / size(1), 5);
  EXPECT_GT(size(3) / size(1), 0.2);
  // Channel 0 is below 1 % of the widest and counts as 1 %: 10 times of the 1000 are left.
  EXPECT_GT(size(3) / size(0), 2);
  EXPECT_LT(size(3) / size(0), 50);
  EXPECT_EQ(find(graph, "n2")->as<BatchNormOp>()->eps, 0);
  EXPECT_EQ(find(net.graph, "n2")->as<BatchNormOp>()->eps, 1e-3) << "the original must not change";
}

TEST(Equalize, MakesInt8FollowSmallChannels) {
  const Network net = trunk();
  Graph equal = net.graph;
  ASSERT_TRUE(equalize_channels(equal));
  const auto pixels = random_pixels(std::size_t{3} * 12 * 12, 2);
  Model model;
  model.graph = net.graph;
  bool given = false;
  const auto calibrated =
      calibrate(model, {}, [&](std::span<std::uint8_t> slots, std::int64_t) -> Result<std::int64_t> {
        if (given) return 0;
        given = true;
        std::copy(pixels.begin(), pixels.end(), slots.begin());
        return 1;
      });
  ASSERT_TRUE(calibrated) << to_string(calibrated.error());
  const auto plan = Plan::compile(calibrated->model.graph).value();
  std::vector<std::uint8_t> bordered(plan->input().bytes(), 128);  // the border is the mean
  const auto width = static_cast<std::size_t>(plan->input().width);
  const auto top = static_cast<std::size_t>(plan->input().border.top);
  const auto left = static_cast<std::size_t>(plan->input().border.left);
  for (std::size_t y = 0; y < 12; ++y) {
    std::copy_n(pixels.begin() + static_cast<std::ptrdiff_t>(y * 36), 36,
                bordered.begin() + static_cast<std::ptrdiff_t>(((y + top) * width + left) * 3));
  }
  EXPECT_LT(error(run(calibrated->model.graph, bordered), run(net.graph, pixels)), 0.05);
}

/// A channel that something else than a BatchNorm reads, or that nothing but a convolution makes, stays.
TEST(Equalize, LeavesAloneWhatOthersRead) {
  Network net(7);
  const ValueRef stem = net.convolution("stem", net.image({1, 3, 8, 8}, {0, 0, 0}, {1, 1, 1}), 4);
  const ValueRef n1 = net.batch_norm("n1", stem);
  const ValueRef direct = net.convolution("direct", stem, 4);
  const ValueRef clipped = net.convolution("clipped", n1, 4);
  net.fuse(clipped, EltwiseKind::clip, 0, 6);
  const ValueRef n2 = net.batch_norm("n2", clipped);
  const ValueRef sum = net.same_shape("sum", AddOp{}, {n1, n2});
  const ValueRef n3 = net.batch_norm("n3", sum);
  net.output(net.same_shape("out", AddOp{}, {net.convolution("last", n3, 4), direct}));
  Graph graph = net.graph;
  ASSERT_TRUE(equalize_channels(graph));
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (std::size_t k = 0; k < graph.nodes[i].params.size(); ++k) {
      const auto before = net.graph.nodes[i].params[k].value.as<float>(),
                 after = graph.nodes[i].params[k].value.as<float>();
      EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin(), after.end())) << graph.nodes[i].name;
    }
  }
}

}  // namespace
}  // namespace octet
