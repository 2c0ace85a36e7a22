// Tails of channels, and the scales chosen by them.
#include "octet/calibrator/channel_scales.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "calibrator/network.h"
#include "octet/calibrator/balance.h"

namespace octet {
namespace {

Observation seen(const Shape& shape, const std::vector<float>& values, bool nhwc) {
  static const std::string kName = "x";
  return {{0, 0}, kName, DType::f32, 0, shape, nhwc, values.data()};
}

/// (1, channels, 5, 6) NHWC; channel c is normal with deviation 2^-c.
std::vector<float> values_of(std::size_t channels, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(30 * channels);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::ldexp(normal(random), -static_cast<int>(i % channels));
  return values;
}

TEST(ChannelTails, AreWhatAClipTakes) {
  const std::size_t channels = 3;
  const std::vector<float> values = values_of(channels, 1);
  ChannelTails tails(channels, 4, false);
  tails.add(seen({1, 3, 5, 6}, values, true));
  for (std::size_t c = 0; c < channels; ++c) {
    const std::vector<double> clipped = tails.clipped(c);
    for (int k = 16 * 6; k < ChannelTails::kEdges; k += 5) {
      double expected = 0;
      for (std::size_t i = c; i < values.size(); i += channels) {
        const double above = static_cast<double>(values[i]) - tails.edge(k);
        if (above > 0) expected += above * above / 30;
      }
      EXPECT_NEAR(clipped[static_cast<std::size_t>(k)], expected, 1e-4 * expected + 1e-9) << c << " " << tails.edge(k);
    }
  }
}

TEST(ChannelTails, AreTheSameInEveryOrderAndLayout) {
  const std::vector<float> first = values_of(2, 2), second = values_of(2, 3);
  ChannelTails a(2, 3, false), b(2, 3, false);
  a.add(seen({1, 2, 5, 6}, first, true));
  a.add(seen({1, 2, 5, 6}, second, true));
  std::vector<float> planes(second.size());
  for (std::size_t i = 0; i < second.size(); ++i) planes[i % 2 * 30 + i / 2] = second[i];
  b.add(seen({1, 2, 5, 6}, planes, false));
  b.add(seen({1, 2, 5, 6}, first, true));
  for (std::size_t c = 0; c < 2; ++c) {
    double mean = 0, square = 0;
    for (std::size_t i = c; i < first.size(); i += 2) {
      for (const auto x : {static_cast<double>(first[i]), static_cast<double>(second[i])}) {
        mean += x / 60;
        square += x * x / 60;
      }
    }
    EXPECT_NEAR(a.variance(c), square - mean * mean, 1e-4);
    EXPECT_EQ(a.variance(c), b.variance(c));
    EXPECT_EQ(a.low(c), b.low(c));
    EXPECT_EQ(a.share_not_zero(c), 1);
    EXPECT_EQ(a.clipped(c), b.clipped(c));
  }
}

TEST(ChannelTails, TakeValuesOutsideTheirRange) {
  ChannelTails tails(1, 1, false);
  tails.add(seen({1, 1, 2, 2}, {1e30F, 1e-30F, std::numeric_limits<float>::infinity(), std::nanf("")}, true));
  EXPECT_EQ(tails.share_not_zero(0), 0.5);
  for (const double x : tails.clipped(0)) EXPECT_TRUE(std::isfinite(x));
}

TEST(ChannelTails, CountMagnitudesWhereValuesAreSigned) {
  const std::vector<float> values = {-3, 1, 0, 2};
  ChannelTails tails(1, 3, true);
  tails.add(seen({1, 1, 2, 2}, values, true));
  EXPECT_EQ(tails.low(0), 0);
  EXPECT_EQ(tails.share_not_zero(0), 0.75);
  EXPECT_NEAR(tails.clipped(0)[static_cast<std::size_t>(tails.bin_of(2))], 0.25, 1e-6);  // of -3 alone
}

TEST(ChannelTails, EdgesAreTheLowerEndsOfBins) {
  const ChannelTails tails(1, 100, false);
  for (int k = 0; k + 1 < ChannelTails::kEdges; ++k) {
    EXPECT_LT(tails.edge(k), tails.edge(k + 1));
    EXPECT_EQ(tails.bin_of(tails.edge(k)), k);
  }
  EXPECT_GT(tails.edge(ChannelTails::kBins), 100);
  EXPECT_EQ(tails.bin_of(1e30), ChannelTails::kEdges - 1);
  EXPECT_EQ(tails.bin_of(0), 0);
}

/// Noise of channels that are even between 0 and high[c].
std::vector<ChannelNoise> even_channels(const ChannelTails& edges, const std::vector<double>& high) {
  std::vector<ChannelNoise> channels;
  for (const double h : high) {
    ChannelNoise channel;
    channel.rounding = h > 0 ? 1.0 / 12 : 0;
    for (int k = 0; k < ChannelTails::kEdges; ++k) {
      const double above = std::max(0.0, h - edges.edge(k));
      channel.clipping.push_back(h > 0 ? above * above * above / (3 * h) : 0);
    }
    channels.push_back(std::move(channel));
  }
  return channels;
}

TEST(ChannelScales, FollowTheRangesWhenWeightsCostNothing) {
  const ChannelTails edges(1, 8, false);
  std::vector<ChannelNoise> channels = even_channels(edges, {8, 4, 1, 0, 0.001});
  const double noise = choose_scales(edges, {255, 0}, channels);
  EXPECT_EQ(channels[0].scale, 1);
  EXPECT_NEAR(channels[1].scale, 0.5, 0.04);
  EXPECT_NEAR(channels[2].scale, 0.125, 0.01);
  EXPECT_EQ(channels[3].scale, 1);         // was never anything but 0
  EXPECT_EQ(channels[4].scale, 1.0 / 64);  // the most
  std::vector<ChannelNoise> again = even_channels(edges, {8, 8, 8});
  EXPECT_LT(noise, choose_scales(edges, {255, 0}, again));
  for (const ChannelNoise& channel : again) EXPECT_EQ(channel.scale, 1);
}

TEST(ChannelScales, StayTogetherWhenWeightsCostMuch) {
  const ChannelTails edges(1, 8, false);
  std::vector<ChannelNoise> channels = even_channels(edges, {8, 1});
  for (ChannelNoise& channel : channels) channel.weights = 1;
  choose_scales(edges, {255, 0}, channels);
  EXPECT_EQ(channels[1].scale, 1);
  for (ChannelNoise& channel : channels) channel.weights = 1e-6;
  choose_scales(edges, {255, 0}, channels);
  EXPECT_GT(channels[1].scale, 0.2);
  EXPECT_LT(channels[1].scale, 0.9);
}

TEST(ChannelScales, LeaveRoomForWhatIsLifted) {
  const ChannelTails edges(1, 8, false);
  std::vector<ChannelNoise> channels = even_channels(edges, {8, 1});
  channels[1].low = 1;
  choose_scales(edges, {255, 0.25}, channels);
  EXPECT_GT(channels[1].scale, 0.38);  // -1 / scale is a quarter of the threshold, which is 6 to 10
  EXPECT_LT(channels[1].scale, 0.67);
  channels[1].low = 0;
  choose_scales(edges, {255, 0.25}, channels);
  EXPECT_LT(channels[1].scale, 0.2);
}

TEST(Balance, KeepsNegativeValuesFewWhereTheyAreLifted) {
  test::Network net;
  ValueRef x = net.image({1, 3, 12, 12}, {104, 117, 123}, {60, 60, 60});
  x = net.convolution("a", x, 2);
  net.fuse(x, EltwiseKind::leaky_relu, 0.1F);
  for (Parameter& parameter : net.node(x).params) {  // channel 1: small, and negative nearly everywhere
    const std::span<float> values = parameter.value.mutable_as<float>();
    for (std::size_t i = values.size() / 2; i < values.size(); ++i) values[i] *= 0.1F;
  }
  net.node(x).params[1].value.mutable_as<float>()[1] = -3;
  net.output(net.convolution("b", x, 4));
  constexpr std::size_t kBytes = std::size_t{3} * 12 * 12;
  PictureStore pictures(kBytes, 8);
  std::mt19937 random(3);
  std::vector<std::uint8_t> picture(kBytes);
  for (int i = 0; i < 8; ++i) {
    for (std::uint8_t& pixel : picture) pixel = static_cast<std::uint8_t>(random());
    pictures.add(picture);
  }
  const auto ratio_of_channel_1 = [&](bool lifted) {
    Graph graph = net.graph;
    const Regions regions = find_regions(graph, {});
    const std::vector<GroupValues> groups(regions.sources.size(), {lifted ? 255 : 127, 8, lifted});
    EXPECT_FALSE(balance(regions, groups, pictures, 0, graph).value().empty());
    const auto bias = [](const Graph& g) {
      for (const Node& node : g.nodes) {
        if (node.name == "a") return node.params[1].value.as<float>()[1];
      }
      return 0.0F;
    };
    return bias(graph) / bias(net.graph);
  };
  EXPECT_GT(ratio_of_channel_1(false), ratio_of_channel_1(true) * 1.5F);
}

}  // namespace
}  // namespace octet
