#include "octet/graph/symbol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "octet/graph/json_text.h"
#include "support/assets.h"

namespace octet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

/// A current file: a convolution and its variables.
const char* kSmall = R"json({
  "nodes": [
    {"op": "null", "name": "data", "inputs": []},
    {"op": "null", "name": "c_weight", "attrs": {"__shape__": "(4, 3, 1, 1)"}, "inputs": []},
    {"op": "Convolution", "name": "c", "attrs": {"kernel": "(1, 1)", "no_bias": "True", "num_filter": "4"},
     "inputs": [[0, 0, 0], [1, 0, 0]]}],
  "arg_nodes": [0, 1], "node_row_ptr": [0, 1, 2, 3], "heads": [[2, 0, 0]],
  "attrs": {"mxnet_version": ["int", 10500], "note": ["str", "hello"], "n": ["int", 3]}})json";

TEST(Symbol, ReadsTheCurrentForm) {
  const Symbol symbol = parse_symbol(kSmall, "s").value();
  ASSERT_EQ(symbol.nodes.size(), 3U);
  EXPECT_EQ(symbol.mxnet_version, 10500);
  EXPECT_THAT(symbol.attrs, ElementsAre(Pair("note", "hello")));
  const SymbolNode& conv = symbol.nodes[2];
  EXPECT_EQ(conv.op, "Convolution");
  EXPECT_EQ(conv.name, "c");
  EXPECT_THAT(conv.attrs,
              UnorderedElementsAre(Pair("kernel", "(1, 1)"), Pair("no_bias", "True"), Pair("num_filter", "4")));
  ASSERT_EQ(conv.inputs.size(), 2U);
  EXPECT_EQ(conv.inputs[1].node, 1U);
  ASSERT_EQ(symbol.heads.size(), 1U);
  EXPECT_EQ(symbol.heads[0].node, 2U);
}

/// One operator node with the given members.
std::string with_members(const std::string& members, const std::string& version = "10500") {
  return R"({"nodes": [{"op": "null", "name": "data", "inputs": []}, {"op": "clip", "name": "c", )" + members +
         R"(, "inputs": [[0, 0]]}], "arg_nodes": [0], "heads": [[1, 0]], "attrs": {"mxnet_version": ["int", )" +
         version + "]}}";
}

TEST(Symbol, ReadsAllSpellingsOfAttributes) {
  for (const char* key : {"attrs", "attr", "param"}) {
    const auto symbol =
        parse_symbol(with_members(std::string("\"").append(key).append(R"(": {"a_min": "0", "a_max": "6"})")), "s");
    ASSERT_TRUE(symbol) << key;
    EXPECT_THAT(symbol->nodes[1].attrs, UnorderedElementsAre(Pair("a_min", "0"), Pair("a_max", "6"))) << key;
  }
  const auto late = [](const std::string& members) { return parse_symbol(with_members(members), "s").value(); };
  EXPECT_THAT(late(R"("attr": {"a": "1", "b": "2"}, "attrs": {"a": "3"})").nodes[1].attrs, ElementsAre(Pair("a", "3")));
  EXPECT_THAT(late(R"("attrs": {"a": "3"}, "attr": {"a": "1"})").nodes[1].attrs, ElementsAre(Pair("a", "1")))
      << "the later one counts";
  EXPECT_THAT(late(R"("param": {"a": "9", "b": "2"}, "attr": {"a": "1"})").nodes[1].attrs,
              UnorderedElementsAre(Pair("a", "1"), Pair("b", "2")))
      << "param adds, it does not overwrite";
}

TEST(Symbol, IgnoresUnknownKeys) {
  EXPECT_TRUE(parse_symbol(with_members(R"("backward_source_id": -1, "control_deps": [], "color": {"x": [1]})"), "s"));
}

TEST(Symbol, HiddenKeysOfTrainingAreRenamed) {
  const std::string json = R"({"nodes": [
    {"op": "null", "name": "data", "attr": {"lr_mult": "2", "ctx_group": "a"}, "inputs": []},
    {"op": "null", "name": "fc_weight", "inputs": []}, {"op": "null", "name": "fc_bias", "inputs": []},
    {"op": "FullyConnected", "name": "fc", "attr": {"num_hidden": "3", "weight_lr_mult": "1.5", "bias_wd_mult": "0",
      "gamma_lr_mult": "7", "mirror_stage": "True"}, "inputs": [[0, 0], [1, 0], [2, 0]]}], "heads": [[3, 0]]})";
  const Symbol symbol = parse_symbol(json, "s").value();
  EXPECT_THAT(symbol.nodes[0].attrs, UnorderedElementsAre(Pair("__lr_mult__", "2"), Pair("__ctx_group__", "a")));
  EXPECT_THAT(symbol.nodes[1].attrs, ElementsAre(Pair("__lr_mult__", "1.5")));
  EXPECT_THAT(symbol.nodes[2].attrs, ElementsAre(Pair("__wd_mult__", "0")));
  EXPECT_THAT(symbol.nodes[3].attrs, UnorderedElementsAre(Pair("num_hidden", "3"), Pair("__mirror_stage__", "True"),
                                                          Pair("__gamma_lr_mult__", "7")));
}

