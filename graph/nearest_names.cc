#include "octet/graph/nearest_names.h"

#include <algorithm>  // std::min, std::sort
#include <numeric>    // std::iota
#include <utility>    // std::exchange

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

std::string names_in_brackets(const std::string& what, std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) text.append(text.empty() ? " (" + what + ": " : ", ").append(name);
  return text.empty() ? text : text + ")";
}

}  // namespace octet
