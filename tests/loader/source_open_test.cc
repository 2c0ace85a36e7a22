// What every kind of source has in common: opening, rewinding, counting, the end.
#include <gtest/gtest.h>

#include <thread>

#include "loader/source_support.h"

namespace octet::test {
namespace {

/// The same three pictures as a directory, a list and records.
class EverySource : public testing::Test {
 protected:
  void SetUp() override {
    auto writer = RecordWriter::create(folder_ / "x.REC", folder_ / "x.idx");
    ASSERT_TRUE(writer);
    std::string list;
    for (std::uint32_t i = 0; i < 3; ++i) {
      const std::string name = numbered("p", i, ".jpg");
      std::filesystem::create_directories(folder_ / "pictures");
      write_bytes(folder_ / "pictures" / name, noise(1000, i));
      list.append(numbered("", i, "\t")).append(numbered("", i, "\tpictures/")).append(name).append("\n");
      ASSERT_TRUE(writer->append(i, std::vector<float>{static_cast<float>(i)}, noise(1000, i)));
    }
    write_text(folder_ / "x.Lst", list);
    ASSERT_TRUE(writer->close());
    all_ = {{.data = folder_ / "pictures"},
            {.data = folder_ / "x.Lst"},
            {.data = folder_ / "x.REC"},
            {.data = folder_ / "x.REC", .use_index = true},
            {.data = folder_ / "x.REC", .index = folder_ / "x.idx"}};
  }

  TempFolder folder_;
  std::vector<SourceOptions> all_;
};

TEST_F(EverySource, GivesTheSameImages) {
  for (const SourceOptions& options : all_) {
    SCOPED_TRACE(options.data);
    auto source = open_source(options);
    ASSERT_NE(source, nullptr);
    const auto entries = entries_of(*source);
    ASSERT_EQ(entries.size(), 3U);
    source.reset();
    for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(image_bytes(entries[i]), noise(1000, i)) << "outlives the source";
  }
}

TEST_F(EverySource, EndsForGoodAndRewinds) {
  for (const SourceOptions& options : all_) {
    SCOPED_TRACE(options.data);
    auto source = open_source(options);
    ASSERT_NE(source, nullptr);
    const auto first = entries_of(*source);
    for (int i = 0; i < 3; ++i) {
      const auto end = source->next();
      ASSERT_TRUE(end);
      EXPECT_FALSE(*end);
    }
    ASSERT_TRUE(source->rewind());
    const auto second = entries_of(*source);
    ASSERT_EQ(second.size(), first.size());
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(second[i].key, first[i].key);
    ASSERT_TRUE(source->rewind());
    ASSERT_TRUE(source->next());
    ASSERT_TRUE(source->rewind());
    EXPECT_EQ(entries_of(*source).size(), 3U) << "rewound half way";
  }
}

TEST_F(EverySource, Counts) {
  for (const SourceOptions& options : all_) {
    SCOPED_TRACE(options.data);
    auto source = open_source(options);
    ASSERT_NE(source, nullptr);
    const auto count = count_entries(*source);
    ASSERT_TRUE(count);
    EXPECT_EQ(*count, 3U);
    EXPECT_EQ(entries_of(*source).size(), 3U);
    EXPECT_EQ(source->size().value_or(3), 3U);
  }
}

TEST_F(EverySource, EntriesAreReadOnOtherThreads) {
  for (const SourceOptions& options : all_) {
    auto source = open_source(options);
    ASSERT_NE(source, nullptr);
    std::vector<std::thread> readers;
    for (std::uint32_t i = 0; i < 3; ++i) {
      auto entry = source->next();
      ASSERT_TRUE(entry && *entry);
      readers.emplace_back([i, mine = **std::move(entry)] { EXPECT_EQ(image_bytes(mine), noise(1000, i)); });
    }
    for (auto& reader : readers) reader.join();
  }
}

TEST_F(EverySource, OtherDataIsRefusedWithWhatIsAccepted) {
  write_text(folder_ / "x.zip", "zip");
  for (const std::filesystem::path& data :
       {folder_ / "x.zip", folder_ / "pictures" / "p0.jpg", std::filesystem::path()}) {
    const auto source = Source::open({.data = data});
    ASSERT_FALSE(source) << data;
    EXPECT_EQ(source.error().code, ErrorCode::usage);
    EXPECT_NE(source.error().message.find("a directory, a .lst or a .rec"), std::string::npos);
  }
  for (const char* name : {"none", "none.rec", "none.lst", "x.zip/below"}) {
    const auto source = Source::open({.data = folder_ / name});
    ASSERT_FALSE(source) << name;
    EXPECT_EQ(source.error().code, ErrorCode::not_found);
    EXPECT_EQ(source.error().where, (folder_ / name).string());
  }
  std::filesystem::create_directory(folder_ / "folder.rec");
  EXPECT_EQ(Source::open({.data = folder_ / "folder.rec"}).error().code, ErrorCode::not_found) << "an empty directory";
}

TEST(ImageBytes, FilesAndMemory) {
  const TempFolder folder;
  write_bytes(folder / "a", noise(100, 1));
  Bytes buffer;
  EXPECT_EQ(ImageBytes::from_file(folder / "a").read(buffer).value().size(), 100U);
  EXPECT_EQ(ImageBytes::from_file(folder / "none").read(buffer).error().code, ErrorCode::not_found);
  EXPECT_EQ(ImageBytes::from_file(folder.path()).read(buffer).error().code, ErrorCode::io);
  write_bytes(folder / "empty", {});
  EXPECT_TRUE(ImageBytes::from_file(folder / "empty").read(buffer).value().empty());
  std::filesystem::resize_file(folder / "a", (std::uintmax_t{1} << 30) + 1);
  EXPECT_EQ(ImageBytes::from_file(folder / "a").read(buffer).error().code, ErrorCode::limit);
  auto owner = std::make_shared<const Bytes>(noise(50, 2));
  const ImageBytes shared = ImageBytes::from_memory(owner, *owner);
  EXPECT_EQ(shared.read(buffer).value().data(), owner->data()) << "memory is not copied";
  const ImageBytes copy = ImageBytes::copy_of(*owner);
  owner.reset();
  const auto bytes = copy.read(buffer).value();
  EXPECT_EQ(Bytes(bytes.begin(), bytes.end()), noise(50, 2));
}

}  // namespace
}  // namespace octet::test
