// GluonCV's box code becomes one operator, in exactly its own form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <functional>

#include "graph/net.h"
#include "octet/graph/file_io.h"
#include "octet/graph/passes.h"
#include "octet/graph/ssd_tail.h"
#include "support/assets.h"
#include "support/gluon_ssd.h"

namespace octet {
namespace {

using testing::ElementsAre;

/// Nodes that became `box_detection`.
std::vector<SymbolNode> recognised(const Symbol& symbol) {
  std::vector<SymbolNode> found;
  for (const SymbolNode& node : with_box_detection(symbol).nodes) {
    if (node.op == "box_detection") found.push_back(node);
  }
  return found;
}

TEST(SsdTail, BecomesOneOperator) {
  const test::GluonSsd options;
  const auto net = test::gluon_ssd(options);
  auto graph = build_graph(net.symbol, net.params, test::square_input(options.side), "gluon");
  ASSERT_TRUE(graph) << to_string(graph.error());
  const auto done = optimize(*graph);
  ASSERT_TRUE(done) << to_string(done.error());
  int detections = 0, constants = 0;
  for (const Node& node : graph->nodes) {
    const auto* op = node.as<BoxDetectionOp>();
    detections += op != nullptr ? 1 : 0;
    constants += node.as<ConstantOp>() != nullptr ? 1 : 0;
    if (op == nullptr) continue;
    EXPECT_EQ(op->rows, 20);
    EXPECT_EQ(op->topk, 40);
    EXPECT_EQ(op->overlap_thresh, 0.45F);
    EXPECT_EQ(op->valid_thresh, 0.01F);
    EXPECT_EQ(op->score_threshold, 0.01F);
    EXPECT_THAT(op->stds, ElementsAre(0.1F, 0.1F, 0.2F, 0.2F));
    EXPECT_THAT(op->means, ElementsAre(0, 0, 0, 0));
    EXPECT_EQ(graph->value(node.inputs[2]).shape, (Shape{1, 8 * 8 * 2 + 4 * 4 * 2, 4}));
  }
  EXPECT_EQ(detections, 1) << dump(*graph);
  EXPECT_EQ(constants, 1) << "the anchors are cut and joined once\n" << dump(*graph);
  ASSERT_EQ(graph->outputs.size(), 3U);
  EXPECT_EQ(graph->value(graph->outputs[0]).shape, (Shape{1, 20, 1}));
  EXPECT_EQ(graph->value(graph->outputs[1]).shape, (Shape{1, 20, 1}));
  EXPECT_EQ(graph->value(graph->outputs[2]).shape, (Shape{1, 20, 4}));
  auto pair = write_graph(*graph);
  ASSERT_TRUE(pair) << to_string(pair.error());
  const auto again = build_graph(pair->symbol, pair->params, test::square_input(options.side), "again");
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(test::difference(*graph, *again), "");
}

TEST(SsdTail, OneClassAndAllRows) {
  test::GluonSsd options;
  options.classes = 1;
  options.topk = -1;
  options.mean_x = 0.25F;
  const auto found = recognised(test::gluon_ssd(options).symbol);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].attrs.at("topk"), "-1");
  EXPECT_EQ(found[0].attrs.at("means"), "(0.25, 0, 0, 0)");
}

TEST(SsdTail, AnyDifferenceKeepsTheOperators) {
  test::GluonSsd other;
  other.other_form = true;
  EXPECT_TRUE(recognised(test::gluon_ssd(other).symbol).empty());
  const Symbol symbol = test::gluon_ssd({}).symbol;
  ASSERT_EQ(recognised(symbol).size(), 1U);
  // Every node of the box code but the anchors' and box_nms: one wrong attribute or input and it is another form.
  const std::map<std::string, std::function<void(SymbolNode&)>> changes{
      {"_greater_scalar", [](SymbolNode& n) { n.op = "_lesser_scalar"; }},
      {"where", [](SymbolNode& n) { std::swap(n.inputs[1], n.inputs[2]); }},
      {"ones_like", [](SymbolNode& n) { n.op = "zeros_like"; }},
      {"zeros_like", [](SymbolNode& n) { n.op = "ones_like"; }},
      {"exp", [](SymbolNode& n) { n.op = "sqrt"; }},
      {"_div_scalar", [](SymbolNode& n) { n.attrs["scalar"] = "3"; }},
      {"elemwise_sub", [](SymbolNode& n) { n.op = "elemwise_add"; }},
      {"elemwise_add", [](SymbolNode& n) { std::swap(n.inputs[0], n.inputs[1]); }},
      {"broadcast_add", [](SymbolNode& n) { n.inputs[1].output ^= 1U; }},
      {"broadcast_mul", [](SymbolNode& n) { n.inputs[1].output ^= 1U; }},
      {"SliceChannel", [](SymbolNode& n) { n.attrs["axis"] = "1"; }},
      {"_contrib_box_nms", [](SymbolNode& n) { n.attrs["force_suppress"] = "True"; }},
  };
  for (const auto& [op, change] : changes) {
    for (std::size_t id = 0; id < symbol.nodes.size(); ++id) {
      if (symbol.nodes[id].op != op) continue;
      Symbol changed = symbol;
      change(changed.nodes[id]);
      EXPECT_TRUE(recognised(changed).empty()) << op << " at " << id;
    }
  }
  for (const auto& [key, value] : test::Attributes{{"id_index", "-1"},
                                                   {"coord_start", "1"},
                                                   {"topk", "0"},
                                                   {"valid_thresh", "-1"},
                                                   {"in_format", "center"},
                                                   {"background_id", "2"}}) {
    Symbol changed = symbol;
    for (SymbolNode& node : changed.nodes) {
      if (node.op == "_contrib_box_nms") node.attrs[key] = value;
    }
    EXPECT_TRUE(recognised(changed).empty()) << key;
  }
}

TEST(SsdTail, TheSymbolsThatGluonCvPublishesAreRecognised) {
  OCTET_REQUIRE_ASSETS();
  for (const char* name : {"ssd_300_vgg16_atrous_voc_int8_gluoncv", "ssd_512_mobilenet1.0_voc_int8_gluoncv"}) {
    const auto file = test::assets() / "symbols" / (std::string(name) + "-symbol.json");
    const auto symbol = parse_symbol(read_text_file(file, 1 << 24).value(), name);
    ASSERT_TRUE(symbol) << to_string(symbol.error());
    const auto found = recognised(*symbol);
    ASSERT_EQ(found.size(), 1U) << name;
    EXPECT_EQ(found[0].attrs.at("rows"), "100");
    EXPECT_EQ(found[0].attrs.at("topk"), "200");
    EXPECT_EQ(found[0].attrs.at("overlap_thresh"), "0.45");
    EXPECT_EQ(found[0].attrs.at("stds"), "(0.1, 0.1, 0.2, 0.2)");
  }
}

}  // namespace
}  // namespace octet
