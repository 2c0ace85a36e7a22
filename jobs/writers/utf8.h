// Text of unknown origin as valid UTF-8.
#pragma once

#include <string_view>  // std::string_view

namespace octet {

/// Length of the well-formed UTF-8 sequence that `text` begins with (Unicode 15, table 3-7: no
/// overlong forms, no surrogates, nothing above U+10FFFF); 0 when there is none.
std::size_t utf8_sequence(std::string_view text) noexcept;

inline constexpr std::string_view utf8_replacement = "\xEF\xBF\xBD";  ///< U+FFFD

}  // namespace octet
