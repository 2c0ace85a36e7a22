#include "octet/jobs/writers/utf8.h"

namespace octet {
namespace {

unsigned byte(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// Length announced by the first byte and the range that the second one must be in.
struct Lead {
  std::size_t length = 0;
  unsigned low = 0x80, high = 0xBF;
};

Lead lead_of(unsigned first) {
  if (first >= 0xC2 && first <= 0xDF) return {2};
  if (first == 0xE0) return {3, 0xA0};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first >= 0xE1 && first <= 0xEF) return {3};
  if (first == 0xF0) return {4, 0x90};
  if (first >= 0xF1 && first <= 0xF3) return {4};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) noexcept {
  if (text.empty()) return 0;
  if (byte(text, 0) < 0x80) return 1;
  const Lead lead = lead_of(byte(text, 0));
  if (lead.length == 0 || text.size() < lead.length) return 0;
  if (byte(text, 1) < lead.low || byte(text, 1) > lead.high) return 0;
  for (std::size_t i = 2; i < lead.length; ++i) {
    if ((byte(text, i) & 0xC0U) != 0x80U) return 0;
  }
  return lead.length;
}

}  // namespace octet
