// Lines of a text file of any length in bounded memory, and the numbers in them.
#pragma once

#include <cstdint>      // std::uint64_t
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/result.h"
#include "octet/loader/input_file.h"

namespace octet {

inline constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;

struct TextLine {
  std::uint64_t number = 0;  ///< 1-based, blank lines counted
  std::string_view text;     ///< without the line end; valid until the next call
  bool too_long = false;     ///< longer than kMaxLineBytes: `text` is empty
};

/// Reads lines that end in LF or CRLF, or with the file; skips blank ones and a UTF-8 byte order
/// mark. Holds at most about 1 MiB. Not thread-safe.
class LineReader {
 public:
  static Result<LineReader> open(const std::filesystem::path& path);

  /// The next line that is not blank; nullopt at the end. Error(io) when reading fails, then and
  /// until seek().
  Result<std::optional<TextLine>> next();
  /// Goes on with the line that begins at byte `offset` and has `lines` lines before it: {0, 0}, or the offset() and
  /// the number of a line that next() has given.
  void seek(std::uint64_t offset, std::uint64_t lines) noexcept;
  /// Where the next line begins.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_ - (block_.size() - used_); }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }
  /// "file:line", for errors.
  [[nodiscard]] std::string where(const TextLine& line) const;

 private:
  explicit LineReader(InputFile file) : file_(std::move(file)) {}
  Result<bool> refill();
  Result<bool> next_raw(TextLine& line);

  InputFile file_;
  std::uint64_t offset_ = 0;         ///< of what is read next
  std::vector<std::uint8_t> block_;  ///< what was read last
  std::size_t used_ = 0;             ///< bytes of block_ that were delivered
  std::string carry_;                ///< a line that spans blocks
  std::uint64_t number_ = 0;
  std::optional<Error> failed_;
};

/// `text` without blanks and TABs at either end.
std::string_view trimmed(std::string_view text) noexcept;

/// A decimal number, all of `text` but blanks around it; an optional sign; "nan" and "inf" count.
/// nullopt when it is none or too large for a float.
std::optional<float> parse_decimal(std::string_view text) noexcept;

/// An unsigned decimal integer, all of `text`; nullopt when it is none or does not fit 64 bits.
std::optional<std::uint64_t> parse_u64(std::string_view text) noexcept;

}  // namespace octet
