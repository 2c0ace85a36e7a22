#include "octet/loader/decoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "octet/loader/geometry.h"
#include "octet/loader/jpeg.h"
#include "octet/loader/png.h"
#include "octet/loader/resize.h"

namespace octet {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// What the bytes are, for the message that they are no JPEG or PNG.
std::string_view describe(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 16));
  if (text.empty()) return "the file is empty";
  if (text.starts_with("GIF8")) return "GIF pictures are not read, only JPEG and PNG";
  if (text.starts_with("BM")) return "BMP pictures are not read, only JPEG and PNG";
  if (text.starts_with("RIFF") && text.substr(8).starts_with("WEBP")) {
    return "WebP pictures are not read, only JPEG and PNG";
  }
  if (text.starts_with("<")) return "this is a web page or XML, no picture";
  return "this is neither JPEG nor PNG";
}

/// Rows of the slot that the picture goes to.
struct Target {
  std::uint8_t* row = nullptr;
  std::size_t stride = 0;
  std::size_t row_bytes = 0;
  std::int64_t left = 0;  ///< rows still to come

  void advance() {
    row += stride;
    --left;
  }
};

/// Rows of the stored picture through up to three resizes into the slot.
class Pipeline {
 public:
  /// Returns the pixels of the stored picture that are needed.
  Window start(Size stored, const Geometry& geometry, const Preprocess& preprocess, const Target& target) {
    count_ = geometry.count;
    target_ = target;
    target_.row += static_cast<std::size_t>(geometry.top) * target.stride +
                   static_cast<std::size_t>(geometry.left * preprocess.channels);
    target_.row_bytes = static_cast<std::size_t>(geometry.crop.width * preprocess.channels);
    target_.left = geometry.crop.height;
    Window window = geometry.crop;
    for (std::size_t i = count_; i-- > 0;) {
      if (i + 1 < count_) {
        buffers_[i].resize(static_cast<std::size_t>(window.width * preprocess.channels) + kRowPadding);
      }
      const Size src = i == 0 ? stored : geometry.steps[i - 1];
      resizers_[i].start(geometry.kinds[i], src, geometry.steps[i], window, preprocess.channels);
      window = resizers_[i].source();
    }
    return window;
  }

  /// Takes the next row of that window.
  void push(const std::uint8_t* row) { push(0, row); }

  [[nodiscard]] bool complete() const { return target_.left == 0; }

 private:
  void push(std::size_t i, const std::uint8_t* row) {
    if (i == count_) {
      std::memcpy(target_.row, row, target_.row_bytes);
      target_.advance();
      return;
    }
    Resizer& resizer = resizers_[i];
    resizer.push(row);
    while (resizer.ready()) {
      if (i + 1 == count_) {
        resizer.emit(target_.row);
        target_.advance();
      } else {
        resizer.emit(buffers_[i].data());
        push(i + 1, buffers_[i].data());
      }
    }
  }

  std::size_t count_ = 0;
  std::array<Resizer, 3> resizers_;
  std::array<std::vector<std::uint8_t>, 2> buffers_;  ///< a row between two resizes
  Target target_;
};

void paint(std::uint8_t* dst, std::int64_t pixels, const Border& border, std::int64_t channels) {
  if (channels == 1) {
    std::memset(dst, border.value[0], static_cast<std::size_t>(pixels));
    return;
  }
  for (std::int64_t i = 0; i < pixels; ++i, dst += 3) std::copy(border.value.begin(), border.value.end(), dst);
}

/// Paints the four sides; with `all`, everything.
void paint_border(const Preprocess& p, const Border& border, bool all, std::uint8_t* slot) {
  const std::int64_t width = p.width + border.left + border.right;
  const std::int64_t height = p.height + border.top + border.bottom;
  for (std::int64_t y = 0; y < height; ++y, slot += width * p.channels) {
    if (all || y < border.top || y >= border.top + p.height) {
      paint(slot, width, border, p.channels);
    } else {
      paint(slot, border.left, border, p.channels);
      paint(slot + (border.left + p.width) * p.channels, border.right, border, p.channels);
    }
  }
}

/// Paints what a letterboxed picture leaves free of the input; `target`: of the whole input.
void paint_around(const Geometry& geometry, const Preprocess& p, const Target& target) {
  const auto bytes = [&](std::int64_t pixels) { return static_cast<std::size_t>(pixels * p.channels); };
  const std::int64_t right = geometry.left + geometry.crop.width, bottom = geometry.top + geometry.crop.height;
  std::uint8_t* row = target.row;
  for (std::int64_t y = 0; y < p.height; ++y, row += target.stride) {
    if (y < geometry.top || y >= bottom) {
      std::memset(row, p.fill, bytes(p.width));
    } else {
      std::memset(row, p.fill, bytes(geometry.left));
      std::memset(row + bytes(right), p.fill, bytes(p.width - right));
    }
  }
}

