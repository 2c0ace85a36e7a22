#include "octet/loader/jpeg_memory.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include <jerror.h>

namespace octet {
namespace {

/// libjpeg aligns to 32 bytes, and its vector code runs up to 64 over the end of a row.
constexpr std::size_t kJpegAlignment = 64;
constexpr std::size_t kFirstBlock = std::size_t{256} << 10U;
/// More than this is not kept from one picture to the next.
constexpr std::size_t kMostKept = std::size_t{8} << 20U;

constexpr std::size_t rounded_up(std::size_t size) {
  return (size + kJpegAlignment - 1) / kJpegAlignment * kJpegAlignment;
}

}  // namespace

JpegMemory& JpegMemory::of(j_common_ptr cinfo) { return *static_cast<JpegMemory*>(cinfo->client_data); }

void JpegMemory::attach(jpeg_decompress_struct& cinfo) {
  cinfo.client_data = this;
  cinfo.mem->alloc_small = allocate;
  cinfo.mem->alloc_large = allocate;
  cinfo.mem->alloc_sarray = allocate_rows;
}

void JpegMemory::recycle(jpeg_decompress_struct& cinfo) {
  jpeg_abort_decompress(&cinfo);
  std::fill(std::begin(cinfo.quant_tbl_ptrs), std::end(cinfo.quant_tbl_ptrs), nullptr);
  std::fill(std::begin(cinfo.dc_huff_tbl_ptrs), std::end(cinfo.dc_huff_tbl_ptrs), nullptr);
  std::fill(std::begin(cinfo.ac_huff_tbl_ptrs), std::end(cinfo.ac_huff_tbl_ptrs), nullptr);
  used_ = 0;
  if (blocks_.size() <= 1 && total_ <= kMostKept) return;
  // One block in place of several, for the next picture like this one.
  const std::size_t wanted = total_;
  blocks_.clear();
  total_ = 0;
  if (wanted <= kMostKept) add_block(wanted);
}

bool JpegMemory::add_block(std::size_t size) noexcept {
  Block block{{static_cast<std::byte*>(std::aligned_alloc(kJpegAlignment, size)), {}}, size};
  if (!block.bytes) return false;
  try {
    blocks_.push_back(std::move(block));
  } catch (const std::bad_alloc&) {
    return false;
  }
  ++allocations_;
  total_ += size;
  used_ = 0;
  return true;
}

std::byte* JpegMemory::take(std::size_t size) noexcept {
  size = rounded_up(size) + kJpegAlignment;
  const bool fits = !blocks_.empty() && blocks_.back().size - used_ >= size;
  if (!fits && !add_block(std::max(size, kFirstBlock))) return nullptr;
  std::byte* const at = blocks_.back().bytes.get() + used_;
  used_ += size;
  return at;
}

void* JpegMemory::allocate(j_common_ptr cinfo, int /*pool*/, std::size_t size) {
  if (static_cast<long>(size) < 0 || static_cast<long>(size) > cinfo->mem->max_alloc_chunk) {
    ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 1);
  }
  void* const memory = of(cinfo).take(size);
  if (memory == nullptr) ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 2);
  return memory;
}

JSAMPARRAY JpegMemory::allocate_rows(j_common_ptr cinfo, int pool, JDIMENSION samples, JDIMENSION rows) {
  const std::size_t stride = rounded_up(std::size_t{samples} * sizeof(JSAMPLE));
  auto** const array = static_cast<JSAMPARRAY>(allocate(cinfo, pool, rows * sizeof(JSAMPROW)));
  auto* const bytes = static_cast<JSAMPROW>(allocate(cinfo, pool, rows * stride));
  for (JDIMENSION i = 0; i < rows; ++i) array[i] = bytes + i * stride;
  return array;
}

}  // namespace octet
