#include "octet/graph/deploy.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "octet/graph/attributes.h"
#include "octet/graph/file_io.h"
#include "octet/graph/json_text.h"
#include "octet/graph/output_file.h"
#include "octet/graph/params.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

bool is_target(const SymbolNode& node) { return node.op == "_contrib_MultiBoxTarget" || node.op == "MultiBoxTarget"; }
bool is_detection(const SymbolNode& node) {
  return node.op == "_contrib_MultiBoxDetection" || node.op == "MultiBoxDetection";
}
bool is_softmax_output(const SymbolNode& node) { return node.op == "SoftmaxOutput" || node.op == "Softmax"; }
bool is_difference(const SymbolNode& node) {
  return node.op == "elemwise_sub" || node.op == "_sub" || node.op == "_minus" || node.op == "_Minus";
}

/// Marks what the heads need; of a SoftmaxOutput its data alone when `inference`.
std::vector<char> needed(const Symbol& symbol, bool inference) {
  std::vector<char> mark(symbol.nodes.size());
  for (const SymbolEntry& head : symbol.heads) mark[head.node] = 1;
  for (std::size_t id = symbol.nodes.size(); id-- > 0;) {
    if (mark[id] == 0) continue;
    const SymbolNode& node = symbol.nodes[id];
    const std::size_t inputs =
        inference && is_softmax_output(node) ? std::min<std::size_t>(1, node.inputs.size()) : node.inputs.size();
    for (std::size_t i = 0; i < inputs; ++i) mark[node.inputs[i].node] = 1;
  }
  return mark;
}

/// The last node that `wanted` takes among those that the heads need, or none.
template <class Wanted>
std::optional<std::uint32_t> find_needed(const Symbol& symbol, const std::vector<char>& mark, Wanted wanted) {
  for (std::size_t id = symbol.nodes.size(); id-- > 0;) {
    if (mark[id] != 0 && wanted(symbol.nodes[id])) return static_cast<std::uint32_t>(id);
  }
  return std::nullopt;
}

bool reads(const SymbolNode& node, std::size_t input, SymbolEntry entry) {
  return input < node.inputs.size() && node.inputs[input].node == entry.node &&
         node.inputs[input].output == entry.output;
}

class Deployer {
 public:
  Deployer(const Symbol& symbol, const DeployOptions& options, const std::string& where)
      : symbol_(symbol), options_(options), where_(where), mark_(needed(symbol, false)) {}

  Result<Symbol> run() {
    auto detection = find_needed(symbol_, mark_, is_detection);
    const bool built = !detection;
    if (built) {
      OCTET_TRY(detection, build());
    }
    SymbolNode& node = symbol_.nodes[*detection];
    softmax_for(node);
    const auto set = [&](const char* key, const auto& given, const auto& fallback) {
      if (given || built) node.attrs[key] = format(given.value_or(fallback));
    };
    set("nms_threshold", options_.nms_threshold, 0.5F);
    set("nms_topk", options_.nms_topk, std::int64_t{400});
    set("force_suppress", options_.force_suppress, false);
    symbol_.heads = {{*detection, 0, 0}};
    return std::move(symbol_);
  }

 private:
  [[nodiscard]] Error fail(const std::string& message) const { return {ErrorCode::invalid_model, where_, message}; }

  /// Probabilities that come from the class loss come from a plain softmax instead.
  void softmax_for(const SymbolNode& detection) {
    if (detection.inputs.empty()) return;
    SymbolNode& node = symbol_.nodes[detection.inputs[0].node];
    if (!is_softmax_output(node) || node.inputs.empty()) return;
    const auto multi = node.attrs.find("multi_output");
    if (multi == node.attrs.end() || !parse_bool(multi->second).value_or(false)) return;
    node.op = "softmax";
    node.attrs = {{"axis", "1"}};
    node.inputs.resize(1);
  }

  Result<std::uint32_t> build() {
    const auto target = find_needed(symbol_, mark_, is_target);
    if (!target) return fail("the symbol has neither MultiBoxTarget nor MultiBoxDetection: it is no SSD network");
    const SymbolNode& node = symbol_.nodes[*target];
    if (node.inputs.size() != 3) return fail("node '" + node.name + "' (MultiBoxTarget) does not have three inputs");
    const SymbolEntry anchors = node.inputs[0], classes = node.inputs[2];
    const auto difference = find_needed(symbol_, mark_, [&](const SymbolNode& reader) {
      return is_difference(reader) && reads(reader, 1, {*target, 0, 0});
    });
    if (!difference || symbol_.nodes[*difference].inputs.size() != 2) {
      return fail("nothing subtracts the targets of node '" + node.name + "' from location predictions");
    }
    SymbolNode detection{"_contrib_MultiBoxDetection", unused_name("detection"), {}, {}, {}};
    const auto variances = node.attrs.find("variances");
    if (variances != node.attrs.end()) detection.attrs["variances"] = variances->second;
    const SymbolEntry locations = symbol_.nodes[*difference].inputs[0];
    detection.inputs = {probabilities(*target, classes), locations, anchors};
    symbol_.nodes.push_back(std::move(detection));
    return static_cast<std::uint32_t>(symbol_.nodes.size() - 1);
  }

