#include "octet/loader/png.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include <png.h>

#include "octet/loader/resize_kernels.h"

namespace octet {
namespace {

constexpr std::size_t kSignature = 8;
// Deflate's best ratio: a picture that claims more than this times the file's size is cut off.
constexpr std::int64_t kMaxInflation = 1032;

/// Ancillary chunks that could be large and play no part in the pixels: not even inflated.
constexpr auto kIgnoredChunks =
    std::to_array<png_byte>({'i', 'C', 'C', 'P', 0, 'i', 'T', 'X', 't', 0, 't', 'E', 'X', 't', 0,
                             'z', 'T', 'X', 't', 0, 's', 'P', 'L', 'T', 0, 'e', 'X', 'I', 'f', 0});

struct Input {
  std::span<const std::uint8_t> left;
  std::array<char, 128> message{};
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* input = static_cast<Input*>(png_get_error_ptr(png));
  std::strncpy(input->message.data(), message, input->message.size() - 1);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void read_bytes(png_structp png, png_bytep dst, std::size_t count) {
  auto* input = static_cast<Input*>(png_get_io_ptr(png));
  if (count > input->left.size()) png_error(png, "the file ends early");
  std::memcpy(dst, input->left.data(), count);
  input->left = input->left.subspan(count);
}

}  // namespace

class PngReader::Impl {
 public:
  explicit Impl(const DecoderOptions& options) : options_(options) {}
  ~Impl() { close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<Size> open(std::span<const std::uint8_t> bytes);
  Result<void> start(const Window& window, Color color);
  Result<const std::uint8_t*> next_row();
  Result<void> finish();
  [[nodiscard]] bool gray() const { return (png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR) == 0; }
  void close() {
    png_destroy_read_struct(&png_, &info_, nullptr);
    whole_.reset();
  }

 private:
  /// Calls `step`; false when libpng left it by longjmp. Nothing with a destructor may live in it.
  template <class Step>
  bool guarded(Step step) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;  // NOLINT(cert-err52-cpp): the only way out of libpng
    step();
    return true;
  }
  [[nodiscard]] Error failure() const {
    return {ErrorCode::bad_image, "", "PNG cannot be decoded: " + std::string(input_.message.data())};
  }
  void set_transforms(Color color);

  DecoderOptions options_;
  Input input_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::size_t file_bytes_ = 0;
  std::size_t first_byte_ = 0;             ///< of the window in a row
  std::size_t row_bytes_ = 0;              ///< of a whole row after conversion
  std::int64_t y_ = 0;                     ///< next row
  std::vector<std::uint8_t> row_;          ///< one row
  std::unique_ptr<std::uint8_t[]> whole_;  ///< all rows of an interlaced picture
  std::vector<png_bytep> rows_;
};

Result<Size> PngReader::Impl::open(std::span<const std::uint8_t> bytes) {
  close();
  input_.left = bytes;
  input_.message.fill(0);
  file_bytes_ = bytes.size();
  png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input_, on_error, ignore_warning);
  if (png_ != nullptr) info_ = png_create_info_struct(png_);
  if (info_ == nullptr) return Error{ErrorCode::limit, "", "no memory for a PNG decoder"};
  const bool read = guarded([&] {
    png_set_read_fn(png_, &input_, read_bytes);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kIgnoredChunks.data(),
                                static_cast<int>(kIgnoredChunks.size() / 5));
    png_read_info(png_, info_);
  });
  if (!read) return failure();
  const Size size{png_get_image_width(png_, info_), png_get_image_height(png_, info_)};
  const std::string claim = std::to_string(size.width) + "x" + std::to_string(size.height);
  if (size.width > options_.max_pixels / size.height) {
    return Error{ErrorCode::limit, "",
                 "PNG claims " + claim + " pixels, more than the limit of " + std::to_string(options_.max_pixels)};
  }
  const auto packed = static_cast<std::int64_t>(png_get_rowbytes(png_, info_)) * size.height;
  if (packed / kMaxInflation > static_cast<std::int64_t>(file_bytes_)) {
    return Error{ErrorCode::bad_image, "",
                 "PNG is damaged: " + std::to_string(file_bytes_) + " bytes cannot hold " + claim + " pixels"};
  }
  return size;
}

void PngReader::Impl::set_transforms(Color color) {
  const int type = png_get_color_type(png_, info_);
  const bool colored = (type & PNG_COLOR_MASK_COLOR) != 0;
  png_set_strip_16(png_);
  png_set_strip_alpha(png_);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
  if (!colored && png_get_bit_depth(png_, info_) < 8) png_set_expand_gray_1_2_4_to_8(png_);
  if (color == Color::gray) {
    if (colored) png_set_rgb_to_gray(png_, 1, 0.299, 0.587);  // 1: silently
  } else {
    if (!colored) png_set_gray_to_rgb(png_);
    if (color == Color::bgr) png_set_bgr(png_);
  }
  png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
}

Result<void> PngReader::Impl::start(const Window& window, Color color) {
  if (!guarded([&] { set_transforms(color); })) return failure();
  const std::size_t channels = color == Color::gray ? 1 : 3;
  const std::size_t width = png_get_image_width(png_, info_);
  const std::size_t height = png_get_image_height(png_, info_);
  row_bytes_ = png_get_rowbytes(png_, info_);
  if (row_bytes_ != width * channels) return Error{ErrorCode::bad_image, "", "PNG has an unknown pixel format"};
  first_byte_ = static_cast<std::size_t>(window.x) * channels;
  row_.resize(row_bytes_ + kRowPadding);
  y_ = 0;
  if (png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE) {
    whole_ = std::make_unique<std::uint8_t[]>(row_bytes_ * height + kRowPadding);
    rows_.resize(height);
    for (std::size_t y = 0; y < height; ++y) rows_[y] = whole_.get() + y * row_bytes_;
    if (!guarded([&] { png_read_image(png_, rows_.data()); })) return failure();
    y_ = window.y;
    return {};
  }
  const bool skipped = guarded([&] {
    for (; y_ < window.y; ++y_) png_read_row(png_, row_.data(), nullptr);
  });
  if (!skipped) return failure();
  return {};
}

Result<const std::uint8_t*> PngReader::Impl::next_row() {
  if (whole_) return rows_[static_cast<std::size_t>(y_++)] + first_byte_;
  if (!guarded([&] { png_read_row(png_, row_.data(), nullptr); })) return failure();
  ++y_;
  return row_.data() + first_byte_;
}

Result<void> PngReader::Impl::finish() {
  const bool complete = guarded([&] {
    const std::int64_t height = png_get_image_height(png_, info_);
    for (; !whole_ && y_ < height; ++y_) png_read_row(png_, row_.data(), nullptr);
    png_read_end(png_, nullptr);
  });
  if (!complete) return failure();
  return {};
}

PngReader::PngReader(const DecoderOptions& options) : impl_(std::make_unique<Impl>(options)) {}
PngReader::~PngReader() = default;
Result<Size> PngReader::open(std::span<const std::uint8_t> bytes) { return impl_->open(bytes); }
Result<void> PngReader::start(const Window& window, Color color) { return impl_->start(window, color); }
Result<const std::uint8_t*> PngReader::next_row() { return impl_->next_row(); }
Result<void> PngReader::finish() { return impl_->finish(); }
void PngReader::close() { impl_->close(); }
bool PngReader::gray() const { return impl_->gray(); }

bool is_png(std::span<const std::uint8_t> bytes) noexcept {
  return bytes.size() >= kSignature && png_sig_cmp(bytes.data(), 0, kSignature) == 0;
}

}  // namespace octet
