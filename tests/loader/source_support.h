// Files, record files and an independent framing reader for the tests of sources.
#pragma once

#include <cstdint>      // std::uint8_t
#include <filesystem>   // std::filesystem::path
#include <iosfwd>       // std::ostream
#include <map>          // std::map
#include <memory>       // std::unique_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/loader/record_io.h"
#include "octet/loader/source.h"

namespace octet::test {

using Bytes = std::vector<std::uint8_t>;

/// A new empty folder; removed with all it holds at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

Bytes read_bytes(const std::filesystem::path& path);
void write_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
/// Replaces the first bytes of an existing file: much faster than writing a new one.
void overwrite_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
/// Makes the folders above it too.
void write_text(const std::filesystem::path& path, std::string_view text);

/// "d", 7, "/x.jpg" -> "d7/x.jpg".
std::string numbered(std::string_view before, std::size_t number, std::string_view after);

/// Rows of a CSV file with a heading, by column name; fields may be quoted.
std::vector<std::map<std::string, std::string>> read_csv(const std::filesystem::path& path);

/// FIPS 180-4, as 64 hexadecimal digits.
std::string sha256(std::span<const std::uint8_t> bytes);

/// `size` bytes that depend on `seed` alone; they hold no magic number.
Bytes noise(std::size_t size, std::uint32_t seed);
/// The four bytes of the magic number.
Bytes magic_bytes();
Bytes operator+(Bytes a, const Bytes& b);

/// One part as it stands in a file: head, bytes, padding.
Bytes framed_part(std::uint32_t flag, std::span<const std::uint8_t> bytes);

/// What a reader delivers: a record's payload, or a damaged place.
struct Delivery {
  std::uint64_t offset = 0;
  std::uint64_t damaged_bytes = 0;  ///< 0: a record
  Bytes payload;
  bool operator==(const Delivery&) const = default;
};
void PrintTo(const Delivery& delivery, std::ostream* out);

/// The framing rules once more, word by word on a file in memory: what RecordReader must agree with.
std::vector<Delivery> deliveries_by_rules(std::span<const std::uint8_t> file);
/// What RecordReader makes of a file; fails the test on an I/O error.
std::vector<Delivery> deliveries_of(const std::filesystem::path& path, std::size_t chunk_bytes);

/// All entries of a source; fails the test on an error of the stream.
std::vector<Entry> entries_of(Source& source);
/// Opens or fails the test (and returns null).
std::unique_ptr<Source> open_source(const SourceOptions& options);
/// A copy of the bytes of an entry's image.
Bytes image_bytes(const Entry& entry);

}  // namespace octet::test