/// As 0.8 wrote it: `param` and `attr`, two-number entries, no auxiliary states, no label, no version.
const char* kOld = R"json({"nodes": [
  {"op": "null", "param": {}, "name": "data", "inputs": [], "backward_source_id": -1},
  {"op": "null", "param": {}, "name": "conv_weight", "inputs": [], "backward_source_id": -1},
  {"op": "Convolution", "param": {"cudnn_off": "False", "kernel": "(1,1)", "no_bias": "True", "num_filter": "4",
    "num_group": "1", "pad": "(0,0)", "stride": "(1,1)", "workspace": "1024"}, "name": "conv",
    "attr": {"lr_mult": "2"}, "inputs": [[0, 0], [1, 0]], "backward_source_id": -1},
  {"op": "null", "param": {}, "name": "bn_gamma", "inputs": [], "backward_source_id": -1},
  {"op": "null", "param": {}, "name": "bn_beta", "inputs": [], "backward_source_id": -1},
  {"op": "BatchNorm", "param": {"eps": "2e-05", "fix_gamma": "True", "momentum": "0.9",
    "use_global_stats": "False"}, "name": "bn", "inputs": [[2, 0], [3, 0], [4, 0]], "backward_source_id": -1},
  {"op": "argmax", "param": {"axis": "-1"}, "name": "best", "inputs": [[5, 0]], "backward_source_id": -1},
  {"op": "Softmax", "param": {"grad_scale": "1"}, "name": "softmax", "inputs": [[5, 0]], "backward_source_id": -1}],
  "arg_nodes": [0, 1, 3, 4], "heads": [[7, 0], [6, 0]]})json";

TEST(Symbol, OldFilesGetTheInputsTheyDidNotList) {
  const Symbol symbol = parse_symbol(kOld, "s").value();
  EXPECT_EQ(symbol.mxnet_version, 800);
  const auto id = [&](const std::string& name) {
    const auto found = std::ranges::find_if(symbol.nodes, [&](const auto& node) { return node.name == name; });
    return found == symbol.nodes.end() ? 999U : static_cast<unsigned>(found - symbol.nodes.begin());
  };
  ASSERT_EQ(symbol.nodes.size(), 11U);
  const SymbolNode& bn = symbol.nodes.at(id("bn"));
  ASSERT_EQ(bn.inputs.size(), 5U);
  EXPECT_EQ(bn.inputs[0].node, id("conv"));
  EXPECT_EQ(bn.inputs[2].node, id("bn_beta"));
  EXPECT_EQ(bn.inputs[3].node, id("bn_moving_mean"));
  EXPECT_EQ(bn.inputs[4].node, id("bn_moving_var"));
  const SymbolNode& softmax = symbol.nodes.at(id("softmax"));
  ASSERT_EQ(softmax.inputs.size(), 2U);
  EXPECT_EQ(softmax.inputs[0].node, id("bn"));
  EXPECT_EQ(softmax.inputs[1].node, id("softmax_label"));
  EXPECT_EQ(symbol.heads[0].node, id("softmax"));
  EXPECT_EQ(symbol.heads[1].node, id("best"));
  EXPECT_TRUE(symbol.nodes.at(id("best")).attrs.empty()) << "axis -1 meant: flatten";
  EXPECT_TRUE(symbol.nodes.at(id("conv")).attrs.contains("__lr_mult__"));
  for (std::size_t i = 0; i < symbol.nodes.size(); ++i) {
    for (const SymbolEntry& input : symbol.nodes[i].inputs) EXPECT_LT(input.node, i);
  }
}

