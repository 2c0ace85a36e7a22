#include "octet/graph/json_text.h"

#include <limits>
#include <vector>

namespace octet {
namespace {

std::string at(const std::string& where, std::size_t offset) { return where + ":" + std::to_string(offset); }

/// Walks the text once without building anything: nesting and members per object stay in bounds.
Result<void> check_limits(std::string_view text, const std::string& where) {
  std::vector<int> commas;  // one count per open bracket; those of arrays are negative and not limited
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') {
      if (commas.size() >= kMaxJsonDepth) {
        return Error{ErrorCode::limit, at(where, i),
                     "JSON is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels"};
      }
      commas.push_back(c == '{' ? 0 : std::numeric_limits<int>::min());
    }
    if ((c == '}' || c == ']') && !commas.empty()) commas.pop_back();
    if (c == ',' && !commas.empty() && ++commas.back() >= kMaxJsonMembers) {
      return Error{ErrorCode::limit, at(where, i),
                   "a JSON object has more than " + std::to_string(kMaxJsonMembers) + " members"};
    }
  }
  return {};
}

}  // namespace

Result<Json> parse_json(std::string_view text, const std::string& where, ErrorCode code) {
  if (text.size() > kMaxJsonBytes) {
    return Error{ErrorCode::limit, where, "JSON text is longer than " + std::to_string(kMaxJsonBytes) + " bytes"};
  }
  OCTET_CHECK(check_limits(text, where));
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& e) {
    return Error{code, at(where, e.byte), "not valid JSON"};
  } catch (const Json::exception& e) {
    return Error{code, where, "not valid JSON"};
  }
}

std::optional<std::int64_t> as_integer(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return static_cast<std::int64_t>(value);
  }
  if (json.is_number_integer()) return json.get<std::int64_t>();
  return std::nullopt;
}

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() ? nullptr : &*found;
}

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80                   ? 0
                     : lead >= 0xC2 && lead < 0xE0 ? 1
                     : lead >= 0xE0 && lead < 0xF0 ? 2
                     : lead >= 0xF0 && lead < 0xF5 ? 3
                                                   : -1;
    if (more < 0 || text.size() - i <= static_cast<std::size_t>(more)) return false;
    unsigned code = more == 0 ? lead : lead & (0x3FU >> more);
    for (int k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0U) != 0x80U) return false;
      code = code << 6U | (next & 0x3FU);
    }
    // Overlong forms, surrogates and values above the last code point.
    if ((more == 2 && code < 0x800) || (more == 3 && (code < 0x10000 || code > 0x10FFFF))) return false;
    if (code >= 0xD800 && code <= 0xDFFF) return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

}  // namespace octet
