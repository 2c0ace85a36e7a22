#include "octet/executor/memory.h"

#include <sys/mman.h>  // madvise

#include <algorithm>  // std::max
#include <cstdlib>    // std::aligned_alloc
#include <cstring>    // std::memset
#include <string>     // std::to_string
#include <utility>    // std::move

namespace octet {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kPoolBlock = 2 * kHugePage;

}  // namespace

Result<Memory> Memory::create(std::size_t bytes) {
  Memory memory;
  const bool large = bytes >= kHugePage;
  const std::size_t alignment = large ? kHugePage : kAlignment;
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  void* data = rounded >= bytes ? std::aligned_alloc(alignment, rounded) : nullptr;
  if (data == nullptr) return Error{ErrorCode::limit, "", "cannot allocate " + std::to_string(bytes) + " bytes"};
  if (large) madvise(data, rounded, MADV_HUGEPAGE);  // a hint: failing is fine
  std::memset(data, 0, rounded);
  memory.data_.reset(static_cast<std::byte*>(data));
  memory.bytes_ = bytes;
  return memory;
}

void Memory::Free::operator()(std::byte* data) const noexcept { std::free(data); }

Result<std::byte*> MemoryPool::allocate(std::size_t bytes) {
  const std::size_t needed = aligned(std::max<std::size_t>(bytes, 1));
  if (blocks_.empty() || blocks_.back().size() - used_ < needed) {
    OCTET_TRY(Memory block, Memory::create(std::max(needed, kPoolBlock)));
    blocks_.push_back(std::move(block));
    used_ = 0;
  }
  std::byte* piece = blocks_.back().data() + used_;
  used_ += needed;
  bytes_ += bytes;
  return piece;
}

}  // namespace octet