TEST(Symbol, NewFilesAreNotUpgraded) {
  std::string json = kOld;
  json.insert(json.rfind('}'), R"(, "attrs": {"mxnet_version": ["int", 10500]})");
  EXPECT_EQ(parse_symbol(json, "s").value().nodes.size(), 8U);
}

bool same(const Symbol& a, const Symbol& b) {
  const auto entry = [](const SymbolEntry& x, const SymbolEntry& y) {
    return x.node == y.node && x.output == y.output && x.version == y.version;
  };
  const auto node = [&](const SymbolNode& x, const SymbolNode& y) {
    return x.op == y.op && x.name == y.name && x.attrs == y.attrs && std::ranges::equal(x.inputs, y.inputs, entry) &&
           std::ranges::equal(x.subgraphs, y.subgraphs, same);
  };
  return a.mxnet_version == b.mxnet_version && a.attrs == b.attrs && std::ranges::equal(a.heads, b.heads, entry) &&
         std::ranges::equal(a.nodes, b.nodes, node);
}

std::vector<std::filesystem::path> asset_symbols() {
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"symbols", "mxnet/symbols", "mxnet/int8", "models"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(test::assets() / folder)) {
      if (entry.path().string().ends_with("-symbol.json")) files.push_back(entry.path());
    }
  }
  return files;
}

std::string slurp(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

TEST(Symbol, EveryAssetParsesAndSurvivesWriting) {
  OCTET_REQUIRE_ASSETS();
  const auto files = asset_symbols();
  EXPECT_GE(files.size(), 60U);
  for (const auto& file : files) {
    const auto symbol = parse_symbol(slurp(file), file.string());
    ASSERT_TRUE(symbol) << to_string(symbol.error());
    const auto back = parse_symbol(write_symbol(*symbol), "written");
    ASSERT_TRUE(back) << file << to_string(back.error());
    EXPECT_TRUE(symbol->mxnet_version < 905 || same(*symbol, *back)) << file;
    EXPECT_EQ(back->nodes.size(), symbol->nodes.size()) << file;
  }
}

TEST(Symbol, RowPointersCountOutputsAsMxnetDoes) {
  OCTET_REQUIRE_ASSETS();
  // Without max pooling: that has a second output in some builds of MXNet and not in others.
  const std::string text = slurp(test::assets() / "mxnet/symbols/mobilenet1.0-symbol.json");
  const Json theirs = parse_json(text, "").value(),
             ours = parse_json(write_symbol(parse_symbol(text, "").value()), "").value();
  EXPECT_EQ(theirs.at("node_row_ptr"), ours.at("node_row_ptr"));
  EXPECT_EQ(theirs.at("arg_nodes"), ours.at("arg_nodes"));
}

TEST(Symbol, DamagedFilesSayWhatIsWrong) {
  const std::string var = R"({"op": "null", "name": "data", "inputs": []})";
  const auto file = [&](const std::string& nodes, const std::string& rest) {
    return std::string(R"({"nodes": [)").append(nodes).append("], ").append(rest).append("}");
  };
  const std::string heads = R"("heads": [[0, 0, 0]])";
  const std::vector<std::pair<std::string, const char*>> cases{
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"{}", "'nodes'"},
      {file(var, R"("heads": [])"), "'heads' is missing or empty"},
      {file(var, R"("arg_nodes": [])"), "'heads'"},
      {file(var, R"("heads": [[1, 0, 0]])"), "head [1,0,0]"},
      {file(var, R"("heads": [[0]])"), "head [0]"},
      {file(var, R"("heads": [[-1, 0]])"), "head"},
      {file(var, heads + R"(, "arg_nodes": [1])"), "'arg_nodes'"},
      {file(var, heads + R"(, "node_row_ptr": [0])"), "'node_row_ptr'"},
      {file(var, heads + R"(, "attrs": {"mxnet_version": 3})"), "not [type, value]"},
      {file(var, heads + R"(, "attrs": {"mxnet_version": ["int", "x"]})"), "'mxnet_version'"},
      {file("3", heads), "node 0: not a JSON object"},
      {file(R"({"name": "a", "inputs": []})", heads), "'op'"},
      {file(R"({"op": "null", "inputs": []})", heads), "'name'"},
      {file(R"({"op": "null", "name": "a"})", heads), "'inputs'"},
      {file(R"({"op": "relu", "name": "a", "inputs": [[0, 0]]})", heads), "earlier node"},
      {file(var + R"(, {"op": "relu", "name": "a", "inputs": [[4294967296, 0]]})", heads), "earlier node"},
      {file(var + R"(, {"op": "relu", "name": "a", "inputs": [[0, 0, 0, 0]]})", heads), "node 1 'a'"},
      {file(var + R"(, {"op": "null", "name": "a", "inputs": [[0, 0]]})", heads), "a variable has inputs"},
      {file(R"({"op": "null", "name": "a", "inputs": [], "attrs": {"k": 3}})", heads), "'k' is not a string"},
      {file(R"({"op": "null", "name": "a", "inputs": [], "attrs": []})", heads), "'attrs' is not a JSON object"},
      {file(R"({"op": "null", "name": "a", "inputs": [], "subgraphs": 3})", heads), "'subgraphs'"},
      {file(R"({"op": "null", "name": "a", "inputs": [], "subgraphs": [3]})", heads), "not a JSON object"},
  };
  for (const auto& [json, message] : cases) {
    const auto result = parse_symbol(json, "s.json");
    ASSERT_FALSE(result) << json;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_model) << json;
    EXPECT_THAT(result.error().where, HasSubstr("s.json")) << json;
    EXPECT_THAT(result.error().message, HasSubstr(message)) << json;
  }
}