Result<void> check_request(const Preprocess& p, const Border& border, std::size_t slot) {
  const bool gray = p.color == Color::gray;
  if (p.height < 1 || p.width < 1 || p.channels != (gray ? 1 : 3) || p.resize_short < 0) {
    return Error{ErrorCode::invalid_config, "", "the network's input is neither a gray nor a colour picture"};
  }
  if (border.top < 0 || border.left < 0 || border.bottom < 0 || border.right < 0) {
    return Error{ErrorCode::invalid_config, "", "the border is negative"};
  }
  if (slot != slot_bytes(p, border)) {
    return Error{ErrorCode::usage, "",
                 "the slot has " + std::to_string(slot) + " bytes instead of " + std::to_string(slot_bytes(p, border))};
  }
  return {};
}

}  // namespace

class Decoder::Impl {
 public:
  explicit Impl(const DecoderOptions& options) : jpeg_(options), png_(options) {}

  Result<ImageInfo> decode(Bytes bytes, const Preprocess& preprocess, const Target& target) {
    return with_reader(bytes, [&](PictureReader& reader) { return read(reader, bytes, preprocess, target); });
  }

  Result<ImageInfo> measure(Bytes bytes) {
    return with_reader(bytes, [&](PictureReader& reader) -> Result<ImageInfo> {
      OCTET_TRY(const Size stored, reader.open(bytes));
      return ImageInfo{stored.width, stored.height, false, reader.gray()};
    });
  }

 private:
  /// Calls `step` with the reader for what the bytes are.
  template <class Step>
  Result<ImageInfo> with_reader(Bytes bytes, Step step) {
    PictureReader* reader = nullptr;
    if (is_jpeg(bytes)) reader = &jpeg_;
    if (is_png(bytes)) reader = &png_;
    if (reader == nullptr) return Error{ErrorCode::bad_image, "", std::string(describe(bytes))};
    Result<ImageInfo> info = step(*reader);
    reader->close();
    return info;
  }

  Result<ImageInfo> read(PictureReader& reader, Bytes bytes, const Preprocess& preprocess, const Target& target) {
    OCTET_TRY(const Size stored, reader.open(bytes));
    OCTET_TRY(const Geometry geometry, plan_geometry(stored, preprocess));
    const Size read_size = geometry.count > 0 ? reader.reduce(stored, geometry.steps[0]) : stored;
    const Window window = pipeline_.start(read_size, geometry, preprocess, target);
    OCTET_CHECK(reader.start(window, preprocess.color));
    for (std::int64_t y = 0; y < window.height; ++y) {
      OCTET_TRY(const auto row, reader.next_row());
      pipeline_.push(row);
    }
    OCTET_CHECK(reader.finish());
    if (!pipeline_.complete()) return Error{ErrorCode::internal, "", "the resized picture has too few rows"};
    if (preprocess.resize == ResizeMode::letterbox) paint_around(geometry, preprocess, target);
    return ImageInfo{stored.width, stored.height, reader.damaged(), reader.gray()};
  }

  JpegReader jpeg_;
  PngReader png_;
  Pipeline pipeline_;
};

Decoder::Decoder(const DecoderOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Result<ImageInfo> Decoder::decode(Bytes bytes, const Preprocess& preprocess, const Border& border,
                                  std::span<std::uint8_t> slot) {
  OCTET_CHECK(check_request(preprocess, border, slot.size()));
  const std::int64_t width = preprocess.width + border.left + border.right;
  Target target;
  target.stride = static_cast<std::size_t>(width * preprocess.channels);
  target.row = slot.data() + static_cast<std::size_t>((border.top * width + border.left) * preprocess.channels);
  Result<ImageInfo> info = impl_->decode(bytes, preprocess, target);
  paint_border(preprocess, border, !info, slot.data());
  return info;
}

Result<ImageInfo> Decoder::measure(Bytes bytes) { return impl_->measure(bytes); }

std::size_t slot_bytes(const Preprocess& preprocess, const Border& border) noexcept {
  const std::int64_t height = preprocess.height + border.top + border.bottom;
  const std::int64_t width = preprocess.width + border.left + border.right;
  return static_cast<std::size_t>(height * width * preprocess.channels);
}

}  // namespace octet
