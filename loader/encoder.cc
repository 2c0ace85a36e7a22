#include "octet/loader/encoder.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

namespace octet {
namespace {

using JpegBytes = std::vector<std::uint8_t>;

constexpr std::size_t kFirstBytes = std::size_t{64} << 10;
constexpr std::size_t kKeptBytes = std::size_t{16} << 20;

/// Grows without letting an exception pass through C code.
bool grow(JpegBytes& bytes, std::size_t size) noexcept {
  try {
    bytes.resize(size);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

struct JpegErrors : jpeg_error_mgr {
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message{};
};

void on_jpeg_error(j_common_ptr cinfo) {
  auto* errors = static_cast<JpegErrors*>(cinfo->err);
  errors->format_message(cinfo, errors->message.data());
  std::longjmp(errors->jump, 1);
}

void ignore_jpeg_message(j_common_ptr /*cinfo*/) {}

/// Writes into a vector.
struct JpegDestination : jpeg_destination_mgr {
  JpegBytes* bytes = nullptr;
};

void start_jpeg(j_compress_ptr cinfo) {
  auto* dest = static_cast<JpegDestination*>(cinfo->dest);
  dest->next_output_byte = dest->bytes->data();
  dest->free_in_buffer = dest->bytes->size();
}

/// Called when the buffer is full, whatever free_in_buffer says.
boolean grow_jpeg(j_compress_ptr cinfo) {
  auto* dest = static_cast<JpegDestination*>(cinfo->dest);
  const std::size_t used = dest->bytes->size();
  if (!grow(*dest->bytes, 2 * used)) {
    auto* errors = static_cast<JpegErrors*>(cinfo->err);
    std::snprintf(errors->message.data(), errors->message.size(), "out of memory");
    std::longjmp(errors->jump, 1);
  }
  dest->next_output_byte = dest->bytes->data() + used;
  dest->free_in_buffer = used;
  return TRUE;
}

void end_jpeg(j_compress_ptr /*cinfo*/) {}

J_COLOR_SPACE jpeg_space(Color color) {
  if (color == Color::gray) return JCS_GRAYSCALE;
  return color == Color::rgb ? JCS_EXT_RGB : JCS_EXT_BGR;
}

struct PngOutput {
  JpegBytes* bytes = nullptr;
  std::size_t used = 0;
  std::array<char, 128> message{};
};

[[noreturn]] void on_png_error(png_structp png, png_const_charp message) {
  auto* output = static_cast<PngOutput*>(png_get_error_ptr(png));
  std::snprintf(output->message.data(), output->message.size(), "%s", message);
  png_longjmp(png, 1);
}

void ignore_png_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void append_png(png_structp png, png_bytep data, std::size_t count) {
  auto* output = static_cast<PngOutput*>(png_get_io_ptr(png));
  if (count > output->bytes->size() - output->used &&
      !grow(*output->bytes, std::max(2 * output->bytes->size(), output->used + count))) {
    png_error(png, "out of memory");
  }
  std::copy_n(data, count, output->bytes->data() + output->used);
  output->used += count;
}

void flush_png(png_structp /*png*/) {}

}  // namespace

class Encoder::Impl {
 public:
  explicit Impl(const EncoderOptions& options) : options_(options) {}

  Result<std::span<const std::uint8_t>> encode(std::span<const std::uint8_t> pixels, Size size, Color color) {
    const std::size_t row = static_cast<std::size_t>(size.width) * (color == Color::gray ? 1 : 3);
    if (size.width < 1 || size.height < 1 || pixels.size() / row < static_cast<std::size_t>(size.height)) {
      return Error{ErrorCode::usage, "", "there are fewer pixels than the picture has"};
    }
    if (bytes_.size() < kFirstBytes || bytes_.size() > kKeptBytes) JpegBytes(kFirstBytes).swap(bytes_);
    return options_.format == ImageFormat::jpeg ? jpeg(pixels.data(), row, size, color)
                                                : png(pixels.data(), row, size, color);
  }

 private:
  Result<std::span<const std::uint8_t>> jpeg(const std::uint8_t* pixels, std::size_t row, Size size, Color color);
  Result<std::span<const std::uint8_t>> png(const std::uint8_t* pixels, std::size_t row, Size size, Color color);

  const EncoderOptions options_;
  JpegBytes bytes_;
};

// Nothing with a destructor may live between setjmp and a longjmp of the libraries.
Result<std::span<const std::uint8_t>> Encoder::Impl::jpeg(const std::uint8_t* pixels, std::size_t row, Size size,
                                                          Color color) {
  jpeg_compress_struct cinfo{};
  JpegErrors errors{};
  JpegDestination dest{};
  cinfo.err = jpeg_std_error(&errors);
  errors.error_exit = on_jpeg_error;
  errors.output_message = ignore_jpeg_message;
  dest.init_destination = start_jpeg;
  dest.empty_output_buffer = grow_jpeg;
  dest.term_destination = end_jpeg;
  dest.bytes = &bytes_;
  if (setjmp(errors.jump) != 0) {  // NOLINT(cert-err52-cpp): the only way out of libjpeg
    jpeg_destroy_compress(&cinfo);
    return Error{ErrorCode::limit, "", "cannot be stored as JPEG: " + std::string(errors.message.data())};
  }
  jpeg_create_compress(&cinfo);
  cinfo.dest = &dest;
  cinfo.image_width = static_cast<JDIMENSION>(size.width);
  cinfo.image_height = static_cast<JDIMENSION>(size.height);
  cinfo.in_color_space = jpeg_space(color);
  cinfo.input_components = color == Color::gray ? 1 : 3;
  jpeg_set_defaults(&cinfo);
  jpeg_set_quality(&cinfo, options_.quality, TRUE);
  if (options_.full_chroma) cinfo.comp_info[0].h_samp_factor = cinfo.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&cinfo, TRUE);
  while (cinfo.next_scanline < cinfo.image_height) {
    auto* line = const_cast<JSAMPROW>(pixels + row * cinfo.next_scanline);  // libjpeg only reads it
    jpeg_write_scanlines(&cinfo, &line, 1);
  }
  jpeg_finish_compress(&cinfo);
  const std::size_t used = bytes_.size() - dest.free_in_buffer;
  jpeg_destroy_compress(&cinfo);
  return std::span<const std::uint8_t>(bytes_).first(used);
}

Result<std::span<const std::uint8_t>> Encoder::Impl::png(const std::uint8_t* pixels, std::size_t row, Size size,
                                                         Color color) {
  PngOutput output{&bytes_};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, on_png_error, ignore_png_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info == nullptr) {
    png_destroy_write_struct(&png, nullptr);
    return Error{ErrorCode::limit, "", "no memory for a PNG encoder"};
  }
  if (setjmp(png_jmpbuf(png)) != 0) {  // NOLINT(cert-err52-cpp): the only way out of libpng
    png_destroy_write_struct(&png, &info);
    return Error{ErrorCode::limit, "", "cannot be stored as PNG: " + std::string(output.message.data())};
  }
  png_set_write_fn(png, &output, append_png, flush_png);
  png_set_IHDR(png, info, static_cast<png_uint_32>(size.width), static_cast<png_uint_32>(size.height), 8,
               color == Color::gray ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(png, options_.quality);
  png_set_compression_strategy(png, Z_RLE);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
  png_write_info(png, info);
  if (color == Color::bgr) png_set_bgr(png);
  for (std::int64_t y = 0; y < size.height; ++y) png_write_row(png, pixels + row * static_cast<std::size_t>(y));
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return std::span<const std::uint8_t>(bytes_).first(output.used);
}

Result<Encoder> Encoder::create(const EncoderOptions& options) {
  const bool jpeg = options.format == ImageFormat::jpeg;
  if (options.quality < (jpeg ? 1 : 0) || options.quality > (jpeg ? 100 : 9)) {
    return Error{ErrorCode::usage, "",
                 "a quality of " + std::to_string(options.quality) +
                     (jpeg ? " is not within 1 to 100 (JPEG)" : " is not within 0 to 9 (PNG: zlib's level)")};
  }
  return Encoder(std::make_unique<Impl>(options));
}

Encoder::Encoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;

Result<std::span<const std::uint8_t>> Encoder::encode(std::span<const std::uint8_t> pixels, Size size, Color color) {
  return impl_->encode(pixels, size, color);
}

}  // namespace octet
