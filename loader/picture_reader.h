// What the decoder needs from a file format: the size first, then the rows of a window.
#pragma once

#include <cstdint>  // std::uint8_t
#include <span>     // std::span

#include "octet/graph/preprocess.h"
#include "octet/graph/result.h"
#include "octet/loader/geometry.h"

namespace octet {

/// Reads one picture after the other. open(), maybe reduce(), start(), next_row() once for each row of the window,
/// finish(), and close() at any point, also after an error. The bytes must live until close(). Keeps
/// its buffers between pictures. Not thread-safe.
class PictureReader {
 public:
  virtual ~PictureReader() = default;

  /// Reads the header and checks every limit; nothing of the picture's size is allocated before.
  virtual Result<Size> open(std::span<const std::uint8_t> bytes) = 0;
  /// Has the format scale the picture, of `stored` pixels, down by itself, to no less than `least`, where it can
  /// and its options let it. Returns the size that start()'s window then refers to.
  virtual Size reduce(Size stored, Size /*least*/) { return stored; }
  /// Pixels come in `color`: three bytes, or one for Color::gray.
  virtual Result<void> start(const Window& window, Color color) = 0;
  /// The next row from column window.x on, with kRowPadding readable bytes behind its last pixel;
  /// valid until the next call.
  virtual Result<const std::uint8_t*> next_row() = 0;
  /// After the last row: checks what the format lets one check.
  virtual Result<void> finish() = 0;
  virtual void close() = 0;
  /// Whether part of what was read so far was missing or damaged (only when that is accepted).
  [[nodiscard]] virtual bool damaged() const = 0;
  /// Whether the open picture is stored with one channel.
  [[nodiscard]] virtual bool gray() const = 0;
};

}  // namespace octet
