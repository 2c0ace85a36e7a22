// For messages about names that are not there.
#pragma once

#include <cstddef>  // std::size_t
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

namespace octet {

/// The (up to `count`) names nearest to `text` by edit distance, nearest first, ties in name order.
/// Names that share nothing with it are left out.
std::vector<std::string> nearest_names(const std::string& text, std::span<const std::string> names, std::size_t count);

/// " (WHAT: A, B, C)", to be put behind what is wrong; empty without names.
std::string names_in_brackets(const std::string& what, std::span<const std::string> names);

}  // namespace octet
