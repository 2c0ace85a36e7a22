#include "octet/loader/record_header.h"

#include <bit>
#include <cstring>
#include <string>

namespace octet {
namespace {

static_assert(std::endian::native == std::endian::little, "fields are copied in native byte order");
static_assert(sizeof(IRHeader) == kIRHeaderBytes, "IRHeader is copied as a whole");

}  // namespace

Result<IRHeader> parse_header(std::span<const std::uint8_t> payload) {
  if (payload.size() < kIRHeaderBytes) {
    return Error{ErrorCode::bad_record, "",
                 "the record has " + std::to_string(payload.size()) + " bytes, its header alone takes 24"};
  }
  IRHeader header;
  std::memcpy(&header, payload.data(), kIRHeaderBytes);
  return header;
}

Result<std::vector<float>> parse_labels(const IRHeader& header, std::span<const std::uint8_t> payload) {
  if (header.flag == 0) return std::vector<float>{header.label};
  if (header.flag > (payload.size() - kIRHeaderBytes) / sizeof(float)) {
    return Error{ErrorCode::bad_record, "",
                 "the record announces " + std::to_string(header.flag) + " labels, but has only " +
                     std::to_string(payload.size()) + " bytes"};
  }
  std::vector<float> labels(header.flag);
  std::memcpy(labels.data(), payload.data() + kIRHeaderBytes, labels.size() * sizeof(float));
  return labels;
}

std::span<const std::uint8_t> image_of(const IRHeader& header, std::span<const std::uint8_t> payload) noexcept {
  return payload.subspan(kIRHeaderBytes + sizeof(float) * std::size_t{header.flag});
}

IRHeader header_for(std::uint64_t id, std::span<const float> labels) noexcept {
  IRHeader header;
  header.id = id;
  if (labels.empty()) {
    header.label = -1;
  } else if (labels.size() == 1) {
    header.label = labels.front();
  } else {
    header.flag = static_cast<std::uint32_t>(labels.size());
  }
  return header;
}

Result<void> pack_payload(const IRHeader& header, std::span<const float> labels, std::span<const std::uint8_t> image,
                          std::vector<std::uint8_t>& payload) {
  if (labels.size() != header.flag) {
    return Error{ErrorCode::usage, "",
                 "the header announces " + std::to_string(header.flag) + " packed labels, " +
                     std::to_string(labels.size()) + " are given"};
  }
  payload.resize(kIRHeaderBytes + labels.size_bytes() + image.size());
  std::memcpy(payload.data(), &header, kIRHeaderBytes);
  if (!labels.empty()) std::memcpy(payload.data() + kIRHeaderBytes, labels.data(), labels.size_bytes());
  if (!image.empty()) std::memcpy(payload.data() + kIRHeaderBytes + labels.size_bytes(), image.data(), image.size());
  return {};
}

}  // namespace octet
