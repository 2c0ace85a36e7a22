#include "octet/calibrator/names.h"

#include <fnmatch.h>

#include <algorithm>  // std::any_of, std::none_of
#include <set>        // std::set

#include "octet/graph/nearest_names.h"

namespace octet {
namespace {

std::set<std::string> all_names(const Graph& graph) {
  std::set<std::string> names;
  for (const Node& node : graph.nodes) {
    names.insert(node.name);
    names.insert(node.output_name);
    names.insert(node.fused.begin(), node.fused.end());
  }
  names.erase("");
  return names;
}

bool matches(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

/// Gathers the names that are meant, and what means nothing.
class Meant {
 public:
  Meant(const Graph& original, const Graph& optimized)
      : optimized_(optimized), known_(all_names(optimized)), chosen_(optimized.nodes.size()) {
    known_.merge(all_names(original));
  }

  void add(const std::string& text) {
    if (known_.contains(text)) return names_.push_back(text);
    if (text.find_first_of("*?[") == std::string::npos) {
      const std::vector<std::string> all(known_.begin(), known_.end());
      return refuse("no node is called", text, names_in_brackets("nearest", nearest_names(text, all, 3)));
    }
    const auto fits = [&](const std::string& name) { return matches(text, name); };
    if (std::none_of(known_.begin(), known_.end(), fits)) {
      return refuse("no node's name matches", text);
    }
    choose([&](const Node& node) {
      return fits(node.name) || fits(node.output_name) || std::any_of(node.fused.begin(), node.fused.end(), fits);
    });
  }

  void add_op(const std::string& op) {
    if (choose([&](const Node& node) { return op == op_name(node.op); })) return;
    std::set<std::string> different;
    for (const Node& node : optimized_.nodes) different.insert(op_name(node.op));
    const std::vector<std::string> ops(different.begin(), different.end());
    refuse("no node of the fused network is a", op, names_in_brackets("there are", ops));
  }

  void add_first_convolution() {
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (optimized_.nodes[i].as<ConvolutionOp>() == nullptr) continue;
      chosen_[i] = 1;
      return;
    }
    refuse("no node of the fused network is a", "Convolution");
  }

  Result<std::vector<std::string>> names() && {
    if (!problems_.empty()) return Error{ErrorCode::usage, "exclude", problems_};
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i] != 0) names_.push_back(optimized_.nodes[i].name);
    }
    return std::move(names_);
  }

 private:
  template <class Wanted>
  bool choose(Wanted wanted) {
    bool any = false;
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (!wanted(optimized_.nodes[i])) continue;
      chosen_[i] = 1;
      any = true;
    }
    return any;
  }

  void refuse(const char* problem, const std::string& text, const std::string& others = {}) {
    if (!problems_.empty()) problems_ += "; ";
    problems_.append(problem).append(" '").append(text).append("'").append(others);
  }

  const Graph& optimized_;
  std::set<std::string> known_;
  std::vector<char> chosen_;  ///< by node of the optimised graph
  std::vector<std::string> names_;
  std::string problems_;
};

}  // namespace

Result<std::vector<std::string>> excluded_names(const Graph& original, const Graph& optimized,
                                                const CalibrationOptions& options) {
  Meant meant(original, optimized);
  for (const std::string& text : options.exclude) meant.add(text);
  for (const std::string& op : options.exclude_ops) meant.add_op(op);
  if (options.exclude_first_conv) meant.add_first_convolution();
  return std::move(meant).names();
}

}  // namespace octet
