// JSON from untrusted text, bounded before it is parsed. Internal to the libraries' sources: public
// headers do not show the JSON library.
#pragma once

#include <cstdint>  // std::int64_t
#include <nlohmann/json.hpp>
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view

#include "octet/graph/result.h"

namespace octet {

/// Keeps the order of members as written: where two spellings of a key meet, the later one counts.
using Json = nlohmann::ordered_json;

inline constexpr std::size_t kMaxJsonBytes = std::size_t{16} << 20;
inline constexpr int kMaxJsonDepth = 64;
/// Looking up a member of an ordered object takes time linear in its size.
inline constexpr int kMaxJsonMembers = 256;

/// Parses strict JSON in UTF-8. `code` is that of syntax errors; passing one of the limits above is
/// Error(limit). Errors give where:offset.
Result<Json> parse_json(std::string_view text, const std::string& where, ErrorCode code = ErrorCode::invalid_model);

/// The integer in `json`, if it is one and fits.
std::optional<std::int64_t> as_integer(const Json& json);

/// Compact text; never throws (invalid UTF-8 is replaced by U+FFFD).
std::string to_text(const Json& json);

/// The member, or nullptr when `json` is no object or has no such member.
const Json* member(const Json& json, const char* key);

/// True when `text` is valid UTF-8.
bool is_utf8(std::string_view text) noexcept;

}  // namespace octet
