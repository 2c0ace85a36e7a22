// A whole picture at the size in which people see it.
#pragma once

#include <cstdint>  // std::uint8_t
#include <vector>   // std::vector

#include "octet/jobs/draw/layout.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"

namespace octet {

struct WholePicture {
  Size stored;
  Display display;
  std::vector<std::uint8_t> pixels;  ///< RGB, row by row without gaps, at the displayed size
};

/// Decodes all of `image` at the size that `display_of` chooses for its stored one. `buffer` keeps the file's bytes
/// from one call to the next. Errors are those of reading and decoding.
Result<WholePicture> decode_whole(const ImageBytes& image, Decoder& decoder, Display (*display_of)(Size stored),
                                  std::vector<std::uint8_t>& buffer);

}  // namespace octet
