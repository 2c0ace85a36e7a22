// Numbers as the shortest text that reads back to the same value.
#pragma once

#include <array>     // std::array
#include <charconv>  // std::to_chars
#include <string>    // std::string

namespace octet {

template <class Number>
void append_number(Number value, std::string& text) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), end.ptr);
}

}  // namespace octet
