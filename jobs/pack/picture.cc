#include "octet/jobs/pack/picture.h"

#include <algorithm>  // std::min
#include <string>     // std::to_string
#include <utility>    // std::move

namespace octet {
namespace {

constexpr std::int64_t max_side = 65535;
constexpr std::size_t kept_bytes = std::size_t{16} << 20U;

/// Grows as needed; a buffer that one huge picture made grow is given back.
void make_room(std::vector<std::uint8_t>& buffer, std::size_t bytes) {
  if (buffer.capacity() > kept_bytes && bytes <= kept_bytes) std::vector<std::uint8_t>().swap(buffer);
  if (buffer.size() < bytes) buffer.resize(bytes);
}

/// What the decoder makes of a picture: all of it, its centre square, or all of it resized.
Preprocess decoded_form(const PictureChange& change, const ImageInfo& stored) {
  Preprocess form;
  const bool gray = change.color == StoredColor::gray || (change.color == StoredColor::unchanged && stored.gray);
  form.color = gray ? Color::gray : Color::rgb;
  form.channels = gray ? 1 : 3;
  form.width = stored.width;
  form.height = stored.height;
  if (change.center_crop) {
    form.width = form.height = std::min(stored.width, stored.height);
  } else if (const std::int64_t side = change.resize_short; side > 0) {
    form.resize_short = side;
    form.width = stored.height > stored.width ? side : side * stored.width / stored.height;
    form.height = stored.height > stored.width ? side * stored.height / stored.width : side;
  } else {
    form.resize = ResizeMode::none;
  }
  return form;
}

}  // namespace

Result<std::unique_ptr<PicturePacker>> PicturePacker::create(const PackOptions& options) {
  const std::int64_t side = options.change ? options.change->resize_short : 0;
  if (side < 0 || side > max_side) return Error{ErrorCode::usage, {}, "the shorter side must be within 1 to 65535"};
  OCTET_TRY(Encoder encoder, Encoder::create(options.change ? options.change->encoder : EncoderOptions{}));
  return std::unique_ptr<PicturePacker>(new PicturePacker(options, std::move(encoder)));
}

PicturePacker::PicturePacker(const PackOptions& options, Encoder encoder)
    : change_(options.change),
      check_(options.check),
      max_pixels_(options.stream.decoder.max_pixels),
      decoder_(options.stream.decoder),
      encoder_(std::move(encoder)) {}

// Shapes of extreme aspect grow: a line of 1 x 100,000 pixels resized to 256 has 6.5e9.
Result<void> PicturePacker::check_size(Size size) const {
  if (size.width <= max_pixels_ / size.height) return {};
  return Error{ErrorCode::limit,
               {},
               "would be " + std::to_string(size.width) + "x" + std::to_string(size.height) +
                   " pixels, more than the limit of " + std::to_string(max_pixels_)};
}

Result<void> PicturePacker::decode(std::span<const std::uint8_t> bytes, const Preprocess& form) {
  OCTET_CHECK(check_size({form.width, form.height}));
  const std::size_t size = slot_bytes(form, {});
  make_room(pixels_, size + kRowPadding);
  OCTET_CHECK(decoder_.decode(bytes, form, {}, std::span(pixels_).first(size)));
  return {};
}

void PicturePacker::resize(Size from, Size to, std::int64_t channels) {
  const std::size_t row = static_cast<std::size_t>(to.width * channels);
  make_room(resized_, row * static_cast<std::size_t>(to.height));
  resizer_.start(Interpolation::bilinear, from, to, {0, 0, to.width, to.height}, channels);
  const Window& needed = resizer_.source();
  std::uint8_t* dst = resized_.data();
  for (std::int64_t y = 0; y < needed.height; ++y) {
    resizer_.push(pixels_.data() + ((needed.y + y) * from.width + needed.x) * channels);
    for (; resizer_.ready(); dst += row) resizer_.emit(dst);
  }
}

Result<std::span<const std::uint8_t>> PicturePacker::run(const ImageBytes& image) {
  if (file_.capacity() > kept_bytes) std::vector<std::uint8_t>().swap(file_);
  OCTET_TRY(const auto bytes, image.read(file_));
  OCTET_TRY(const ImageInfo stored, decoder_.measure(bytes));
  stored_size_ = {stored.width, stored.height};
  if (!change_) {
    if (check_) OCTET_CHECK(decode(bytes, decoded_form({}, stored)));
    return bytes;
  }
  const Preprocess form = decoded_form(*change_, stored);
  OCTET_CHECK(decode(bytes, form));
  const Size decoded{form.width, form.height};
  const std::int64_t side = change_->resize_short;
  if (!change_->center_crop || side == 0 || side == decoded.width) {
    return encoder_.encode(pixels_, decoded, form.color);
  }
  OCTET_CHECK(check_size({side, side}));
  resize(decoded, {side, side}, form.channels);
  return encoder_.encode(resized_, {side, side}, form.color);
}

}  // namespace octet
