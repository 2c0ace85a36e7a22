#include "octet/loader/file_window.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

namespace octet {
namespace {

/// How far ahead of the window the kernel is asked to read.
constexpr std::uint64_t kReadAhead = std::uint64_t{4} << 20;
/// How many idle chunks are kept. Read in order, two or three are in use at a time.
constexpr std::size_t kIdleChunks = 8;

}  // namespace

std::shared_ptr<std::uint8_t[]> ChunkPool::take(std::size_t size) {
  Memory memory;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(idle_.rbegin(), idle_.rend(), [&](const Memory& m) { return m.size == size; });
    if (found != idle_.rend()) {
      memory = std::move(*found);
      idle_.erase(std::next(found).base());
    }
  }
  if (!memory.bytes) memory = {std::make_unique_for_overwrite<std::uint8_t[]>(size), size};
  // The deleter does not throw, and owns the memory again should the control block not be allocated.
  auto back = [pool = shared_from_this(), size](std::uint8_t* bytes) noexcept {
    pool->give_back({std::unique_ptr<std::uint8_t[]>(bytes), size});
  };
  return {memory.bytes.release(), std::move(back)};
}

void ChunkPool::give_back(Memory memory) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    if (idle_.size() == kIdleChunks) idle_.erase(idle_.begin());
    idle_.push_back(std::move(memory));
  } catch (const std::bad_alloc&) {  // for the list: the memory is freed
  }
}

Result<std::span<const std::uint8_t>> FileWindow::at(std::uint64_t offset, std::size_t min_bytes,
                                                     std::size_t chunk_bytes) {
  const std::uint64_t end = chunk_offset_ + chunk_bytes_;
  const bool inside = chunk_ && offset >= chunk_offset_ && offset <= end;
  std::span<const std::uint8_t> at_hand;
  if (inside) at_hand = {chunk_.get() + (offset - chunk_offset_), static_cast<std::size_t>(end - offset)};
  if (inside && at_hand.size() >= min_bytes) return at_hand;

  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(std::max(min_bytes, chunk_bytes), file_.size() - offset));
  auto chunk = pool_->take(size);
  if (!at_hand.empty()) std::memcpy(chunk.get(), at_hand.data(), at_hand.size());
  OCTET_CHECK(file_.read_at(offset + at_hand.size(), {chunk.get() + at_hand.size(), size - at_hand.size()}));
  file_.will_need(offset + size, std::min<std::uint64_t>(kReadAhead, 4 * std::uint64_t{size}));
  chunk_ = std::move(chunk);
  chunk_offset_ = offset;
  chunk_bytes_ = size;
  return std::span<const std::uint8_t>(chunk_.get(), size);
}

}  // namespace octet
