#include "loader/source_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <ostream>
#include <random>
#include <stdexcept>

namespace octet::test {
namespace {

std::uint32_t word_at(std::span<const std::uint8_t> file, std::size_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, file.data() + offset, 4);
  return word;
}

bool is_head(std::span<const std::uint8_t> file, std::size_t offset) {
  return offset + 8 <= file.size() && word_at(file, offset) == kRecordMagic && word_at(file, offset + 4) >> 29 <= 1;
}

/// Appends the bytes of an intact part with a flag of [low, high] at `offset` and moves behind it; its flag, or -1.
int take_part(std::span<const std::uint8_t> file, std::size_t& offset, std::uint32_t low, std::uint32_t high,
              Bytes& payload) {
  if (offset + 8 > file.size() || word_at(file, offset) != kRecordMagic) return -1;
  const std::uint32_t flag = word_at(file, offset + 4) >> 29;
  const std::size_t length = word_at(file, offset + 4) & 0x1FFFFFFF;
  if (flag < low || flag > high || offset + 8 + length > file.size()) return -1;
  for (std::size_t i = 0; i + 4 <= length; i += 4) {
    if (word_at(file, offset + 8 + i) == kRecordMagic) return -1;
  }
  const auto bytes = file.subspan(offset + 8, length);
  if (flag >= 2) payload = payload + magic_bytes();
  payload.insert(payload.end(), bytes.begin(), bytes.end());
  offset = std::min(offset + 8 + (length + 3) / 4 * 4, file.size());
  return static_cast<int>(flag);
}

std::vector<std::string> split_csv(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "octet-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + name);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Bytes read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << path;
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

namespace {

void write_through(const std::filesystem::path& path, std::span<const std::uint8_t> bytes, std::ios::openmode mode) {
  std::fstream out(path, mode | std::ios::out | std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  out.close();
  ASSERT_TRUE(out.good()) << path;
}

}  // namespace

void write_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  write_through(path, bytes, std::ios::trunc);
}

void overwrite_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  write_through(path, bytes, std::ios::in);
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  write_bytes(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string numbered(std::string_view before, std::size_t number, std::string_view after) {
  return std::string(before).append(std::to_string(number)).append(after);
}

std::vector<std::map<std::string, std::string>> read_csv(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> names = split_csv(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> fields = split_csv(line);
    EXPECT_EQ(fields.size(), names.size()) << line;
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < std::min(fields.size(), names.size()); ++i) row[names[i]] = fields[i];
  }
  return rows;
}

Bytes noise(std::size_t size, std::uint32_t seed) {
  std::minstd_rand generator(seed + 1);
  Bytes bytes(size);
  // Values below 0x80: 0xCE and 0xD7 of the magic number never occur.
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(generator() % 128);
  return bytes;
}

Bytes magic_bytes() { return {0x0A, 0x23, 0xD7, 0xCE}; }

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes framed_part(std::uint32_t flag, std::span<const std::uint8_t> bytes) {
  const std::uint32_t word = flag << 29 | static_cast<std::uint32_t>(bytes.size());
  Bytes part = magic_bytes();
  for (int shift = 0; shift < 32; shift += 8) part.push_back(static_cast<std::uint8_t>(word >> shift));
  part.insert(part.end(), bytes.begin(), bytes.end());
  part.resize((part.size() + 3) / 4 * 4);
  return part;
}

void PrintTo(const Delivery& delivery, std::ostream* out) {
  if (delivery.damaged_bytes != 0) {
    *out << delivery.damaged_bytes << " damaged bytes at " << delivery.offset;
  } else {
    *out << "record of " << delivery.payload.size() << " bytes at " << delivery.offset;
  }
}

std::vector<Delivery> deliveries_by_rules(std::span<const std::uint8_t> file) {
  std::vector<Delivery> found;
  for (std::size_t offset = 0; offset < file.size();) {
    Bytes payload;
    std::size_t end = offset;
    int flag = take_part(file, end, 0, 1, payload);
    while (flag == 1 || flag == 2) flag = take_part(file, end, 2, 3, payload);
    if (flag >= 0) {
      found.push_back({offset, 0, std::move(payload)});
    } else {
      // The next head behind the parts that were accepted.
      if (end == offset) end += 4;
      while (end < file.size() && !is_head(file, end)) end += 4;
      end = std::min(end, file.size());
      found.push_back({offset, end - offset, {}});
    }
    offset = end;
  }
  return found;
}

std::vector<Delivery> deliveries_of(const std::filesystem::path& path, std::size_t chunk_bytes) {
  std::vector<Delivery> found;
  auto reader = RecordReader::open(path, {chunk_bytes});
  EXPECT_TRUE(reader) << (reader ? "" : to_string(reader.error()));
  while (reader) {
    auto item = reader->next();
    EXPECT_TRUE(item) << (item ? "" : to_string(item.error()));
    if (!item || !*item) break;
    if (const auto* record = std::get_if<RawRecord>(&**item)) {
      found.push_back({record->offset, 0, Bytes(record->payload.bytes.begin(), record->payload.bytes.end())});
    } else if (const auto* damage = std::get_if<DamagedPlace>(&**item)) {
      EXPECT_GT(damage->bytes, 0U);
      EXPECT_FALSE(damage->problem.empty());
      found.push_back({damage->offset, damage->bytes, {}});
    }
  }
  return found;
}

std::vector<Entry> entries_of(Source& source) {
  std::vector<Entry> entries;
  while (true) {
    auto entry = source.next();
    EXPECT_TRUE(entry) << (entry ? "" : to_string(entry.error()));
    if (!entry || !*entry) return entries;
    EXPECT_EQ((*entry)->index, entries.size());
    entries.push_back(**std::move(entry));
  }
}

std::unique_ptr<Source> open_source(const SourceOptions& options) {
  auto source = Source::open(options);
  EXPECT_TRUE(source) << (source ? "" : to_string(source.error()));
  return source ? *std::move(source) : nullptr;
}

Bytes image_bytes(const Entry& entry) {
  EXPECT_TRUE(entry.image) << entry.key;
  if (!entry.image) return {};
  Bytes buffer;
  const auto bytes = entry.image->read(buffer);
  EXPECT_TRUE(bytes) << (bytes ? "" : to_string(bytes.error()));
  return bytes ? Bytes(bytes->begin(), bytes->end()) : Bytes();
}

}  // namespace octet::test
