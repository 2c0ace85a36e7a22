// Several record files as one source.
#include "octet/loader/record_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/source_support.h"

namespace octet::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class SeveralRecordFiles : public testing::Test {
 protected:
  /// Records with these ids; the picture of each is a name for it.
  void write(const fs::path& name, const std::vector<std::uint64_t>& ids) const {
    fs::create_directories((folder_ / name).parent_path());
    const fs::path path = folder_ / name;
    auto writer = RecordWriter::create(path, fs::path(path).replace_extension(".idx"));
    ASSERT_TRUE(writer);
    for (const std::uint64_t id : ids) {
      const std::string text = name.string() + "#" + std::to_string(id);
      ASSERT_TRUE(
          writer->append(id, std::vector<float>{1}, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
    }
    ASSERT_TRUE(writer->close());
  }

  [[nodiscard]] std::vector<std::string> keys(const std::string& data, bool use_index = false) const {
    const auto source = open_source({.data = data, .use_index = use_index});
    std::vector<std::string> keys;
    if (source == nullptr) return keys;
    for (const Entry& entry : entries_of(*source)) keys.push_back(entry.key);
    return keys;
  }

  [[nodiscard]] Error error_of(const std::string& data) const {
    const auto source = Source::open({.data = data});
    return source ? Error{ErrorCode::internal, "", "no error"} : source.error();
  }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }

  TempFolder folder_;
};

TEST_F(SeveralRecordFiles, AreNamedByListPatternOrFolder) {
  write("b.rec", {1, 2});
  write("a.rec", {1});
  write("c10.rec", {5});
  write("c9.REC", {6});
  write_text(folder_ / "notes.txt", "no records");
  EXPECT_THAT(keys(path("b.rec")), ElementsAre("1", "2")) << "one file alone: as ever";
  EXPECT_THAT(keys(path("b.rec") + ";" + path("a.rec")), ElementsAre("b.rec:1", "b.rec:2", "a.rec:1"));
  EXPECT_THAT(keys(path("[ab].rec")), ElementsAre("a.rec:1", "b.rec:1", "b.rec:2"));
  EXPECT_THAT(keys(path("a*.rec")), ElementsAre("a.rec:1")) << "keys do not depend on how many there are";
  EXPECT_THAT(keys(path("")), ElementsAre("a.rec:1", "b.rec:1", "b.rec:2", "c10.rec:5", "c9.REC:6"));
}

TEST_F(SeveralRecordFiles, OfSeveralFoldersAreToldApart) {
  write("x/train.rec", {1});
  write("y/z/train.rec", {1});
  EXPECT_THAT(keys(path("y/z/train.rec;") + path("x/train.rec")), ElementsAre("y/z/train.rec:1", "x/train.rec:1"));
  const auto files = find_record_files({.data = path("y/z/train.rec;") + path("x/train.rec")}).value();
  EXPECT_EQ(files.file_of("y/z/train.rec:1"), folder_ / "y/z/train.rec");
  EXPECT_EQ(files.file_of("y/z/train.rec:@40"), folder_ / "y/z/train.rec");
  EXPECT_EQ(find_record_files({.data = path("x/train.rec")}).value().file_of("1"), folder_ / "x/train.rec");
}

TEST_F(SeveralRecordFiles, HaveTheirBytesIndicesAndPlaces) {
  write("a.rec", {3, 4});
  write("b.rec", {3});
  write_text(folder_ / "a.idx",
             "4\t" + std::to_string(entries_of(*open_source({.data = path("a.rec")}))[1].offset.value()) +
                 "\nnonsense\n3\t0\n");
  const auto source = open_source({.data = path("*.rec"), .use_index = true});
  ASSERT_NE(source, nullptr);
  EXPECT_EQ(source->size(), 4U);
  const auto entries = entries_of(*source);
  ASSERT_EQ(entries.size(), 4U);
  const auto text = [&](std::size_t i) {
    const Bytes bytes = image_bytes(entries[i]);
    return std::string(bytes.begin(), bytes.end());
  };
  EXPECT_EQ(entries[0].key, "a.rec:4");
  EXPECT_EQ(text(0), "a.rec#4");
  EXPECT_EQ(entries[1].key, "a.rec:line 2");
  EXPECT_THAT(to_string(entries[1].image.error()), HasSubstr("a.idx:2"));
  EXPECT_EQ(text(2), "a.rec#3");
  EXPECT_EQ(entries[3].key, "b.rec:3");
  EXPECT_EQ(text(3), "b.rec#3");
  EXPECT_EQ(entries[3].offset, 0U) << "in its own file";
  EXPECT_EQ(entries[3].index, 3U);
}

TEST_F(SeveralRecordFiles, DamageNamesItsFile) {
  write("a.rec", {1});
  write_text(folder_ / "b.rec", std::string(40, 'x'));
  const auto entries = entries_of(*open_source({.data = folder_.path()}));
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].key, "b.rec:@0");
  EXPECT_THAT(to_string(entries[1].image.error()), HasSubstr(path("b.rec") + ":0"));
}

TEST_F(SeveralRecordFiles, AFolderWithPicturesIsThatOfThePictures) {
  write("data/a.rec", {1});
  write_text(folder_ / "data/below/x.jpg", "x");
  EXPECT_THAT(keys(path("data")), ElementsAre("below/x.jpg"));
  EXPECT_THAT(keys(path("data/*.rec")), ElementsAre("a.rec:1"));
}

TEST_F(SeveralRecordFiles, APathThatExistsIsNoPattern) {
  write("a[1];.rec", {1});
  write("a1.rec", {2});
  EXPECT_THAT(keys(path("a[1];.rec")), ElementsAre("1"));
  EXPECT_THAT(keys(path("a[1].rec")), ElementsAre("a1.rec:2"));
}

TEST_F(SeveralRecordFiles, ThatAreNotThereAreErrors) {
  write("a.rec", {1});
  write_text(folder_ / "empty1.rec", "");
  write_text(folder_ / "empty2.rec", "");
  write_text(folder_ / "x.lst", "0\t0\tx.jpg\n");
  EXPECT_EQ(error_of(path("nothing*.rec")).code, ErrorCode::not_found);
  EXPECT_EQ(error_of(path("none/*.rec")).code, ErrorCode::not_found);
  EXPECT_EQ(error_of(path("a.rec;") + path("b.rec")).code, ErrorCode::not_found);
  EXPECT_THAT(error_of(path("a.rec;") + path("b.rec")).where, HasSubstr("b.rec"));
  EXPECT_EQ(error_of(path("a.rec;") + path("x.lst")).code, ErrorCode::usage);
  EXPECT_EQ(error_of(path("*.lst")).code, ErrorCode::not_found);
  EXPECT_EQ(error_of(path("a.rec;") + path("./a.rec")).code, ErrorCode::usage);
  EXPECT_EQ(error_of(path("empty*.rec")).code, ErrorCode::not_found);
  EXPECT_EQ(error_of(";").code, ErrorCode::not_found);
  const auto indexed = Source::open({.data = path("*.rec"), .index = path("a.idx"), .use_index = true});
  ASSERT_FALSE(indexed);
  EXPECT_EQ(indexed.error().code, ErrorCode::usage);
}

TEST_F(SeveralRecordFiles, AFileThatGrowsWhileTheyAreReadIsAnError) {
  write("a.rec", {1, 2});
  write("b.rec", {1});
  const auto source = open_source({.data = path("*.rec")});
  ASSERT_TRUE(source->next());
  write("b.rec", {1, 2});
  ASSERT_TRUE(source->next());
  const auto third = source->next();
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace octet::test
