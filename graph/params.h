// MXNet's .params files (NDArray lists): versions V0 to V3 in, V2 out.
#pragma once

#include <cstddef>  // std::byte
#include <cstdint>  // std::uint64_t
#include <map>      // std::map
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

#include "octet/graph/tensor.h"

namespace octet {

/// Larger .params files are refused.
inline constexpr std::uint64_t kMaxParamsBytes = std::uint64_t{16} << 30;

/// Named arrays. `arg:` and `aux:` prefixes are kept apart from the name.
struct NamedTensor {
  enum class Role : std::uint8_t { arg, aux, unprefixed };
  Role role = Role::unprefixed;
  Tensor value;
};
using ParamMap = std::map<std::string, NamedTensor>;

/// Parses a whole file held in memory. A file without keys names its arrays "0", "1", ... An array
/// that was saved as "none" is an empty tensor. Two arrays of one name and bytes behind the last key
/// (other than zero padding) are errors; sparse arrays are Error(unsupported).
/// Every size is checked against the bytes that are left before
/// anything is allocated; errors carry `where` and the offset. f64, f16 and bf16 arrays are
/// converted to f32.
Result<ParamMap> parse_params(std::span<const std::byte> bytes, const std::string& where);

/// The bytes of a V2 file.
std::vector<std::byte> write_params(const ParamMap& params);

}  // namespace octet
