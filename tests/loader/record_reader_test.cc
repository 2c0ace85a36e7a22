// The framing reader against an independent one: cuts, flipped bytes, chunk sizes, big files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <random>

#include "loader/source_support.h"
#include "support/assets.h"

namespace octet::test {
namespace {

/// Twelve records: plain ones of every length modulo 4, an empty one, and ones of 2, 3 and 5 parts.
Bytes small_file() {
  Bytes file;
  for (std::uint32_t i = 0; i < 8; ++i) file = file + framed_part(0, noise(24 + 5 * i, i));
  file = file + framed_part(0, {});
  file = file + framed_part(1, noise(28, 20)) + framed_part(3, noise(13, 21));
  file = file + framed_part(1, {}) + framed_part(2, noise(16, 22)) + framed_part(3, {});
  file = file + framed_part(1, noise(4, 23));
  for (int i = 0; i < 3; ++i) file = file + framed_part(2, {});
  return file + framed_part(3, noise(31, 24));
}

TEST(FindMagic, FindsTheFirstAlignedOneWhereverItIs) {
  for (std::size_t size = 0; size < 600; size += 7) {
    Bytes bytes = noise(size, 1);
    ASSERT_EQ(find_magic(bytes), size);
    for (std::size_t at = 0; at + 4 <= size; ++at) {
      Bytes marked = bytes;
      const Bytes magic = magic_bytes();
      std::copy(magic.begin(), magic.end(), marked.begin() + static_cast<std::ptrdiff_t>(at));
      ASSERT_EQ(find_magic(marked), at % 4 == 0 ? at : size) << at << " of " << size;
    }
  }
}

TEST(RecordReader, JoinsPartsAroundTheMagic) {
  const TempFolder folder;
  write_bytes(folder / "a.rec", small_file());
  const auto found = deliveries_of(folder / "a.rec", 1 << 20);
  ASSERT_EQ(found.size(), 12U);
  EXPECT_EQ(found[8].payload, Bytes());
  EXPECT_EQ(found[9].payload, noise(28, 20) + magic_bytes() + noise(13, 21));
  EXPECT_EQ(found[10].payload, magic_bytes() + noise(16, 22) + magic_bytes());
  EXPECT_EQ(found[11].payload,
            noise(4, 23) + magic_bytes() + magic_bytes() + magic_bytes() + magic_bytes() + noise(31, 24));
}

TEST(RecordReader, ChunkSizeDoesNotMatter) {
  const TempFolder folder;
  Bytes file = small_file();
  const Bytes tail = small_file();
  file = file + noise(44, 5) + tail;
  write_bytes(folder / "a.rec", file);
  const auto expected = deliveries_by_rules(file);
  ASSERT_EQ(expected.size(), 25U);
  for (std::size_t chunk = 8; chunk < 300; chunk += 4) {
    ASSERT_EQ(deliveries_of(folder / "a.rec", chunk), expected) << chunk;
  }
  EXPECT_FALSE(RecordReader::open(folder / "a.rec", {10}));
  EXPECT_FALSE(RecordReader::open(folder / "a.rec", {4}));
}

TEST(RecordReader, EveryCutGivesTheCompleteRecordsAndAtMostOneDamage) {
  const TempFolder folder;
  const auto path = folder / "a.rec";
  const Bytes file = small_file();
  const auto whole = deliveries_by_rules(file);
  write_bytes(path, file);
  for (std::size_t size = file.size(); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    const auto found = deliveries_of(path, size % 2 == 0 ? 1 << 20 : 16);
    ASSERT_EQ(found, deliveries_by_rules(std::span(file).first(size))) << size;
    // All but the last delivery are the file's own records, and together they cover the file.
    const std::size_t records = static_cast<std::size_t>(
        std::count_if(found.begin(), found.end(), [](auto& d) { return d.damaged_bytes == 0; }));
    ASSERT_LE(found.size(), records + 1);
    for (std::size_t i = 0; i < records; ++i) ASSERT_EQ(found[i], whole[i]);
    if (found.size() > records) {
      ASSERT_EQ(found.back().offset + found.back().damaged_bytes, size);
      ASSERT_EQ(found.back().offset, whole[records].offset);
    }
  }
}

/// Changes 1 to 8 bytes, half of them in a part's head, where they hurt most.
void damage(Bytes& file, const std::vector<std::size_t>& heads, std::mt19937& generator) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(generator() % n); };
  for (std::size_t n = 1 + below(8); n > 0; --n) {
    const bool in_head = below(2) == 0;
    const std::size_t at = in_head ? heads[below(heads.size())] + below(8) : below(file.size());
    file[at] = static_cast<std::uint8_t>(generator());
  }
}

