// example/ssd's own symbols: what was trained loads as what was deployed.
#include <gtest/gtest.h>
#include <algorithm>
#include <sstream>

#include "octet/graph/build.h"
#include "octet/graph/file_io.h"
#include "octet/graph/passes.h"
#include "octet/graph/random_weights.h"
#include "support/assets.h"

namespace octet {
namespace {

Symbol read(const std::string& name) {
  const auto file = test::assets() / "mxnet/symbols" / (name + "-symbol.json");
  return parse_symbol(read_text_file(file, 1 << 24).value(), file.string()).value();
}

/// One line a node with operator, inputs, shape and type, without padding and in no order: training symbols list
/// their nodes in another one.
std::vector<std::string> lines(const Graph& graph) {
  std::istringstream text(dump(graph));
  std::vector<std::string> result;
  for (std::string line; std::getline(text, line);) {
    line.erase(std::unique(line.begin(), line.end(), [](char a, char b) { return a == ' ' && b == ' '; }), line.end());
    result.push_back(line);
  }
  std::ranges::sort(result);
  return result;
}

Graph optimised(const Symbol& symbol, const ParamMap& params, const Preprocess& preprocess, const std::string& where) {
  auto graph = build_graph(symbol, params, preprocess, where);
  if (!graph) ADD_FAILURE() << to_string(graph.error());
  if (!graph) return {};
  const auto done = optimize(*graph);
  EXPECT_TRUE(done) << to_string(done.error());
  return *std::move(graph);
}

std::vector<float> anchors(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    const auto* constant = node.as<ConstantOp>();
    if (constant == nullptr || node.name != "multibox_anchors") continue;
    return {constant->value.as<float>().begin(), constant->value.as<float>().end()};
  }
  return {};
}

struct Case {
  const char* name;
  std::size_t boxes;
};

TEST(SsdSymbols, TrainedAndDeployedAreTheSameNetwork) {
  OCTET_REQUIRE_ASSETS();
  // 4, 6, 6, 6, 4 and 4 boxes a place on maps of 32, 16, 8, 4, 2 and 1 squared; 30, 14, 7, 4, 2 and 1.
  for (const Case& ssd : {Case{"ssd_resnet50_512", 6132}, Case{"ssd_inceptionv3_512", 5186}}) {
    const std::string name = ssd.name;
    const Symbol deploy = read(name + "_deploy"), train = read(name + "_train");
    Preprocess preprocess;
    preprocess.height = preprocess.width = 512;
    const auto params = random_weights(deploy, preprocess, 1, name);
    ASSERT_TRUE(params) << to_string(params.error());
    const Graph a = optimised(deploy, *params, preprocess, name + "_deploy");
    const Graph b = optimised(train, *params, preprocess, name + "_train");
    EXPECT_EQ(lines(a), lines(b)) << name;
    EXPECT_EQ(anchors(a), anchors(b)) << name;
    EXPECT_EQ(a.value(a.outputs.at(0)).shape[2], 6) << name;
    EXPECT_EQ(anchors(a).size(), ssd.boxes * 4) << name;
  }
}

}  // namespace
}  // namespace octet
