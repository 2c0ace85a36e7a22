// .lst files: every line an entry, whatever it holds, in bounded memory.
#include <gtest/gtest.h>

#include <cmath>

#include "loader/source_support.h"
#include "octet/loader/text_lines.h"
#include "support/assets.h"

namespace octet::test {
namespace {

class ListSource : public testing::Test {
 protected:
  std::vector<Entry> entries(std::string_view list) {
    write_text(folder_ / "x.lst", list);
    auto source = open_source({.data = folder_ / "x.lst"});
    if (!source) return {};
    return entries_of(*source);
  }

  TempFolder folder_;
};

TEST_F(ListSource, LinesAreEntriesInOrder) {
  write_text(folder_ / "a b/c.jpg", "one");
  write_text(folder_ / "\xC3\xA9t\xC3\xA9.jpg", "two");
  const auto found = entries("5\t1.000000\ta b/c.jpg\n5\t-2.5\t\xC3\xA9t\xC3\xA9.jpg\n1\t7\ta b/c.jpg\n");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].key, "a b/c.jpg");
  EXPECT_EQ(found[0].labels, std::vector<float>{1});
  EXPECT_EQ(image_bytes(found[0]), (Bytes{'o', 'n', 'e'}));
  EXPECT_EQ(found[1].key, "\xC3\xA9t\xC3\xA9.jpg");
  EXPECT_EQ(found[1].labels, std::vector<float>{-2.5F});
  EXPECT_EQ(image_bytes(found[1]), (Bytes{'t', 'w', 'o'}));
  EXPECT_EQ(found[2].key, "a b/c.jpg") << "a path may be listed twice";
  EXPECT_EQ(found[2].index, 2U);
}

TEST_F(ListSource, LineEndsBlankLinesAndByteOrderMarks) {
  const std::string marked = std::string("\xEF\xBB\xBF").append("0\t1\ta.jpg\n1\t2\tb.jpg\n\n\n");
  for (const std::string& list :
       {std::string("0\t1\ta.jpg\n1\t2\tb.jpg\n"), std::string("0\t1\ta.jpg\r\n1\t2\tb.jpg\r\n"),
        std::string("0\t1\ta.jpg\n1\t2\tb.jpg"), std::string("\n \t\n0\t1\ta.jpg\n\r\n\n1\t2\tb.jpg\r"),
        std::string(" 0 \t 1 \ta.jpg\n+1\t+2\tb.jpg\n"), marked}) {
    const auto found = entries(list);
    ASSERT_EQ(found.size(), 2U) << list;
    EXPECT_EQ(found[0].key + found[1].key, "a.jpgb.jpg") << list;
    EXPECT_TRUE(found[0].image && found[1].image) << list;
    EXPECT_EQ(found[1].labels, std::vector<float>{2}) << list;
  }
}