TEST(RecordReader, FiveThousandDamagedFilesComeOutByTheRules) {
  const TempFolder folder;
  const auto path = folder / "a.rec";
  const Bytes file = small_file();
  std::vector<std::size_t> heads;
  for (std::size_t at = 0; at < file.size(); at += 4) {
    if (find_magic(std::span(file).subspan(at, 4)) == 0) heads.push_back(at);
  }
  ASSERT_EQ(heads.size(), 19U);
  write_bytes(path, file);
  std::mt19937 generator(20261124);
  std::size_t records = 0;
  std::size_t places = 0;
  for (int round = 0; round < 5000; ++round) {
    Bytes damaged = file;
    damage(damaged, heads, generator);
    overwrite_bytes(path, damaged);
    const auto found = deliveries_of(path, round % 3 == 0 ? 32 : 1 << 20);
    ASSERT_EQ(found, deliveries_by_rules(damaged)) << "round " << round;
    for (const Delivery& delivery : found) ++(delivery.damaged_bytes == 0 ? records : places);
  }
  // The damage is neither harmless nor total.
  EXPECT_GT(places, 5000U);
  EXPECT_GT(records, 5000U * 6);
}

TEST(RecordReader, RealRecordsSurviveFlippedBytes) {
  OCTET_REQUIRE_ASSETS();
  const TempFolder folder;
  const auto path = folder / "a.rec";
  const Bytes file = read_bytes(assets() / "rec" / "special" / "multipart.rec");
  write_bytes(path, file);
  std::mt19937 generator(7);
  for (int round = 0; round < 500; ++round) {
    Bytes damaged = file;
    for (std::size_t n = 1 + generator() % 20; n > 0; --n) {
      damaged[generator() % damaged.size()] ^= static_cast<std::uint8_t>(1U << (generator() % 8));
    }
    overwrite_bytes(path, damaged);
    ASSERT_EQ(deliveries_of(path, 1024), deliveries_by_rules(damaged)) << "round " << round;
    auto source = open_source({.data = path});
    std::uint64_t usable = 0;
    for (const Entry& entry : entries_of(*source)) usable += entry.image ? 1 : 0;
    ASSERT_GT(usable, 0U);
  }
}