TEST(Symbol, AbsurdSizesAreALimit) {
  const auto limit = [](const std::string& json) {
    const auto result = parse_symbol(json, "s");
    return !result && result.error().code == ErrorCode::limit;
  };
  EXPECT_TRUE(limit(std::string(100, '[')));
  EXPECT_TRUE(limit(std::string(1'000'000, '[')));
  EXPECT_TRUE(limit(std::string((16 << 20) + 1, ' ')));
  std::string members = "{";
  for (int i = 0; i < 300; ++i) members.append(i == 0 ? "\"k" : ",\"k").append(std::to_string(i)).append("\": 1");
  EXPECT_TRUE(limit(members + "}"));
  std::string nodes;
  for (int i = 0; i < 100'001; ++i) nodes.append(i == 0 ? "" : ",").append(R"({"op":"null","name":"","inputs":[]})");
  EXPECT_TRUE(limit(R"({"nodes": [)" + nodes + R"(], "heads": [[0, 0]]})"));
  // Subgraphs in subgraphs, below the limit of JSON itself.
  std::string deep = R"({"nodes": [{"op": "null", "name": "", "inputs": []}], "heads": [[0, 0]]})";
  for (int i = 0; i < 12; ++i) {
    deep = R"({"nodes": [{"op": "x", "name": "", "inputs": [], "subgraphs": [)" + deep + R"(]}], "heads": [[0, 0]]})";
  }
  EXPECT_FALSE(parse_symbol(deep, "s"));
}

TEST(Symbol, TruncatedAndFlippedTextNeverCrashes) {
  for (const char* whole : {kSmall, kOld}) {
    const std::string text = whole;
    for (std::size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(parse_symbol(text.substr(0, size), "s"));
    std::mt19937 random(5);
    for (int round = 0; round < 3000; ++round) {
      std::string damaged = text;
      for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      const auto result = parse_symbol(damaged, "s");
      if (!result) continue;
      EXPECT_FALSE(result->heads.empty());
      EXPECT_TRUE(parse_symbol(write_symbol(*result), "s"));
    }
  }
}

TEST(JsonText, Utf8) {
  for (const char* good : {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x90\x88"}) EXPECT_TRUE(is_utf8(good));
  for (const char* bad :
       {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "a\xE2\x82"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace octet
