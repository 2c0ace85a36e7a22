// Directories as sources: order, names, classes, links.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "loader/source_support.h"
#include "octet/loader/labels.h"
#include "support/assets.h"

namespace octet::test {
namespace {

class DirectorySource : public testing::Test {
 protected:
  std::vector<std::string> keys(bool folder_labels = false) {
    auto source = open_source({.data = folder_.path(), .folder_labels = folder_labels});
    std::vector<std::string> found;
    if (!source) return found;
    for (const Entry& entry : entries_of(*source)) found.push_back(entry.key);
    EXPECT_EQ(source->size(), found.size());
    return found;
  }
  void touch(const std::string& name) { write_text(folder_ / name, name); }

  TempFolder folder_;
};

TEST_F(DirectorySource, ImagesByExtensionInBytewiseOrder) {
  for (const char* name : {"b.jpg", "a.JPEG", "B.Png", "c.jpe", "c.jfif", "a-b/x.jpg", "a/x.jpg", "a/b/c/d.PNG",
                           "a.x/y.jpg", "\xC3\xA9.jpg", "with space.jpg", "line\nbreak.jpg", "no.txt", "jpg", ".jpg",
                           "x.jpg.txt", "x.gif", "a/notes.md", "tail.jpg."}) {
    touch(name);
  }
  std::vector<std::string> expected = {"a-b/x.jpg", "a.JPEG",          "a.x/y.jpg",      "a/b/c/d.PNG",
                                       "a/x.jpg",   "B.Png",           "b.jpg",          "c.jfif",
                                       "c.jpe",     "line\nbreak.jpg", "with space.jpg", "\xC3\xA9.jpg"};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(keys(), expected);
  EXPECT_EQ(expected.front(), "B.Png") << "bytewise: capitals first";
}

TEST_F(DirectorySource, EntriesAreTheFiles) {
  touch("a/one.jpg");
  touch("two.png");
  const auto source = open_source({.data = folder_.path()});
  for (const Entry& entry : entries_of(*source)) {
    const Bytes bytes = image_bytes(entry);
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), entry.key);
    EXPECT_TRUE(entry.labels.empty());
  }
  EXPECT_TRUE(source->classes().empty());
}

TEST_F(DirectorySource, SubFoldersAreClasses) {
  // "a-b" comes before "a/" among paths, but after "a" among names.
  for (const char* name : {"a/x.jpg", "a-b/x.jpg", "z/deep/er/x.jpg", "top.jpg"}) touch(name);
  std::filesystem::create_directory(folder_ / "empty");
  const auto source = open_source({.data = folder_.path(), .folder_labels = true});
  EXPECT_EQ(source->classes(), (std::vector<std::string>{"a", "a-b", "empty", "z"}));
  const auto entries = entries_of(*source);
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].key, "a-b/x.jpg");
  EXPECT_EQ(class_id(entries[0].labels), 1);
  EXPECT_EQ(class_id(entries[1].labels), 0);
  EXPECT_EQ(entries[2].key, "top.jpg");
  EXPECT_TRUE(entries[2].labels.empty());
  EXPECT_EQ(class_id(entries[3].labels), 3);
}

TEST_F(DirectorySource, LinksAreFollowedButNotForEver) {
  touch("a/x.jpg");
  const TempFolder outside;
  write_text(outside / "sub/y.jpg", "y");
  std::filesystem::create_directory_symlink(folder_.path(), folder_ / "a" / "up");
  std::filesystem::create_directory_symlink(folder_ / "a", folder_ / "a" / "self");
  std::filesystem::create_directory_symlink(folder_ / "a", folder_ / "0");
  std::filesystem::create_directory_symlink(outside.path(), folder_ / "out2");
  std::filesystem::create_directory_symlink(outside.path(), folder_ / "out1");
  std::filesystem::create_directory_symlink(folder_.path(), outside / "back");
  std::filesystem::create_symlink("b", folder_ / "a" / "b");
  std::filesystem::create_symlink(folder_ / "a" / "x.jpg", folder_ / "link.jpg");
  std::filesystem::create_symlink("nowhere", folder_ / "dangling.jpg");
  // The directory's own path wins over links to it; the first of several links wins.
  EXPECT_EQ(keys(), (std::vector<std::string>{"a/x.jpg", "dangling.jpg", "link.jpg", "out1/sub/y.jpg"}));
  const auto entries = entries_of(*open_source({.data = folder_.path()}));
  Bytes buffer;
  EXPECT_EQ(entries.at(1).image->read(buffer).error().code, ErrorCode::not_found);
  EXPECT_EQ(image_bytes(entries.at(2)).size(), 7U);
}

TEST_F(DirectorySource, ManyLinksBetweenFoldersDoNotMultiply) {
  // 2^30 paths lead through these folders.
  for (std::size_t i = 0; i < 30; ++i) {
    touch(numbered("d", i, "/x.jpg"));
    for (const char* link : {"l", "m"}) {
      std::filesystem::create_directory_symlink(numbered("../d", i + 1, ""), folder_ / numbered("d", i, "") / link);
    }
  }
  EXPECT_EQ(keys().size(), 30U);
}

TEST_F(DirectorySource, AnUnreadableSubFolderIsNamed) {
  touch("a/x.jpg");
  touch("locked/deep/x.jpg");
  const auto locked = folder_ / "locked" / "deep";
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(locked, std::filesystem::perms::none);
  // Root reads everything: act as nobody while it looks.
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(root ? ::seteuid(65534) : 0, 0);
  const auto source = Source::open({.data = folder_.path()});
  ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
  std::filesystem::permissions(locked, std::filesystem::perms::owner_all);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ErrorCode::io);
  EXPECT_EQ(source.error().where, locked.string());
}

TEST_F(DirectorySource, WithoutImagesItSaysWhatWasLookedFor) {
  touch("a/readme.txt");
  const auto source = Source::open({.data = folder_.path()});
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ErrorCode::not_found);
  EXPECT_EQ(source.error().message, "holds no image files; looked for .jpg .jpeg .jpe .jfif .png");
}

TEST_F(DirectorySource, DeepTrees) {
  std::string name;
  for (int i = 0; i < 100; ++i) name += "d/";
  touch(name + "x.jpg");
  EXPECT_EQ(keys(), std::vector<std::string>{name + "x.jpg"});
}

TEST_F(DirectorySource, AssetFoldersAreComplete) {
  OCTET_REQUIRE_ASSETS();
  const auto source = open_source({.data = assets() / "images" / "cifar_test1000", .folder_labels = true});
  EXPECT_EQ(source->size(), 1000U);
  ASSERT_EQ(source->classes().size(), 10U);
  const auto listed = entries_of(*open_source({.data = assets() / "images" / "cifar_test1000" / "labels.lst"}));
  std::map<std::string, std::vector<float>> labels;
  for (const Entry& entry : listed) labels[entry.key] = entry.labels;
  const auto entries = entries_of(*source);
  ASSERT_EQ(entries.size(), 1000U);
  for (const Entry& entry : entries) EXPECT_EQ(labels[entry.key], entry.labels) << entry.key;
}

}  // namespace
}  // namespace octet::test