TEST(RecordReader, MultipartAssetsHaveTheManifestsPayloads) {
  OCTET_REQUIRE_ASSETS();
  EXPECT_EQ(sha256({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const auto rows = read_csv(assets() / "rec" / "special" / "multipart_manifest.csv");
  const auto found = deliveries_of(assets() / "rec" / "special" / "multipart.rec", 1 << 20);
  ASSERT_EQ(found.size(), rows.size());
  ASSERT_EQ(rows.size(), 9U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(std::to_string(found[i].offset), rows[i].at("offset"));
    EXPECT_EQ(std::to_string(found[i].payload.size()), rows[i].at("payload_bytes"));
    EXPECT_EQ(sha256(found[i].payload), rows[i].at("payload_sha256")) << rows[i].at("note");
  }
}

TEST(RecordReader, RecordsLargerThanAChunkHaveTheirOwnMemory) {
  const TempFolder folder;
  const Bytes big = noise(3'000'001, 1);
  write_bytes(folder / "a.rec", framed_part(0, noise(50, 2)) + framed_part(0, big) + framed_part(0, noise(60, 3)) +
                                    framed_part(1, noise(2'000'000, 4)) + framed_part(3, noise(9, 5)));
  const auto found = deliveries_of(folder / "a.rec", 1 << 20);
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[1].payload, big);
  EXPECT_EQ(found[2].payload, noise(60, 3));
  EXPECT_EQ(found[3].payload, noise(2'000'000, 4) + magic_bytes() + noise(9, 5));
}

TEST(RecordReader, AnUntrueLengthThatFitsTheFileIsRefusedEarly) {
  const TempFolder folder;
  Bytes file = framed_part(0, noise(1'500'000, 1));
  const Bytes next = framed_part(0, noise(1'500'000, 2));
  file = file + next;
  // Record 0 claims both: the magic number of record 1 lies inside.
  const std::uint32_t claim = 1'500'000 + 8 + 1'400'000;
  for (int i = 0; i < 4; ++i) file[4 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(claim >> 8 * i);
  write_bytes(folder / "a.rec", file);
  const auto found = deliveries_of(folder / "a.rec", 1 << 16);
  EXPECT_EQ(found, deliveries_by_rules(file));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].damaged_bytes, 1'500'008U);
}

TEST(RecordReader, AFileThatShrinksIsAnErrorNotACrash) {
  const TempFolder folder;
  const auto path = folder / "a.rec";
  Bytes file;
  for (std::uint32_t i = 0; i < 40; ++i) file = file + framed_part(0, noise(100'000, i));
  write_bytes(path, file);
  auto reader = RecordReader::open(path);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(reader->next());
  std::filesystem::resize_file(path, 2'500'000);
  int records = 1;
  while (true) {
    auto item = reader->next();
    if (!item) {
      EXPECT_EQ(item.error().code, ErrorCode::io);
      EXPECT_EQ(item.error().where, path.string() + ":2500000");
      break;
    }
    ASSERT_TRUE(*item) << "the end came without an error";
    ASSERT_LT(++records, 40);
  }
  EXPECT_FALSE(reader->next()) << "the error stays";
}

TEST(RecordReader, MemoryFollowsWhatIsInFlight) {
  const TempFolder folder;
  auto writer = RecordWriter::create(folder / "a.rec");
  ASSERT_TRUE(writer);
  constexpr std::size_t kRecords = 1250;
  const Bytes image = noise(40'000, 9);
  for (std::size_t i = 0; i < kRecords; ++i) ASSERT_TRUE(writer->append(i, {}, image));
  ASSERT_TRUE(writer->close());
  ASSERT_GT(std::filesystem::file_size(folder / "a.rec"), 50'000'000U);

  auto reader = RecordReader::open(folder / "a.rec");
  ASSERT_TRUE(reader);
  std::deque<RawRecord> in_flight;
  std::vector<std::weak_ptr<const void>> owners;
  std::size_t most_alive = 0;
  std::size_t records = 0;
  for (; records <= kRecords; ++records) {
    auto item = reader->next();
    ASSERT_TRUE(item);
    if (!*item) break;
    auto* record = std::get_if<RawRecord>(&**item);
    ASSERT_NE(record, nullptr);
    ASSERT_EQ(record->payload.bytes.size(), 40'024U);
    if (owners.empty() || owners.back().lock() != record->payload.owner) owners.push_back(record->payload.owner);
    in_flight.push_back(std::move(*record));
    if (in_flight.size() > 64) in_flight.pop_front();
    most_alive = std::max<std::size_t>(
        most_alive,
        static_cast<std::size_t>(std::count_if(owners.begin(), owners.end(), [](auto& o) { return !o.expired(); })));
  }
  EXPECT_EQ(records, kRecords);
  // 64 records of 40 KB are 2.6 MB: at most four chunks of 1 MiB, of the 49 that were read.
  EXPECT_GE(owners.size(), 48U);
  EXPECT_LE(most_alive, 4U);
}

TEST(RecordReader, OffsetsBeyondFourGibibytes) {
  const TempFolder folder;
  const auto path = folder / "a.rec";
  constexpr std::uint64_t kFar = (std::uint64_t{5} << 30) + 16;
  write_bytes(path, framed_part(0, noise(50, 1)));
  const Bytes far = framed_part(0, noise(70, 2)) + framed_part(1, noise(8, 3)) + framed_part(3, noise(9, 4));
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  const auto put = ::pwrite(file, far.data(), far.size(), static_cast<off_t>(kFar));
  ::close(file);
  if (put != static_cast<ssize_t>(far.size())) GTEST_SKIP() << "the file system has no sparse files of 5 GiB";

  auto reader = RecordReader::open(path);
  ASSERT_TRUE(reader);
  auto item = reader->read_at(kFar);
  ASSERT_TRUE(item);
  const auto* record = std::get_if<RawRecord>(&*item);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(Bytes(record->payload.bytes.begin(), record->payload.bytes.end()), noise(70, 2));
  item = reader->read_at(kFar + 80);
  ASSERT_TRUE(item);
  record = std::get_if<RawRecord>(&*item);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(Bytes(record->payload.bytes.begin(), record->payload.bytes.end()),
            noise(8, 3) + magic_bytes() + noise(9, 4));
  // The low 32 bits of the offset alone would be a hole.
  item = reader->read_at(kFar + 4);
  ASSERT_TRUE(item);
  EXPECT_NE(std::get_if<DamagedPlace>(&*item), nullptr);
}

TEST(RecordReader, OnlyRegularFilesAreOpened) {
  const TempFolder folder;
  EXPECT_EQ(RecordReader::open(folder / "none.rec").error().code, ErrorCode::not_found);
  EXPECT_EQ(RecordReader::open(folder.path()).error().code, ErrorCode::io);
  ASSERT_EQ(::mkfifo((folder / "pipe.rec").c_str(), 0600), 0);
  EXPECT_EQ(RecordReader::open(folder / "pipe.rec").error().message, "is not a regular file");
}

}  // namespace
}  // namespace octet::test
