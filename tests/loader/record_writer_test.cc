// Record files written by octet: the same bytes as other writers', and nothing half-written.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "loader/source_support.h"
#include "octet/loader/labels.h"
#include "support/assets.h"

namespace octet::test {
namespace {

std::size_t files_in(const TempFolder& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

/// Reads every record, takes it apart, and writes it again.
void repack(const std::filesystem::path& from, const std::filesystem::path& to, const std::filesystem::path& index) {
  auto reader = RecordReader::open(from);
  ASSERT_TRUE(reader);
  auto source = open_source({.data = from, .use_index = true});
  auto writer = RecordWriter::create(to, index);
  ASSERT_TRUE(writer);
  while (true) {
    const auto item = reader->next();
    ASSERT_TRUE(item);
    if (!*item) break;
    const auto* record = std::get_if<RawRecord>(&**item);
    ASSERT_NE(record, nullptr) << "damaged";
    const auto payload = record->payload.bytes;
    const auto header = parse_header(payload);
    ASSERT_TRUE(header);
    const auto labels = parse_labels(*header, payload);
    ASSERT_TRUE(labels);
    const std::span<const float> packed = header->flag == 0 ? std::span<const float>() : std::span(*labels);
    const auto entry = source->next();
    ASSERT_TRUE(entry && *entry);
    ASSERT_TRUE(writer->append(*header, packed, image_of(*header, payload), std::stoull((*entry)->key)));
  }
  ASSERT_TRUE(writer->close());
}

TEST(RecordWriter, RepackedFilesAreIdentical) {
  OCTET_REQUIRE_ASSETS();
  const TempFolder folder;
  std::vector<std::filesystem::path> files = {assets() / "rec" / "cifar_test1000.rec",
                                              assets() / "rec" / "coco_val128_300_q65.rec"};
  for (const auto& file : std::filesystem::directory_iterator(assets() / "rec" / "special")) {
    if (file.path().extension() == ".rec") files.push_back(file.path());
  }
  ASSERT_EQ(files.size(), 7U);
  for (const auto& file : files) {
    SCOPED_TRACE(file);
    repack(file, folder / "copy.rec", folder / "copy.idx");
    EXPECT_TRUE(read_bytes(folder / "copy.rec") == read_bytes(file));
    auto index = file;
    EXPECT_TRUE(read_bytes(folder / "copy.idx") == read_bytes(index.replace_extension(".idx")));
  }
  EXPECT_EQ(files_in(folder), 2U);
}

TEST(RecordWriter, MagicNumbersInThePayloadSplitIt) {
  const TempFolder folder;
  std::vector<Bytes> images;
  // A header is 24 bytes: offsets of the image keep their alignment.
  images.push_back(magic_bytes());
  images.push_back(magic_bytes() + magic_bytes() + noise(3, 1));
  images.push_back(noise(2, 2) + magic_bytes());
  images.push_back(noise(64, 3) + magic_bytes() + noise(61, 4) + magic_bytes());
  images.push_back(noise(4096, 5) + magic_bytes() + noise(1 << 21, 6) + magic_bytes() + magic_bytes());
  auto writer = RecordWriter::create(folder / "a.rec", folder / "a.idx");
  ASSERT_TRUE(writer);
  const std::vector<float> labels = {2, std::bit_cast<float>(kRecordMagic), 5};
  for (std::size_t i = 0; i < images.size(); ++i) ASSERT_TRUE(writer->append(100 + i, labels, images[i]));
  EXPECT_EQ(writer->records(), images.size());
  ASSERT_TRUE(writer->close());
  for (const bool indexed : {false, true}) {
    auto source = open_source({.data = folder / "a.rec", .use_index = indexed});
    const auto entries = entries_of(*source);
    ASSERT_EQ(entries.size(), images.size());
    for (std::size_t i = 0; i < images.size(); ++i) {
      EXPECT_EQ(entries[i].key, std::to_string(100 + i));
      EXPECT_EQ(image_bytes(entries[i]), images[i]);
      ASSERT_EQ(entries[i].labels.size(), 3U);
      EXPECT_EQ(std::bit_cast<std::uint32_t>(entries[i].labels[1]), kRecordMagic);
    }
  }
  // Nothing in the file looks like a part that is none.
  const Bytes file = read_bytes(folder / "a.rec");
  for (const Delivery& delivery : deliveries_by_rules(file)) EXPECT_EQ(delivery.damaged_bytes, 0U);
}

TEST(RecordWriter, LabelsComeBackBitForBit) {
  const TempFolder folder;
  const float nan = std::bit_cast<float>(0x7FC01234U);
  const std::vector<std::vector<float>> labels = {{}, {3}, {nan}, {1, nan, -0.0F}, std::vector<float>(1000, 0.5F)};
  auto writer = RecordWriter::create(folder / "a.rec");
  ASSERT_TRUE(writer);
  const std::uint64_t id = std::numeric_limits<std::uint64_t>::max();
  for (const auto& label : labels) ASSERT_TRUE(writer->append(id, label, noise(10, 1)));
  ASSERT_TRUE(writer->close());
  const auto entries = entries_of(*open_source({.data = folder / "a.rec"}));
  ASSERT_EQ(entries.size(), labels.size());
  EXPECT_EQ(entries[0].key, "18446744073709551615");
  EXPECT_EQ(entries[0].labels, std::vector<float>{-1}) << "no label is stored as -1";
  EXPECT_EQ(entries[1].labels, std::vector<float>{3});
  EXPECT_EQ(std::bit_cast<std::uint32_t>(entries[2].labels.at(0)), 0x7FC01234U);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(entries[3].labels.at(1)), 0x7FC01234U);
  EXPECT_TRUE(std::signbit(entries[3].labels.at(2)));
  EXPECT_EQ(entries[4].labels, labels[4]);
}

TEST(RecordWriter, NothingAppearsBeforeClose) {
  const TempFolder folder;
  write_text(folder / "a.rec", "what was there");
  {
    auto writer = RecordWriter::create(folder / "a.rec", folder / "a.idx");
    ASSERT_TRUE(writer);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(writer->append(1, {}, noise(50'000, 1)));
    EXPECT_EQ(std::filesystem::file_size(folder / "a.rec"), 14U);
    EXPECT_FALSE(std::filesystem::exists(folder / "a.idx"));
  }
  EXPECT_EQ(std::filesystem::file_size(folder / "a.rec"), 14U);
  EXPECT_EQ(files_in(folder), 1U) << "temporary files are left";
  auto writer = RecordWriter::create(folder / "a.rec");
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(std::filesystem::file_size(folder / "a.rec"), 0U);
  EXPECT_FALSE(writer->append(1, {}, noise(5, 1))) << "closed";
  EXPECT_FALSE(writer->close()) << "closed";
}

TEST(RecordWriter, SaysWhatCannotBeWritten) {
  const TempFolder folder;
  const auto nowhere = RecordWriter::create(folder / "none" / "a.rec");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::cannot_write);
  EXPECT_FALSE(RecordWriter::create(folder / "a.rec", folder / "none" / "a.idx"));
  EXPECT_EQ(files_in(folder), 0U);
  std::filesystem::create_directory(folder / "taken.rec");
  EXPECT_EQ(RecordWriter::create(folder / "taken.rec").error().code, ErrorCode::cannot_write);
  EXPECT_EQ(files_in(folder), 1U);

  auto writer = RecordWriter::create(folder / "a.rec");
  ASSERT_TRUE(writer);
  IRHeader header;
  header.flag = 2;
  EXPECT_EQ(writer->append(header, std::vector<float>{1}, noise(5, 1), 0).error().code, ErrorCode::usage);
  constexpr std::size_t kHuge = kRecordPayloadLimit - kIRHeaderBytes;
  const std::unique_ptr<void, decltype(&std::free)> zeros(std::calloc(kHuge, 1), &std::free);
  ASSERT_NE(zeros, nullptr);
  const std::span<const std::uint8_t> huge(static_cast<const std::uint8_t*>(zeros.get()), kHuge);
  EXPECT_EQ(writer->append(1, {}, huge).error().code, ErrorCode::limit);
  EXPECT_TRUE(writer->append(1, {}, noise(5, 1))) << "a refused record does not spoil the file";
  ASSERT_TRUE(writer->close());
  EXPECT_EQ(deliveries_of(folder / "a.rec", 1 << 20).size(), 1U);
}

TEST(RecordLabels, OnlyOneWholeNumberIsAClass) {
  const auto id = [](std::vector<float> labels) { return class_id(labels); };
  EXPECT_EQ(id({0}), 0);
  EXPECT_EQ(id({-0.0F}), 0);
  EXPECT_EQ(id({999}), 999);
  EXPECT_EQ(id({2147483520.0F}), 2147483520);
  for (const float none : {-1.0F, 0.5F, 2147483648.0F, 1e30F, std::numeric_limits<float>::infinity(),
                           std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_EQ(id({none}), std::nullopt) << none;
  }
  EXPECT_EQ(id({}), std::nullopt);
  EXPECT_EQ(id({1, 2}), std::nullopt);
}

TEST(RecordLabels, SpecialFilesHaveTheirLabels) {
  OCTET_REQUIRE_ASSETS();
  const auto entries_in = [](const char* name) {
    return entries_of(*open_source({.data = assets() / "rec" / "special" / name}));
  };
  const auto mixed = entries_in("mixed_payloads.rec");
  ASSERT_EQ(mixed.size(), 6U);
  EXPECT_EQ(mixed[0].labels, std::vector<float>{0});
  EXPECT_EQ(mixed[3].labels.size(), 2U);
  EXPECT_EQ(mixed[4].key, "1099511627781");
  EXPECT_TRUE(std::isnan(mixed[5].labels.at(0)));
  for (const Entry& entry : entries_in("multi_label_width3.rec")) EXPECT_EQ(entry.labels.size(), 3U);
  const auto scalar = entries_in("scalar_label.rec");
  ASSERT_EQ(scalar.size(), 10U);
  for (const Entry& entry : scalar) EXPECT_TRUE(class_id(entry.labels)) << entry.key;
  for (const Entry& entry : entries_in("detection_labels_variants.rec")) {
    ASSERT_GE(entry.labels.size(), 7U);
    const auto header = static_cast<std::size_t>(entry.labels[0]);
    const auto object = static_cast<std::size_t>(entry.labels[1]);
    EXPECT_EQ((entry.labels.size() - header) % object, 0U) << entry.key;
  }
  // Read through the index, the index's key is the key.
  const auto indexed =
      entries_of(*open_source({.data = assets() / "rec" / "special" / "mixed_payloads.rec", .use_index = true}));
  ASSERT_EQ(indexed.size(), 6U);
  EXPECT_EQ(indexed[4].key, "40");
}

}  // namespace
}  // namespace octet::test
