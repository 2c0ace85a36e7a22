#include "octet/calibrator/names.h"

#include <gtest/gtest.h>

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
  EXPECT_TRUE(check_names(original, optimized, {}));
  EXPECT_TRUE(check_names(original, optimized, {"conv1", "bn1", "relu1", "dropout"}));
  const Result<void> result = check_names(original, optimized, {"conv1", "convv2", "xyz!", "relu"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::usage);
  const std::string& message = result.error().message;
  EXPECT_NE(message.find("'convv2' (nearest: conv2"), std::string::npos) << message;
  EXPECT_NE(message.find("'xyz!'"), std::string::npos) << message;
  EXPECT_NE(message.find("'relu' (nearest: relu1"), std::string::npos) << message;
  EXPECT_EQ(message.find("'conv1'"), std::string::npos) << message;
}

}  // namespace
}  // namespace octet
