// What an entry's labels mean.
#pragma once

#include <optional>  // std::optional
#include <span>      // std::span

namespace octet {

/// The class id of an entry with exactly one label that is a whole number >= 0 and fits an int; else nullopt.
std::optional<int> class_id(std::span<const float> labels) noexcept;

}  // namespace octet
