#include "octet/jobs/draw/whole_picture.h"

namespace octet {

Result<WholePicture> decode_whole(const ImageBytes& image, Decoder& decoder, Display (*display_of)(Size stored),
                                  std::vector<std::uint8_t>& buffer) {
  OCTET_TRY(const auto bytes, image.read(buffer));
  OCTET_TRY(const ImageInfo info, decoder.measure(bytes));
  WholePicture picture;
  picture.stored = {info.width, info.height};
  picture.display = display_of(picture.stored);
  Preprocess preprocess;
  preprocess.width = picture.display.size.width;
  preprocess.height = picture.display.size.height;
  preprocess.resize = ResizeMode::warp;
  preprocess.interpolation = picture.display.interpolation;
  picture.pixels.resize(slot_bytes(preprocess, {}));
  OCTET_CHECK(decoder.decode(bytes, preprocess, {}, picture.pixels));
  return picture;
}

}  // namespace octet
