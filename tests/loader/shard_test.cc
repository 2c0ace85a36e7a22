// Shards of every kind of source: disjoint, complete, balanced; and going on in the middle.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>

#include "loader/source_support.h"

namespace octet::test {
namespace {

constexpr std::uint32_t kPictures = 150;

/// The same pictures, of very different sizes, as a directory, a list and records; the list and the index have bad
/// lines, the records damaged places, one .idx is in another order than its file.
class ShardsOfASource : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    std::filesystem::create_directories(*folder_ / "pictures");
    auto writer = RecordWriter::create(*folder_ / "x.rec", *folder_ / "x.idx");
    ASSERT_TRUE(writer);
    std::string list;
    for (std::uint32_t i = 0; i < kPictures; ++i) {
      const std::string name = numbered("p", i, ".jpg");
      const auto bytes = noise(i % 10 == 0 ? 9000 : 40 + i, i);
      write_bytes(*folder_ / "pictures" / name, bytes);
      list.append(numbered("", i, "\t0\tpictures/")).append(name).append(i % 7 == 0 ? "\r\n\n" : "\n");
      if (i % 31 == 0) list.append("no line of a list\n");
      ASSERT_TRUE(writer->append(i, std::vector<float>{0}, bytes));
    }
    write_text(*folder_ / "x.lst", list);
    ASSERT_TRUE(writer->close());
    std::string records = read_text(*folder_ / "x.rec");
    for (const std::size_t at : {std::size_t{0}, records.size() / 3 / 4 * 4, records.size() / 2 / 4 * 4}) {
      records.replace(at, 16, 16, 'x');
    }
    write_text(*folder_ / "damaged.rec", records);
    write_parts();
    std::vector<std::string> lines = {"no line of an index", "7\t3", "8\t99999999"};
    std::string text = read_text(*folder_ / "x.idx");
    for (std::size_t end = 0; !text.empty(); text.erase(0, end + 1)) {
      end = text.find('\n');
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(lines.size() * 7 % 11 % lines.size()),
                   text.substr(0, end));
    }
    std::string shuffled;
    for (const std::string& line : lines) shuffled += line + '\n';
    write_text(*folder_ / "shuffled.idx", shuffled);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::vector<SourceOptions> all() {
    return {{.data = *folder_ / "pictures"},
            {.data = *folder_ / "x.lst"},
            {.data = *folder_ / "x.rec"},
            {.data = *folder_ / "damaged.rec"},
            {.data = *folder_ / "x.rec", .use_index = true},
            {.data = *folder_ / "damaged.rec", .index = *folder_ / "shuffled.idx"},
            {.data = *folder_ / "parts"},
            {.data = *folder_ / "parts" / "p*.rec", .use_index = true}};
  }

  /// Several files, one of them empty, one damaged, with the same ids.
  static void write_parts() {
    const std::filesystem::path parts = *folder_ / "parts";
    std::filesystem::create_directories(parts);
    for (const std::uint32_t part : {0U, 1U, 2U, 3U}) {
      auto writer = RecordWriter::create(parts / numbered("p", part, ".rec"), parts / numbered("p", part, ".idx"));
      ASSERT_TRUE(writer);
      for (std::uint32_t i = 0; part != 1 && i < kPictures / 3; ++i) {
        ASSERT_TRUE(writer->append(i, std::vector<float>{0}, noise(i % 10 == 0 ? 9000 : 40 + i, i + part)));
      }
      ASSERT_TRUE(writer->close());
    }
    std::string records = read_text(parts / "p2.rec");
    for (const std::size_t at : {std::size_t{0}, records.size() - 20}) records.replace(at, 16, 16, 'x');
    write_text(parts / "p2.rec", records);
    write_text(parts / "p3.idx", "7\t3\nno line of an index\n8\t99999999\n" + read_text(parts / "p3.idx"));
  }

