#include "octet/calibrator/names.h"

#include <gtest/gtest.h>

#include "octet/graph/nearest_names.h"

namespace octet {
namespace {

Graph graph_of(const std::vector<std::string>& names) {
  Graph graph;
  for (const std::string& name : names) {
    Node node;
    node.name = node.output_name = name;
    graph.nodes.push_back(node);
  }
  return graph;
}

TEST(Names, NearestComeFirst) {
  const std::vector<std::string> names{"conv1", "conv10", "conv2", "fc", "pool1"};
  EXPECT_EQ(nearest_names("conv11", names, 2), (std::vector<std::string>{"conv1", "conv10"}));
  EXPECT_EQ(nearest_names("fc1", names, 1), (std::vector<std::string>{"fc"}));
  EXPECT_TRUE(nearest_names("zzz", names, 3).empty());  // nothing in common
  EXPECT_TRUE(nearest_names("conv1", {}, 3).empty());
}

TEST(Names, UnknownOnesAreListedTogether) {
  Graph optimized = graph_of({"conv1", "conv2", "fc"});
  optimized.nodes[0].fused = {"bn1", "relu1"};
  optimized.nodes[0].output_name = "relu1";
  const Graph original = graph_of({"conv1", "bn1", "relu1", "conv2", "dropout", "fc"});
  const auto excluded = [&](const std::vector<std::string>& names) {
    CalibrationOptions options;
    options.exclude = names;
    return excluded_names(original, optimized, options);
  };
  EXPECT_EQ(excluded({}).value(), std::vector<std::string>());
  const std::vector<std::string> known{"conv1", "bn1", "relu1", "dropout"};
  EXPECT_EQ(excluded(known).value(), known);
  const Result<std::vector<std::string>> result = excluded({"conv1", "convv2", "xyz!", "relu"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::usage);
  const std::string& message = result.error().message;
  EXPECT_NE(message.find("'convv2' (nearest: conv2"), std::string::npos) << message;
  EXPECT_NE(message.find("'xyz!'"), std::string::npos) << message;
  EXPECT_NE(message.find("'relu' (nearest: relu1"), std::string::npos) << message;
  EXPECT_EQ(message.find("'conv1'"), std::string::npos) << message;
}

class NamedNodes : public testing::Test {
 protected:
  NamedNodes() {
    optimized_.nodes[1].fused = {"bn1", "relu1"};
    const auto op = [&](std::size_t i, Op value) { optimized_.nodes[i].op = std::move(value); };
    op(0, InputOp{});
    op(1, ConvolutionOp{});
    op(2, PoolingOp{});
    op(3, ConvolutionOp{});
    op(4, FullyConnectedOp{});
  }

  using Names = std::vector<std::string>;
  [[nodiscard]] Names excluded() const { return excluded_names(original_, optimized_, options_).value(); }
  [[nodiscard]] Error error() const {
    const auto result = excluded_names(original_, optimized_, options_);
    return result ? Error{ErrorCode::internal, "", "no error"} : result.error();
  }

  const Graph original_ = graph_of({"data", "a_conv", "bn1", "relu1", "pool", "drop", "b_conv", "fc[1]"});
  Graph optimized_ = graph_of({"data", "a_conv", "pool", "b_conv", "fc[1]"});
  CalibrationOptions options_;
};

TEST_F(NamedNodes, AreMeantByPatterns) {
  options_.exclude = {"?_conv"};
  EXPECT_EQ(excluded(), (Names{"a_conv", "b_conv"}));
  options_.exclude = {"b*", "[p-q]ool"};  // bn1 is part of a_conv; the graph's order, each node once
  EXPECT_EQ(excluded(), (Names{"a_conv", "pool", "b_conv"}));
  options_.exclude = {"fc[1]"};
  EXPECT_EQ(excluded(), (Names{"fc[1]"})) << "a name is no pattern";
  options_.exclude = {"dr*"};
  EXPECT_EQ(excluded(), Names()) << "the node is there, but nothing of it is left";
  options_.exclude = {"c*", "stage?_*", "pool"};
  EXPECT_EQ(error().code, ErrorCode::usage);
  EXPECT_EQ(error().message, "no node's name matches 'c*'; no node's name matches 'stage?_*'");
}

TEST_F(NamedNodes, AreMeantByOperators) {
  options_.exclude_ops = {"Pooling", "Convolution"};
  EXPECT_EQ(excluded(), (Names{"a_conv", "pool", "b_conv"}));
  options_.exclude = {"fc[1]"};
  options_.exclude_ops = {};
  options_.exclude_first_conv = true;
  EXPECT_EQ(excluded(), (Names{"fc[1]", "a_conv"}));
  options_.exclude_ops = {"BatchNorm", "pooling"};
  EXPECT_EQ(error().code, ErrorCode::usage);
  EXPECT_NE(error().message.find("is a 'BatchNorm' (there are: Convolution, FullyConnected, "), std::string::npos)
      << error().message;
  EXPECT_NE(error().message.find("is a 'pooling'"), std::string::npos) << "as it is spelled";
  options_ = {};
  options_.exclude_first_conv = true;
  optimized_.nodes.erase(optimized_.nodes.begin() + 1, optimized_.nodes.begin() + 4);
  EXPECT_EQ(error().code, ErrorCode::usage);
}

}  // namespace
}  // namespace octet
