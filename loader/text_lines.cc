#include "octet/loader/text_lines.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace octet {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

Result<LineReader> LineReader::open(const std::filesystem::path& path) {
  OCTET_TRY(InputFile file, InputFile::open(path));
  return LineReader(std::move(file));
}

void LineReader::seek(std::uint64_t offset, std::uint64_t lines) noexcept {
  offset_ = std::min(offset, file_.size());
  block_.clear();
  used_ = 0;
  number_ = lines;
  failed_.reset();
}

std::string LineReader::where(const TextLine& line) const {
  return path().string() + ":" + std::to_string(line.number);
}

/// Reads the next block; false at the end of the file.
Result<bool> LineReader::refill() {
  const std::uint64_t size = std::min<std::uint64_t>(kBlockBytes, file_.size() - offset_);
  used_ = 0;
  block_.resize(size);
  if (auto read = file_.read_at(offset_, block_); !read) {
    block_.clear();
    failed_ = read.error();
    return *failed_;
  }
  offset_ += size;
  return size != 0;
}

/// The next line, blank or not; false at the end of the file.
Result<bool> LineReader::next_raw(TextLine& line) {
  carry_.clear();
  bool spans_blocks = false;
  line = TextLine{++number_, {}, false};
  while (true) {
    if (used_ == block_.size()) {
      OCTET_TRY(const bool more, refill());
      if (!more) break;
    }
    const std::string_view rest(reinterpret_cast<const char*>(block_.data()) + used_, block_.size() - used_);
    const std::size_t end = rest.find('\n');
    const std::string_view piece = rest.substr(0, end);
    used_ += std::min(piece.size() + 1, rest.size());
    if (end != std::string_view::npos && !spans_blocks) {
      line.text = piece;
      return true;
    }
    spans_blocks = true;
    if (carry_.size() + piece.size() > kMaxLineBytes) line.too_long = true;
    if (!line.too_long) carry_ += piece;
    if (end != std::string_view::npos) break;
  }
  if (!line.too_long) line.text = carry_;
  return spans_blocks;
}

Result<std::optional<TextLine>> LineReader::next() {
  if (failed_) return *failed_;
  TextLine line;
  while (true) {
    OCTET_TRY(const bool found, next_raw(line));
    if (!found) return std::optional<TextLine>();
    if (line.too_long) return std::optional(line);
    if (line.number == 1 && line.text.starts_with(kByteOrderMark)) line.text.remove_prefix(kByteOrderMark.size());
    if (line.text.ends_with('\r')) line.text.remove_suffix(1);
    if (!trimmed(line.text).empty()) return std::optional(line);
  }
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<float> parse_decimal(std::string_view text) noexcept {
  text = trimmed(text);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  float value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ptr != end) return std::nullopt;
  if (parsed.ec == std::errc()) return value;
  // Out of range: too small counts as 0, too large is refused.
  double wide = 0;
  const auto retried = std::from_chars(text.data(), end, wide);
  if (parsed.ec == std::errc::result_out_of_range && retried.ec == std::errc() && std::fabs(wide) < 1) return 0.0F;
  return std::nullopt;
}

std::optional<std::uint64_t> parse_u64(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

}  // namespace octet
