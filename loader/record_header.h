// What one image record holds: MXNet's IRHeader, labels, encoded image.
//
// Little-endian layout of a payload: u32 flag, f32 label, u64 id, u64 id2 (24 bytes); then `flag`
// f32 labels; then the image bytes. With flag 0 the one label is the header's.
#pragma once

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/graph/result.h"

namespace octet {

inline constexpr std::size_t kIRHeaderBytes = 24;

struct IRHeader {
  std::uint32_t flag = 0;  ///< number of packed labels; 0: the one label is `label`
  float label = 0;         ///< 0 by convention when flag > 0
  std::uint64_t id = 0;    ///< the image's index in its list
  std::uint64_t id2 = 0;   ///< 0 in practice
};

/// Error(bad_record), without a place, when the payload is shorter than a header.
Result<IRHeader> parse_header(std::span<const std::uint8_t> payload);

/// The labels bit for bit (NaN stays NaN). Error(bad_record), without a place, when the payload is
/// shorter than 24 + 4 * flag.
Result<std::vector<float>> parse_labels(const IRHeader& header, std::span<const std::uint8_t> payload);

/// The bytes behind the labels. Precondition: parse_labels succeeded. Empty when there are none.
std::span<const std::uint8_t> image_of(const IRHeader& header, std::span<const std::uint8_t> payload) noexcept;

/// The header that MXNet's packer writes: one label in the header, several packed behind it. No
/// label at all is stored as the label -1, which is no class.
IRHeader header_for(std::uint64_t id, std::span<const float> labels) noexcept;

/// Replaces `payload` by header, labels (header.flag of them; none when flag is 0) and image.
/// Error(usage) when the number of labels does not match.
Result<void> pack_payload(const IRHeader& header, std::span<const float> labels, std::span<const std::uint8_t> image,
                          std::vector<std::uint8_t>& payload);

}  // namespace octet
