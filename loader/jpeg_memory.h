// Memory of a JPEG decompressor that is used again and again.
#pragma once

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint64_t
#include <cstdio>   // jpeglib.h needs FILE
#include <cstdlib>  // std::free
#include <memory>   // std::unique_ptr
#include <vector>   // std::vector

#include <jpeglib.h>

namespace octet {

/// Takes the place of libjpeg's own allocator, which asks malloc for every table and row buffer of every
/// picture: memory is cut from a block that is kept, so that pictures of one size cost no allocation. The
/// coefficients of pictures of several scans stay with libjpeg's allocator, which frees them after each
/// picture. One per decompressor; not thread-safe.
class JpegMemory {
 public:
  /// After jpeg_create_decompress(); this must outlive the decompressor, which must not move. What it asked for before
  /// stays as it is; all that it asks for later goes with recycle().
  void attach(jpeg_decompress_struct& cinfo);
  /// Makes the decompressor as good as new: ends its picture, forgets the picture's tables, which it would
  /// otherwise keep for the next one, and takes the memory back.
  void recycle(jpeg_decompress_struct& cinfo);

  /// Blocks that were ever asked of malloc, and the bytes of those held now.
  [[nodiscard]] std::uint64_t allocations() const noexcept { return allocations_; }
  [[nodiscard]] std::size_t kept_bytes() const noexcept { return total_; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const noexcept { std::free(bytes); }
  };
  struct Block {
    std::unique_ptr<std::byte, Free> bytes;
    std::size_t size = 0;
  };

  static JpegMemory& of(j_common_ptr cinfo);
  static void* allocate(j_common_ptr cinfo, int pool, std::size_t size);
  static JSAMPARRAY allocate_rows(j_common_ptr cinfo, int pool, JDIMENSION samples, JDIMENSION rows);
  std::byte* take(std::size_t size) noexcept;
  bool add_block(std::size_t size) noexcept;

  std::vector<Block> blocks_;  ///< the last one is being cut
  std::size_t used_ = 0;       ///< of the last one
  std::uint64_t allocations_ = 0;
  std::size_t total_ = 0;  ///< bytes of all of them
};

}  // namespace octet