  static std::string read_text(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

  static TempFolder* folder_;
};
TempFolder* ShardsOfASource::folder_ = nullptr;

/// What is left of the source; a shard's indices have gaps.
std::vector<Entry> every_entry(Source& source) {
  std::vector<Entry> entries;
  while (true) {
    auto entry = source.next();
    EXPECT_TRUE(entry) << to_string(entry.error());
    if (!entry || !*entry) return entries;
    entries.push_back(**std::move(entry));
  }
}

void expect_same(const Entry& a, const Entry& b) {
  EXPECT_EQ(a.index, b.index);
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_EQ(a.next, b.next);
  ASSERT_EQ(a.image.has_value(), b.image.has_value());
  if (a.image) {
    EXPECT_EQ(image_bytes(a), image_bytes(b));
  } else {
    EXPECT_EQ(to_string(a.image.error()), to_string(b.image.error()));
  }
}

TEST_F(ShardsOfASource, AreDisjointAndCompleteForAnyNumber) {
  for (SourceOptions options : all()) {
    SCOPED_TRACE(options.data.string() + " " + options.index.string());
    const auto whole = every_entry(*open_source(options));
    ASSERT_GE(whole.size(), kPictures);
    for (std::uint64_t count = 1; count <= 64; ++count) {
      std::vector<Entry> together;
      for (std::uint64_t index = 0; index < count; ++index) {
        options.shard = {index, count};
        const auto source = open_source(options);
        ASSERT_NE(source, nullptr);
        const auto mine = every_entry(*source);
        EXPECT_EQ(source->size().value_or(mine.size()), mine.size());
        EXPECT_TRUE(
            std::is_sorted(mine.begin(), mine.end(), [](const Entry& a, const Entry& b) { return a.index < b.index; }));
        EXPECT_GE(source->passed(), mine.empty() ? 0 : mine.back().index + 1);
        EXPECT_LE(source->passed(), whole.size());
        EXPECT_TRUE(index + 1 < count || source->passed() == whole.size());
        together.insert(together.end(), mine.begin(), mine.end());
      }
      std::sort(together.begin(), together.end(), [](const Entry& a, const Entry& b) { return a.index < b.index; });
      ASSERT_EQ(together.size(), whole.size()) << count << " shards";
      for (std::size_t i = 0; i < whole.size(); ++i) expect_same(together[i], whole[i]);
    }
  }
}

TEST_F(ShardsOfASource, OfRecordsAreBalancedByBytes) {
  for (const bool use_index : {false, true}) {
    std::vector<std::uint64_t> bytes;
    for (std::uint64_t index = 0; index < 5; ++index) {
      const auto mine =
          every_entry(*open_source({.data = *folder_ / "x.rec", .use_index = use_index, .shard = {index, 5}}));
      bytes.push_back(std::accumulate(mine.begin(), mine.end(), std::uint64_t{0},
                                      [](std::uint64_t sum, const Entry& e) { return sum + image_bytes(e).size(); }));
    }
    const auto [least, most] = std::minmax_element(bytes.begin(), bytes.end());
    EXPECT_LE(*most - *least, 2 * 9100U);  // at most the largest record more or less at either end
  }
}

TEST_F(ShardsOfASource, GoOnBehindAnyEntry) {
  for (SourceOptions options : all()) {
    SCOPED_TRACE(options.data.string() + " " + options.index.string());
    for (const Shard shard : {Shard{0, 1}, Shard{1, 3}, Shard{2, 3}}) {
      options.shard = shard;
      const auto expected = every_entry(*open_source(options));
      for (std::size_t done = 0; done <= expected.size(); done += 1 + done / 3) {
        const auto source = open_source(options);
        ASSERT_TRUE(source->seek(done == 0 ? SourcePosition{} : expected[done - 1].next));
        const auto rest = every_entry(*source);
        ASSERT_EQ(rest.size(), expected.size() - done);
        for (std::size_t i = 0; i < rest.size(); ++i) expect_same(rest[i], expected[done + i]);
      }
    }
  }
}

TEST_F(ShardsOfASource, ThatDoNotExistAreRefused) {
  for (const Shard shard : {Shard{0, 0}, Shard{3, 3}, Shard{4, 3}}) {
    const auto source = Source::open({.data = *folder_ / "x.rec", .shard = shard});
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, ErrorCode::usage);
  }
}

}  // namespace
}  // namespace octet::test