TEST_F(ListSource, DetectionLabelsStayWhole) {
  const auto found = entries("0\t2\t5\t14\t0.1\t0.2\t0.3\t0.4\ta.jpg\n1\tnan\t1e-60\tb.jpg\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].labels, (std::vector<float>{2, 5, 14, 0.1F, 0.2F, 0.3F, 0.4F}));
  ASSERT_EQ(found[1].labels.size(), 2U);
  EXPECT_TRUE(std::isnan(found[1].labels[0]));
  EXPECT_EQ(found[1].labels[1], 0.0F);
}

TEST_F(ListSource, BadLinesAreEntriesWithErrors) {
  using namespace std::string_literals;
  const std::vector<std::string> bad = {"a.jpg",          "0\ta.jpg",
                                        "x\t1\ta.jpg",    "\t1\ta.jpg",
                                        "0\tcat\ta.jpg",  "0\t\ta.jpg",
                                        "0\t1\t",         "0\t1\t  ",
                                        "0\t1x\ta.jpg",   "0\t1e60\ta.jpg",
                                        "0 1 a.jpg",      "0\t1\t\ta.jpg",
                                        "0\t1\ta\0.jpg"s, "0\t1\ta.jpg\t1\tcat\tb.jpg",
                                        "0\t+-1\ta.jpg"};
  for (const std::string& line : bad) {
    const auto found = entries("0\t1\tgood.jpg\n\n" + line + "\n2\t3\tgood.jpg\n");
    ASSERT_EQ(found.size(), 3U) << line;
    EXPECT_TRUE(found[0].image && found[2].image) << line;
    EXPECT_EQ(found[2].labels, std::vector<float>{3}) << line;
    ASSERT_FALSE(found[1].image) << line;
    EXPECT_EQ(found[1].image.error().code, ErrorCode::bad_record) << line;
    EXPECT_EQ(found[1].image.error().where, (folder_ / "x.lst").string() + ":3") << line;
    EXPECT_EQ(found[1].key, "line 3") << line;
    EXPECT_TRUE(found[1].labels.empty()) << line;
  }
}

TEST_F(ListSource, LongLines) {
  // Longer than one block of reading, as long as allowed, and one byte more.
  const std::string head = "0\t1\t";
  for (const std::size_t size : {std::size_t{65'535}, std::size_t{65'536}, std::size_t{300'000}, kMaxLineBytes}) {
    const auto found = entries(head + std::string(size - head.size(), 'x') + "\n1\t2\tb.jpg\n");
    ASSERT_EQ(found.size(), 2U) << size;
    EXPECT_TRUE(found[0].image) << size;
    EXPECT_EQ(found[0].key.size(), size - head.size());
    EXPECT_EQ(found[1].key, "b.jpg");
  }
  for (const std::size_t size : {kMaxLineBytes + 1, 4 * kMaxLineBytes}) {
    const auto found = entries(head + std::string(size - head.size(), 'x') + "\n1\t2\tb.jpg\n");
    ASSERT_EQ(found.size(), 2U) << size;
    ASSERT_FALSE(found[0].image) << size;
    EXPECT_EQ(found[0].image.error().message, "the line is longer than 1 MiB");
    EXPECT_EQ(found[1].key, "b.jpg");
  }
}

TEST_F(ListSource, EveryLineLengthCrossesTheBlocksUnharmed) {
  std::string list;
  std::vector<std::string> keys;
  for (int i = 0; i < 20'000; ++i) {
    keys.push_back(std::string(static_cast<std::size_t>(i * 7 % 61), 'p') + std::to_string(i) + ".jpg");
    list += std::to_string(i) + "\t" + std::to_string(i % 10) + "\t" + keys.back() + (i % 3 == 0 ? "\r\n" : "\n");
  }
  const auto found = entries(list);
  ASSERT_EQ(found.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(found[i].key, keys[i]);
    ASSERT_EQ(found[i].labels.at(0), static_cast<float>(i % 10));
  }
}

TEST_F(ListSource, RootAndAbsolutePaths) {
  write_text(folder_ / "pictures/a.jpg", "root");
  write_text(folder_ / "a.jpg", "beside");
  write_text(folder_ / "x.lst", "0\t0\ta.jpg\n1\t0\t" + (folder_ / "pictures/a.jpg").string() + "\n2\t0\t../a.jpg\n");
  auto found = entries_of(*open_source({.data = folder_ / "x.lst", .root = folder_ / "pictures"}));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(image_bytes(found[0]), (Bytes{'r', 'o', 'o', 't'}));
  EXPECT_EQ(image_bytes(found[1]), (Bytes{'r', 'o', 'o', 't'}));
  EXPECT_EQ(found[1].key, (folder_ / "pictures/a.jpg").string());
  EXPECT_EQ(image_bytes(found[2]).size(), 6U);
  found = entries_of(*open_source({.data = folder_ / "x.lst"}));
  EXPECT_EQ(image_bytes(found[0]).size(), 6U) << "relative to the list's folder";
  const auto wrong = Source::open({.data = folder_ / "x.lst", .root = folder_ / "none"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::not_found);
}

TEST_F(ListSource, AMissingPictureIsFoundWhenItIsRead) {
  const auto found = entries("0\t1\tnone.jpg\n");
  ASSERT_EQ(found.size(), 1U);
  ASSERT_TRUE(found[0].image);
  Bytes buffer;
  const auto bytes = found[0].image->read(buffer);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::not_found);
  EXPECT_EQ(bytes.error().where, (folder_ / "none.jpg").string());
}

TEST_F(ListSource, WithoutLinesItIsNotFound) {
  for (const char* list : {"", "\n\n", " \t \r\n"}) {
    write_text(folder_ / "x.lst", list);
    const auto source = Source::open({.data = folder_ / "x.lst"});
    ASSERT_FALSE(source) << list;
    EXPECT_EQ(source.error().code, ErrorCode::not_found);
  }
}

TEST_F(ListSource, AListThatShrinksIsAnErrorThatStays) {
  std::string list;
  for (int i = 0; i < 20'000; ++i) list += "0\t1\tpicture.jpg\n";
  write_text(folder_ / "x.lst", list);
  auto source = open_source({.data = folder_ / "x.lst"});
  ASSERT_TRUE(source->next());
  std::filesystem::resize_file(folder_ / "x.lst", 100'000);
  auto entry = source->next();
  while (entry && *entry) entry = source->next();
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, ErrorCode::io);
  EXPECT_FALSE(source->next());
}

TEST_F(ListSource, AssetListsAgreeWithTheirRecords) {
  OCTET_REQUIRE_ASSETS();
  for (const char* name : {"cifar_test1000", "coco_val128_300_q65", "imagenet300_256_q95"}) {
    const auto base = assets() / "rec" / name;
    const auto listed = entries_of(*open_source({.data = base.string() + ".lst", .root = assets() / "images"}));
    const auto packed = entries_of(*open_source({.data = base.string() + ".rec"}));
    const auto indexed = entries_of(*open_source({.data = base.string() + ".rec", .use_index = true}));
    ASSERT_EQ(listed.size(), packed.size());
    ASSERT_EQ(listed.size(), indexed.size());
    for (std::size_t i = 0; i < listed.size(); ++i) {
      ASSERT_EQ(listed[i].labels, packed[i].labels) << name << " " << i;
      ASSERT_EQ(packed[i].key, std::to_string(i));
      ASSERT_EQ(packed[i].key, indexed[i].key);
      ASSERT_EQ(packed[i].labels, indexed[i].labels);
      ASSERT_EQ(image_bytes(packed[i]), image_bytes(indexed[i]));
    }
  }
}

}  // namespace
}  // namespace octet::test
