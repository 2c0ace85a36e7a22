// Drawings of graphs as text.
#include "octet/graph/dot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/net.h"
#include "octet/graph/passes.h"

namespace octet::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// data -> convolution -> batch norm -> relu -> + data's convolution -> relu
Graph residual_net() {
  Net net;
  const auto left = net.relu("left_relu", net.batch_norm("left_bn", net.convolution("left", net.data(), 3, 8), 8));
  const auto right = net.convolution("right", left, 8, 8);
  net.head(net.relu("last", net.add("sum", left, right)));
  return net.graph();
}

TEST(Dot, ShowsAFusedNodeAsOneBoxWithItsPostOps) {
  const Graph before = residual_net();
  Graph after = before;
  ASSERT_TRUE(optimize(after));
  const DotPart parts[] = {{"before", &before}, {"after", &after}};
  const std::string dot = to_dot(parts);
  const auto second = dot.find("subgraph cluster_1");
  ASSERT_NE(second, std::string::npos);
  const std::string first_part = dot.substr(0, second);
  const std::string second_part = dot.substr(second);
  EXPECT_THAT(first_part, HasSubstr("<B>BatchNorm</B>"));
  EXPECT_THAT(first_part, Not(HasSubstr("+ relu")));
  EXPECT_THAT(second_part, Not(HasSubstr("<B>BatchNorm</B>")));
  EXPECT_EQ(count(second_part,
                  "<B>Convolution</B>&#160;3\xC3\x97"
                  "3, 8"),
            2U)
      << second_part;
  EXPECT_EQ(count(second_part, ">+ relu<"), 2U);
  EXPECT_EQ(count(second_part, ">+ sum<"), 1U);
  EXPECT_EQ(count(second_part, "style=dashed"), 1U) << "the operand of the sum";
  EXPECT_THAT(second_part, HasSubstr("after: " + std::to_string(after.nodes.size()) + " nodes"));
}

TEST(Dot, HasOneBoxANodeAndOneEdgeAnInput) {
  const Graph graph = residual_net();
  const DotPart parts[] = {{"net", &graph}};
  const std::string dot = to_dot(parts);
  std::size_t edges = graph.outputs.size();
  for (const Node& node : graph.nodes) edges += node.inputs.size();
  EXPECT_EQ(count(dot, " -> "), edges);
  EXPECT_EQ(count(dot, "<TABLE "), graph.nodes.size());
  EXPECT_THAT(dot, HasSubstr("f32\\n8\xC3\x97"));
  EXPECT_EQ(count(dot, "{"), count(dot, "}"));
}

TEST(Dot, ShowsWhatIsQuantised) {
  Graph graph = residual_net();
  const DotPart parts[] = {{"net", &graph}};
  const std::string float_dot = to_dot(parts);
  for (Node& node : graph.nodes) {
    if (node.name == "last") node.outputs[0] = {node.outputs[0].shape, DType::u8, 0.02345F};
  }
  const std::string dot = to_dot(parts);
  EXPECT_THAT(dot, HasSubstr("u8 \xC3\x97 0.0235\\n8"));
  EXPECT_THAT(dot, HasSubstr("1 in INT8"));
  EXPECT_THAT(float_dot, Not(HasSubstr("INT8")));
  EXPECT_EQ(count(float_dot, "#ffd9a8"), 0U);
  EXPECT_EQ(count(dot, "#ffd9a8"), 1U);
}

TEST(Dot, EscapesNames) {
  EXPECT_EQ(escape_dot_html("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
  EXPECT_EQ(escape_dot_html(std::string("a\x01\0z", 4)), "a??z");
  EXPECT_EQ(escape_dot_html("\xC3\xA9"), "\xC3\xA9");
  EXPECT_EQ(escape_dot_html("\xC3(\xFF"), "?(?");
  EXPECT_EQ(quote_dot("a\"b\\c\nd&e"), "\"a\\\"b\\\\c\\nd&amp;e\"");
}

TEST(Dot, HostileNamesStayInside) {
  Graph graph = residual_net();
  graph.nodes[1].name = "\"];}</TD>>] \\ " + std::string(5000, 'x');
  const DotPart parts[] = {{"title \"]; evil", &graph}};
  const std::string dot = to_dot(parts);
  EXPECT_THAT(dot, Not(HasSubstr("</TD>>] \\ ")));
  EXPECT_THAT(dot, HasSubstr("label=\"title \\\"]; evil: "));
  EXPECT_EQ(count(dot, std::string(100, 'x')), 5000U - 99U) << "whole in the tooltip, shortened in the box";
}

TEST(Dot, ShortensBetweenCharacters) {
  Graph graph = residual_net();
  std::string name;
  for (int i = 0; i < 60; ++i) name += "\xE2\x82\xAC";  // the euro sign
  graph.nodes[1].name = name;
  const DotPart parts[] = {{"net", &graph}};
  const std::string dot = to_dot(parts);
  EXPECT_THAT(dot, HasSubstr("\xE2\x82\xAC..\xE2\x82\xAC"));
  EXPECT_THAT(dot, Not(HasSubstr("?")));
}

}  // namespace
}  // namespace octet::test
