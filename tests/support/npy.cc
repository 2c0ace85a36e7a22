#include "support/npy.h"

#include <zlib.h>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

namespace octet::test {
namespace {

using NpyBytes = std::span<const std::uint8_t>;

Error bad(const std::string& where, const std::string& message) { return {ErrorCode::io, where, message}; }

std::uint32_t little(NpyBytes bytes, std::size_t offset, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{bytes[offset + i]} << (8 * i);
  return value;
}

/// The text between `open` and `close` that follows `key` in the header's dictionary.
std::string_view field(std::string_view header, std::string_view key, char open, char close) {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = header.find(open, at + key.size());
  const std::size_t end = begin == std::string_view::npos ? begin : header.find(close, begin + 1);
  return end == std::string_view::npos ? std::string_view() : header.substr(begin + 1, end - begin - 1);
}

Result<Npy> parse_npy(NpyBytes file, const std::string& where) {
  if (file.size() < 12 || std::memcmp(file.data(), "\x93NUMPY", 6) != 0) return bad(where, "is no .npy file");
  const std::size_t wide = file[6] == 1 ? 2 : 4;  // version 1 has a 16-bit header length
  const std::size_t header_size = little(file, 8, wide);
  const std::size_t start = 8 + wide + header_size;
  if (start > file.size()) return bad(where, "ends inside its header");
  const std::string_view header(reinterpret_cast<const char*>(file.data()) + 8 + wide, header_size);

  Npy array;
  const std::string_view descr = field(header, "'descr':", '\'', '\'');
  if (descr.size() != 3 || descr[0] == '>') return bad(where, "has an unsupported type");
  array.dtype = std::string(descr.substr(1));
  if (header.find("'fortran_order': False") == std::string_view::npos) return bad(where, "is not in C order");
  std::string_view sizes = field(header, "'shape':", '(', ')');
  while (!sizes.empty()) {
    std::int64_t size = 0;
    const auto parsed = std::from_chars(sizes.data(), sizes.data() + sizes.size(), size);
    if (parsed.ec == std::errc()) array.shape.push_back(size);
    const std::size_t comma = sizes.find(',');
    if (comma == std::string_view::npos) break;
    sizes.remove_prefix(comma + 1);
    while (!sizes.empty() && sizes[0] == ' ') sizes.remove_prefix(1);
  }
  OCTET_TRY(const std::size_t count, element_count(array.shape));
  if (file.size() - start != count * static_cast<std::size_t>(array.dtype[1] - '0')) {
    return bad(where, "has another size than its shape says");
  }
  array.bytes.assign(file.begin() + static_cast<std::ptrdiff_t>(start), file.end());
  return array;
}

/// The plain bytes of a member: stored (method 0) or a raw deflate stream of known size.
Result<std::vector<std::uint8_t>> unpack(NpyBytes data, std::size_t method, std::size_t size,
                                         const std::string& where) {
  if (method == 0) return std::vector<std::uint8_t>(data.begin(), data.end());
  std::vector<std::uint8_t> out(size);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return bad(where, "zlib cannot start");
  stream.next_in = const_cast<std::uint8_t*>(data.data());  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(size);
  const int status = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (status != Z_STREAM_END || stream.avail_out != 0) return bad(where, "is damaged");
  return out;
}

}  // namespace

Result<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorCode::not_found, path.string(), "cannot be opened"};
  return std::vector<std::uint8_t>(std::istreambuf_iterator<char>(file), {});
}

Result<Npy> read_npy(const std::filesystem::path& path) {
  OCTET_TRY(const auto file, read_file(path));
  return parse_npy(file, path.string());
}

Result<std::map<std::string, Npy>> read_npz(const std::filesystem::path& path) {
  OCTET_TRY(const auto file, read_file(path));
  const std::string where = path.string();
  // The end record (22 bytes, no comment) holds the number of members and the directory's offset.
  const std::size_t end = file.size() < 22 ? 0 : file.size() - 22;
  if (file.size() < 22 || little(file, end, 4) != 0x06054b50) return bad(where, "is no archive");
  const std::size_t members = little(file, end + 10, 2);
  std::size_t entry = little(file, end + 16, 4);
  std::map<std::string, Npy> arrays;
  for (std::size_t i = 0; i < members; ++i) {
    if (entry + 46 > end || little(file, entry, 4) != 0x02014b50) return bad(where, "has a damaged directory");
    const std::size_t method = little(file, entry + 10, 2);
    const std::size_t packed = little(file, entry + 20, 4);
    const std::size_t size = little(file, entry + 24, 4);
    const std::size_t name_size = little(file, entry + 28, 2);
    const std::size_t local = little(file, entry + 42, 4);
    if (entry + 46 + name_size > end || local + 30 > end) return bad(where, "has a damaged directory");
    std::string name(reinterpret_cast<const char*>(file.data()) + entry + 46, name_size);
    std::string member = where;
    member.append(":").append(name);
    const std::size_t data = local + 30 + little(file, local + 26, 2) + little(file, local + 28, 2);
    if (data + packed > end) return bad(member, "is damaged");
    OCTET_TRY(const auto plain, unpack(NpyBytes(file).subspan(data, packed), method, size, member));
    OCTET_TRY(auto array, parse_npy(plain, member));
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    arrays.emplace(std::move(name), std::move(array));
    entry += 46 + name_size + little(file, entry + 30, 2) + little(file, entry + 32, 2);
  }
  return arrays;
}

}  // namespace octet::test
