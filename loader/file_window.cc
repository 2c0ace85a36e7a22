#include "octet/loader/file_window.h"

#include <algorithm>
#include <cstring>

namespace octet {
namespace {

/// How far ahead of the window the kernel is asked to read.
constexpr std::uint64_t kReadAhead = std::uint64_t{4} << 20;

}  // namespace

Result<std::span<const std::uint8_t>> FileWindow::at(std::uint64_t offset, std::size_t min_bytes,
                                                     std::size_t chunk_bytes) {
  const std::uint64_t end = chunk_offset_ + chunk_bytes_;
  const bool inside = chunk_ && offset >= chunk_offset_ && offset <= end;
  std::span<const std::uint8_t> at_hand;
  if (inside) at_hand = {chunk_.get() + (offset - chunk_offset_), static_cast<std::size_t>(end - offset)};
  if (inside && at_hand.size() >= min_bytes) return at_hand;

  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(std::max(min_bytes, chunk_bytes), file_.size() - offset));
  auto chunk = std::make_shared_for_overwrite<std::uint8_t[]>(size);
  if (!at_hand.empty()) std::memcpy(chunk.get(), at_hand.data(), at_hand.size());
  OCTET_CHECK(file_.read_at(offset + at_hand.size(), {chunk.get() + at_hand.size(), size - at_hand.size()}));
  file_.will_need(offset + size, std::min<std::uint64_t>(kReadAhead, 4 * std::uint64_t{size}));
  chunk_ = std::move(chunk);
  chunk_offset_ = offset;
  chunk_bytes_ = size;
  return std::span<const std::uint8_t>(chunk_.get(), size);
}

}  // namespace octet
