#include "octet/loader/jpeg.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE
#include <string>
#include <utility>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>

#include "octet/loader/cmyk.h"
#include "octet/loader/jpeg_memory.h"
#include "octet/loader/resize_kernels.h"

namespace octet {
namespace {

// Fancy upsampling takes a neighbour on every side, and libjpeg treats the edges of a cropped or
// skipped region as edges of the picture: so much more is decoded on each side than is used.
constexpr std::int64_t kMargin = 4;

// Every scan visits all coefficients of the picture, whatever its few bytes say: large pictures may
// have fewer scans than small ones, but the largest still this many (encoders write about ten).
constexpr std::int64_t kScansOfLargest = 32;

struct ErrorManager : jpeg_error_mgr {
  std::jmp_buf jump;
  Tolerance tolerate = Tolerance::none;
  bool in_scan = false;     ///< the header is read
  bool damaged = false;     ///< a warning that counts was seen
  bool over_limit = false;  ///< left because of max_scans
  std::array<char, JMSG_LENGTH_MAX> message{};
};

struct MemorySource : jpeg_source_mgr {
  bool ran_out = false;  ///< libjpeg wanted more bytes than there are
};

struct Progress : jpeg_progress_mgr {
  std::int64_t max_scans = 0;
};

ErrorManager& errors(j_common_ptr cinfo) { return *static_cast<ErrorManager*>(cinfo->err); }

[[noreturn]] void leave(j_common_ptr cinfo) { std::longjmp(errors(cinfo).jump, 1); }

void on_error(j_common_ptr cinfo) {
  cinfo->err->format_message(cinfo, errors(cinfo).message.data());
  leave(cinfo);
}

/// Which warnings mean that pixels are wrong. The rest are oddities of headers.
bool is_damage(int code, bool in_scan) {
  switch (code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_JPEG_EOF: return true;
    case JWRN_EXTRANEOUS_DATA: return in_scan;
    default: return false;
  }
}

void on_message(j_common_ptr cinfo, int level) {
  ErrorManager& error = errors(cinfo);
  if (level >= 0 || !is_damage(error.msg_code, error.in_scan)) return;
  error.damaged = true;
  error.format_message(cinfo, error.message.data());
  const bool cut_off =
      error.msg_code == JWRN_JPEG_EOF ||
      (error.msg_code == JWRN_HIT_MARKER && reinterpret_cast<j_decompress_ptr>(cinfo)->unread_marker == JPEG_EOI);
  if (error.tolerate == Tolerance::warnings || (error.tolerate == Tolerance::truncated && cut_off)) return;
  leave(cinfo);
}

void ignore_message(j_common_ptr /*cinfo*/) {}
void ignore_source(j_decompress_ptr /*cinfo*/) {}

/// Past the end: an EOI, which ends every loop of libjpeg. Whether that matters is decided later.
boolean fill_with_eoi(j_decompress_ptr cinfo) {
  static constexpr std::array<JOCTET, 2> eoi{0xFF, JPEG_EOI};
  static_cast<MemorySource*>(cinfo->src)->ran_out = true;
  cinfo->src->next_input_byte = eoi.data();
  cinfo->src->bytes_in_buffer = eoi.size();
  return TRUE;
}

void skip_bytes(j_decompress_ptr cinfo, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > cinfo->src->bytes_in_buffer) {
    fill_with_eoi(cinfo);
    return;
  }
  cinfo->src->next_input_byte += count;
  cinfo->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void check_scans(j_common_ptr cinfo) {
  auto* decompress = reinterpret_cast<j_decompress_ptr>(cinfo);
  if (decompress->input_scan_number <= static_cast<Progress*>(cinfo->progress)->max_scans) return;
  errors(cinfo).over_limit = true;
  leave(cinfo);
}

Error bad_image(const std::string& message) { return {ErrorCode::bad_image, "", message}; }

}  // namespace

class JpegReader::Impl {
 public:
  explicit Impl(const DecoderOptions& options) : options_(options) {
    cinfo_.err = jpeg_std_error(&error_);
    error_.error_exit = on_error;
    error_.emit_message = on_message;
    error_.output_message = ignore_message;
    error_.tolerate = options.tolerate;
    source_.init_source = ignore_source;
    source_.fill_input_buffer = fill_with_eoi;
    source_.skip_input_data = skip_bytes;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = ignore_source;
    progress_.progress_monitor = check_scans;
  }
  ~Impl() { jpeg_destroy_decompress(&cinfo_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<Size> open(std::span<const std::uint8_t> bytes);
  Result<void> start(const Window& window, Color color);
  Result<const std::uint8_t*> next_row();
  Size reduce(Size stored, Size least);
  void close() {
    if (created_) memory_.recycle(cinfo_);
  }
  [[nodiscard]] bool damaged() const { return error_.damaged; }
  [[nodiscard]] bool gray() const { return cinfo_.num_components == 1; }

 private:
  /// Calls `step`; false when libjpeg left it by longjmp. Nothing with a destructor may live in
  /// `step` or below it: a longjmp does not run destructors.
  template <class Step>
  bool guarded(Step step) {
    if (setjmp(error_.jump) != 0) return false;  // NOLINT(cert-err52-cpp): the only way out of libjpeg
    step();
    return true;
  }
  [[nodiscard]] Error failure() const;
  [[nodiscard]] Result<void> check_header() const;
  Result<void> check_end();
  void skip_rows(std::int64_t count);

  DecoderOptions options_;
  ErrorManager error_{};
  MemorySource source_{};
  Progress progress_{};
  JpegMemory memory_;
  jpeg_decompress_struct cinfo_{};  ///< all zero until created_
  bool created_ = false;
  std::size_t file_bytes_ = 0;
  Color color_ = Color::rgb;
  std::vector<std::uint8_t> row_;        ///< as libjpeg gives it: the window and its margins
  std::vector<std::uint8_t> converted_;  ///< row_ of a CMYK picture in the asked colour
  std::size_t skip_columns_ = 0;         ///< pixels of row_ before the window
};

Error JpegReader::Impl::failure() const {
  if (error_.over_limit) {
    return {ErrorCode::limit, "", "JPEG has more than " + std::to_string(progress_.max_scans) + " scans"};
  }
  if (error_.msg_code == JERR_IMAGE_TOO_BIG) {
    return {ErrorCode::limit, "", "JPEG cannot be decoded: " + std::string(error_.message.data())};
  }
  const char* kind = error_.damaged ? "JPEG is damaged: " : "JPEG cannot be decoded: ";
  const char* cut = source_.ran_out ? " (the file ends early)" : "";
  return bad_image(kind + std::string(error_.message.data()) + cut);
}

Result<Size> JpegReader::Impl::open(std::span<const std::uint8_t> bytes) {
  close();
  error_.in_scan = error_.damaged = error_.over_limit = source_.ran_out = false;
  progress_.max_scans = options_.max_scans;
  file_bytes_ = bytes.size();
  if (!created_) {
    if (!guarded([&] { jpeg_create_decompress(&cinfo_); })) {
      jpeg_destroy_decompress(&cinfo_);
      return failure();
    }
    memory_.attach(cinfo_);
    cinfo_.src = &source_;
    cinfo_.progress = &progress_;
    created_ = true;
  }
  const bool read = guarded([&] {
    source_.next_input_byte = bytes.data();
    source_.bytes_in_buffer = bytes.size();
    jpeg_read_header(&cinfo_, TRUE);
  });
  if (!read) return failure();
  error_.in_scan = true;
  OCTET_CHECK(check_header());
  const std::int64_t pixels = std::int64_t{cinfo_.image_width} * cinfo_.image_height;
  progress_.max_scans = std::min<std::int64_t>(options_.max_scans, kScansOfLargest * options_.max_pixels / pixels);
  return Size{cinfo_.image_width, cinfo_.image_height};
}

Result<void> JpegReader::Impl::check_header() const {
  const int components = cinfo_.num_components;
  if (components != 1 && components != 3 && components != 4) {
    return bad_image("JPEG has " + std::to_string(components) + " components, which name no colour space");
  }
  const std::int64_t pixels = std::int64_t{cinfo_.image_width} * cinfo_.image_height;
  if (pixels > options_.max_pixels) {
    return Error{ErrorCode::limit, "",
                 "JPEG claims " + std::to_string(cinfo_.image_width) + "x" + std::to_string(cinfo_.image_height) +
                     " pixels, more than the limit of " + std::to_string(options_.max_pixels)};
  }
  if (jpeg_has_multiple_scans(const_cast<j_decompress_ptr>(&cinfo_)) == FALSE) return {};
  // All coefficients of such a picture are held at once, two bytes each.
  std::int64_t blocks = 0;
  for (int i = 0; i < components; ++i) {
    blocks += std::int64_t{cinfo_.comp_info[i].width_in_blocks} * cinfo_.comp_info[i].height_in_blocks;
  }
  if (blocks * DCTSIZE2 * 2 > 3 * std::max<std::int64_t>(options_.max_pixels, 1 << 20)) {
    return Error{ErrorCode::limit, "",
                 "JPEG of several scans needs " + std::to_string(blocks * DCTSIZE2 * 2) +
                     " bytes for its coefficients, more than three times the limit of " +
                     std::to_string(options_.max_pixels) + " pixels"};
  }
  // A Huffman-coded picture spends a bit or more on every block's mean.
  if (cinfo_.arith_code == FALSE && options_.tolerate == Tolerance::none &&
      blocks / 8 > static_cast<std::int64_t>(file_bytes_)) {
    return bad_image("JPEG is damaged: " + std::to_string(file_bytes_) + " bytes cannot hold " +
                     std::to_string(blocks) + " blocks");
  }
  return {};
}

/// Running out of bytes is damage where libjpeg does not notice it by itself: between scans, and
/// in arithmetic coding.
Result<void> JpegReader::Impl::check_end() {
  if (!source_.ran_out || error_.damaged) return {};
  if (jpeg_has_multiple_scans(&cinfo_) == FALSE && cinfo_.arith_code == FALSE) return {};
  error_.damaged = true;
  if (error_.tolerate != Tolerance::none) return {};
  return bad_image("JPEG is damaged: the file ends before the picture does");
}

void JpegReader::Impl::skip_rows(std::int64_t count) {
  const std::int64_t skip = count - kMargin;
  if (skip > 0) jpeg_skip_scanlines(&cinfo_, static_cast<JDIMENSION>(skip));
  JSAMPROW row = row_.data();
  while (cinfo_.output_scanline < count) jpeg_read_scanlines(&cinfo_, &row, 1);
}

Size JpegReader::Impl::reduce(Size stored, Size least) {
  if (options_.decoding == Decoding::exact) return stored;
  cinfo_.scale_num = cinfo_.scale_denom = 1;
  for (unsigned int by = 2; by <= DCTSIZE && stored.width >= by * least.width && stored.height >= by * least.height;
       by *= 2) {
    cinfo_.scale_denom = by;
  }
  if (!guarded([&] { jpeg_calc_output_dimensions(&cinfo_); })) return stored;
  return {cinfo_.output_width, cinfo_.output_height};
}

Result<void> JpegReader::Impl::start(const Window& window, Color color) {
  color_ = color;
  if (options_.decoding == Decoding::fast) cinfo_.do_fancy_upsampling = FALSE;
  if (cinfo_.num_components == 4) {
    cinfo_.out_color_space = JCS_CMYK;
  } else if (color == Color::gray) {
    cinfo_.out_color_space = JCS_GRAYSCALE;
  } else {
    cinfo_.out_color_space = color == Color::rgb ? JCS_EXT_RGB : JCS_EXT_BGR;
  }
  const std::int64_t left = std::max<std::int64_t>(window.x - kMargin, 0);
  auto x = static_cast<JDIMENSION>(left);
  JDIMENSION width = 0;
  const bool started = guarded([&] {
    jpeg_start_decompress(&cinfo_);
    const std::int64_t right = std::min<std::int64_t>(window.x + window.width + kMargin, cinfo_.output_width);
    width = static_cast<JDIMENSION>(right - left);
    jpeg_crop_scanline(&cinfo_, &x, &width);
  });
  if (!started) return failure();
  OCTET_CHECK(check_end());
  skip_columns_ = static_cast<std::size_t>(window.x) - x;
  row_.resize(std::size_t{width} * static_cast<std::size_t>(cinfo_.output_components) + kRowPadding);
  if (cinfo_.out_color_space == JCS_CMYK) converted_.resize(row_.size());
  if (!guarded([&] { skip_rows(window.y); })) return failure();
  return {};
}

Result<const std::uint8_t*> JpegReader::Impl::next_row() {
  JSAMPROW row = row_.data();
  JDIMENSION rows = 0;
  if (!guarded([&] { rows = jpeg_read_scanlines(&cinfo_, &row, 1); })) return failure();
  if (rows != 1) return bad_image("JPEG ended before its last row");
  OCTET_CHECK(check_end());
  if (cinfo_.out_color_space != JCS_CMYK) {
    return row_.data() + skip_columns_ * static_cast<std::size_t>(cinfo_.output_components);
  }
  convert_cmyk(row_.data(), cinfo_.output_width, cinfo_.saw_Adobe_marker != FALSE, color_, converted_.data());
  return converted_.data() + skip_columns_ * (color_ == Color::gray ? 1 : 3);
}

JpegReader::JpegReader(const DecoderOptions& options) : impl_(std::make_unique<Impl>(options)) {}
JpegReader::~JpegReader() = default;
Result<Size> JpegReader::open(std::span<const std::uint8_t> bytes) { return impl_->open(bytes); }
Size JpegReader::reduce(Size stored, Size least) { return impl_->reduce(stored, least); }
Result<void> JpegReader::start(const Window& window, Color color) { return impl_->start(window, color); }
Result<const std::uint8_t*> JpegReader::next_row() { return impl_->next_row(); }
void JpegReader::close() { impl_->close(); }
bool JpegReader::damaged() const { return impl_->damaged(); }
bool JpegReader::gray() const { return impl_->gray(); }

bool is_jpeg(std::span<const std::uint8_t> bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == 0xFF && bytes[1] == 0xD8;
}

}  // namespace octet
