#include "octet/calibrator/names.h"

#include <algorithm>  // std::min
#include <numeric>    // std::iota
#include <set>        // std::set

namespace octet {
namespace {

/// Levenshtein's distance.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t k = 1; k <= b.size(); ++k) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[k - 1] ? 0 : 1);
      diagonal = row[k];
      row[k] = std::min({replaced, row[k] + 1, row[k - 1] + 1});
    }
  }
  return row[b.size()];
}

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

}  // namespace

std::vector<std::string> nearest_names(const std::string& text, std::span<const std::string> names, std::size_t count) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(text, name);
    if (distance < std::max(text.size(), name.size())) ranked.emplace_back(distance, name);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> result;
  for (std::size_t i = 0; i < std::min(count, ranked.size()); ++i) result.push_back(ranked[i].second);
  return result;
}

Result<void> check_names(const Graph& original, const Graph& optimized, const std::vector<std::string>& wanted) {
  std::set<std::string> known = all_names(optimized);
  known.merge(all_names(original));
  const std::vector<std::string> names(known.begin(), known.end());
  std::string message;
  for (const std::string& text : wanted) {
    if (known.contains(text)) continue;
    message += message.empty() ? "no node is called '" : "; nor '";
    message += text + "'";
    const std::vector<std::string> nearest = nearest_names(text, names, 3);
    for (std::size_t i = 0; i < nearest.size(); ++i) message += (i == 0 ? " (nearest: " : ", ") + nearest[i];
    if (!nearest.empty()) message += ")";
  }
  if (message.empty()) return {};
  return Error{ErrorCode::usage, "exclude", message};
}

}  // namespace octet