  SymbolEntry probabilities(std::uint32_t target, SymbolEntry classes) {
    const auto loss = find_needed(symbol_, mark_, [&](const SymbolNode& reader) {
      return is_softmax_output(reader) && reads(reader, 0, classes) && reads(reader, 1, {target, 2, 0});
    });
    if (loss) return {*loss, 0, 0};
    symbol_.nodes.push_back({"softmax", unused_name("cls_prob"), {{"axis", "1"}}, {classes}, {}});
    return {static_cast<std::uint32_t>(symbol_.nodes.size() - 1), 0, 0};
  }

  [[nodiscard]] std::string unused_name(const std::string& wanted) const {
    std::string name = wanted;
    const auto taken = [&](const SymbolNode& node) { return node.name == name; };
    for (int i = 2; std::ranges::any_of(symbol_.nodes, taken); ++i) name = wanted + std::to_string(i);
    return name;
  }

  Symbol symbol_;
  const DeployOptions& options_;
  const std::string& where_;
  std::vector<char> mark_;
};

/// The label file stays where it is: its path is told from the new place.
Result<void> copy_preprocess(const fs::path& from, const fs::path& output) {
  OCTET_TRY(const std::string text, read_text_file(from, kMaxJsonBytes));
  OCTET_TRY(Preprocess preprocess, parse_preprocess(text, from.string()));
  if (!preprocess.labels.empty()) {
    std::error_code code;
    const fs::path labels = fs::absolute(from, code).parent_path() / preprocess.labels;
    const fs::path relative = fs::relative(labels, fs::absolute(output, code).parent_path(), code);
    preprocess.labels = (code || relative.empty() ? labels : relative).string();
  }
  return write_file(output.string() + "-preprocess.json", bytes_of(write_preprocess(preprocess)));
}

}  // namespace

bool is_ssd_training(const Symbol& symbol) { return find_needed(symbol, needed(symbol, true), is_target).has_value(); }

Result<Symbol> deploy_symbol(const Symbol& symbol, const DeployOptions& options, const std::string& where) {
  return Deployer(symbol, options, where).run();
}

Symbol without_unused(const Symbol& symbol) {
  const std::vector<char> mark = needed(symbol, false);
  Symbol kept = symbol;
  kept.nodes.clear();
  std::vector<std::uint32_t> moved(symbol.nodes.size());
  for (std::size_t id = 0; id < symbol.nodes.size(); ++id) {
    if (mark[id] == 0) continue;
    moved[id] = static_cast<std::uint32_t>(kept.nodes.size());
    kept.nodes.push_back(symbol.nodes[id]);
    for (SymbolEntry& input : kept.nodes.back().inputs) input.node = moved[input.node];
  }
  for (SymbolEntry& head : kept.heads) head.node = moved[head.node];
  return kept;
}

Result<void> deploy_model(const fs::path& prefix, int epoch, const DeployOptions& options, const fs::path& output) {
  OCTET_TRY(const ModelFiles files, find_model(prefix, epoch));
  OCTET_TRY(const std::string text, read_text_file(files.symbol, kMaxJsonBytes));
  OCTET_TRY(const Symbol symbol, parse_symbol(text, files.symbol.string()));
  OCTET_TRY(const Symbol deployed, deploy_symbol(symbol, options, files.symbol.string()));
  const Symbol kept = without_unused(deployed);
  OCTET_TRY(const auto bytes, read_file(files.params, kMaxParamsBytes));
  OCTET_TRY(ParamMap params, parse_params(bytes, files.params.string()));
  std::set<std::string> names;
  for (const SymbolNode& node : kept.nodes) {
    if (node.op == "null") names.insert(node.name);
  }
  std::erase_if(params, [&](const auto& param) { return !names.contains(param.first); });
  std::array<char, 16> number{};
  std::snprintf(number.data(), number.size(), "-%04d", files.epoch);
  OCTET_CHECK(write_file(output.string() + number.data() + ".params", write_params(params)));
  OCTET_CHECK(write_file(output.string() + "-symbol.json", bytes_of(write_symbol(kept))));
  if (files.preprocess.empty()) return {};
  return copy_preprocess(files.preprocess, output);
}

}  // namespace octet
