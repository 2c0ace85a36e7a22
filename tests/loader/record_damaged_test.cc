// Damaged record files and indexes: what comes out is what the assets' manifests say.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "loader/source_support.h"
#include "support/assets.h"

namespace octet::test {
namespace {

std::filesystem::path rec_assets() { return assets() / "rec"; }

std::vector<Bytes> payloads_of(const std::filesystem::path& path) {
  std::vector<Bytes> payloads;
  for (Delivery& delivery : deliveries_of(path, 1 << 20)) {
    EXPECT_EQ(delivery.damaged_bytes, 0U) << path;
    payloads.push_back(std::move(delivery.payload));
  }
  return payloads;
}

std::string id_of(const Bytes& payload) { return std::to_string(parse_header(payload).value().id); }

std::size_t number(const std::map<std::string, std::string>& row, const char* column) {
  return std::stoul(row.at(column));
}

TEST(DamagedRecords, EveryFileComesOutAsItsManifestSays) {
  OCTET_REQUIRE_ASSETS();
  const auto base = payloads_of(rec_assets() / "damaged" / "base20.rec");
  const auto multipart = payloads_of(rec_assets() / "special" / "multipart.rec");
  ASSERT_EQ(base.size(), 20U);
  ASSERT_EQ(multipart.size(), 9U);
  const auto rows = read_csv(rec_assets() / "damaged" / "manifest.csv");
  ASSERT_EQ(rows.size(), 37U);
  for (const auto& row : rows) {
    const std::string& name = row.at("file");
    SCOPED_TRACE(name);
    const auto& original = name.starts_with("multipart") ? multipart : base;
    const auto path = rec_assets() / "damaged" / name;
    const auto found = deliveries_of(path, 1 << 20);
    EXPECT_EQ(found, deliveries_by_rules(read_bytes(path)));

    std::size_t framed = 0;
    std::size_t bad_headers = 0;
    std::vector<Bytes> payloads;
    for (const Delivery& delivery : found) {
      if (delivery.damaged_bytes != 0) continue;
      ++framed;
      const auto header = parse_header(delivery.payload);
      if (!header || !parse_labels(*header, delivery.payload)) ++bad_headers;
      payloads.push_back(delivery.payload);
    }
    EXPECT_EQ(framed, number(row, "framed_records"));
    EXPECT_EQ(found.size() - framed, number(row, "bad_events"));
    EXPECT_EQ(bad_headers, number(row, "bad_header_records"));

    std::size_t intact = 0;
    std::string missing;
    for (const Bytes& payload : original) {
      if (std::find(payloads.begin(), payloads.end(), payload) != payloads.end()) {
        ++intact;
      } else {
        missing.append(missing.empty() ? "" : " ").append(id_of(payload));
      }
    }
    EXPECT_EQ(intact, number(row, "intact_records"));
    EXPECT_EQ(missing, row.at("missing_or_changed_ids"));
  }
}

TEST(DamagedRecords, BecomeOneEntryEach) {
  OCTET_REQUIRE_ASSETS();
  const auto base = payloads_of(rec_assets() / "damaged" / "base20.rec");
  std::map<std::string, Bytes> images;
  for (const Bytes& payload : base) images[id_of(payload)] = Bytes(payload.begin() + 24, payload.end());
  for (const auto& row : read_csv(rec_assets() / "damaged" / "manifest.csv")) {
    const std::string& name = row.at("file");
    SCOPED_TRACE(name);
    const auto path = rec_assets() / "damaged" / name;
    auto opened = Source::open({.data = path});
    if (number(row, "bytes") == 0) {
      ASSERT_FALSE(opened);
      EXPECT_EQ(opened.error().code, ErrorCode::not_found);
      continue;
    }
    ASSERT_TRUE(opened);
    const auto entries = entries_of(**opened);
    std::size_t places = 0;
    std::size_t unusable = 0;
    std::size_t intact = 0;
    for (const Entry& entry : entries) {
      if (entry.image) {
        const auto image = images.find(entry.key);
        if (image != images.end() && image->second == image_bytes(entry)) ++intact;
        continue;
      }
      EXPECT_EQ(entry.image.error().code, ErrorCode::bad_record);
      EXPECT_TRUE(entry.image.error().where.starts_with(path.string() + ":")) << entry.image.error().where;
      const bool skipped = entry.image.error().message.find("bytes skipped") != std::string::npos;
      ++(skipped ? places : unusable);
      if (skipped) {
        EXPECT_EQ(entry.image.error().where.substr(path.string().size() + 1), entry.key.substr(1));
        EXPECT_EQ(entry.key.front(), '@');
      }
    }
    EXPECT_EQ(places, number(row, "bad_events"));
    const std::size_t without_image = name == "header_without_image.rec" ? 1 : 0;
    EXPECT_EQ(unusable, number(row, "bad_header_records") + without_image);
    EXPECT_EQ(entries.size(), number(row, "framed_records") + number(row, "bad_events"));
    if (!name.starts_with("multipart")) {
      EXPECT_EQ(intact, number(row, "intact_records"));
    }
  }
}

TEST(DamagedRecords, SayWhatIsWrongAndKeepWhatIsKnown) {
  OCTET_REQUIRE_ASSETS();
  const auto entry_with_error = [](const char* name) {
    auto source = open_source({.data = rec_assets() / "damaged" / name});
    for (Entry& entry : entries_of(*source)) {
      if (!entry.image) return std::move(entry);
    }
    ADD_FAILURE() << name << " has no damage";
    return Entry{};
  };
  EXPECT_EQ(entry_with_error("zeros_between.rec").image.error().message, "no record starts here; 512 bytes skipped");
  EXPECT_EQ(entry_with_error("garbage_prefix.rec").key, "@0");
  const Entry flag = entry_with_error("irheader_flag_too_large.rec");
  EXPECT_EQ(flag.key, "3");
  EXPECT_NE(flag.image.error().message.find("1000000 labels"), std::string::npos);
  const Entry bare = entry_with_error("header_without_image.rec");
  EXPECT_EQ(bare.image.error().message, "the record has no image bytes");
  EXPECT_EQ(bare.labels.size(), 1U);
  const Entry beyond = entry_with_error("length_beyond_eof.rec");
  EXPECT_NE(beyond.image.error().message.find("passes the end of the file"), std::string::npos);
}

struct IndexCase {
  const char* file;
  std::size_t entries, readable;
};

/// The counts that manifest_idx.csv states in words.
constexpr IndexCase kIndexCases[] = {{"idx_past_end.idx", 20, 18},
                                     {"idx_of_other_file.idx", 1000, 2},
                                     {"idx_mid_record.idx", 20, 18},
                                     {"idx_unsorted.idx", 20, 20},
                                     {"idx_duplicate_key.idx", 21, 21},
                                     {"idx_duplicate_offset.idx", 20, 20},
                                     {"idx_short.idx", 12, 12},
                                     {"idx_crlf.idx", 20, 20},
                                     {"idx_spaces.idx", 20, 20},
                                     {"idx_no_final_newline.idx", 20, 20},
                                     {"idx_text.idx", 2, 0},
                                     {"idx_negative.idx", 20, 19},
                                     {"idx_overflow.idx", 20, 19},
                                     {"idx_non_numeric_key.idx", 20, 19}};

TEST(DamagedIndexes, EveryLineIsAnEntry) {
  OCTET_REQUIRE_ASSETS();
  const auto base = payloads_of(rec_assets() / "damaged" / "base20.rec");
  std::set<std::string> listed;
  for (const auto& row : read_csv(rec_assets() / "damaged" / "manifest_idx.csv")) listed.insert(row.at("file"));
  listed.erase("idx_empty.idx");
  ASSERT_EQ(listed.size(), std::size(kIndexCases));
  for (const IndexCase& expected : kIndexCases) {
    SCOPED_TRACE(expected.file);
    EXPECT_EQ(listed.count(expected.file), 1U);
    const auto index = rec_assets() / "damaged" / expected.file;
    auto source = open_source({.data = rec_assets() / "damaged" / "base20.rec", .index = index});
    ASSERT_NE(source, nullptr);
    EXPECT_EQ(source->size(), expected.entries);
    const auto entries = entries_of(*source);
    EXPECT_EQ(entries.size(), expected.entries);
    std::size_t readable = 0;
    for (const Entry& entry : entries) {
      if (!entry.image) {
        EXPECT_EQ(entry.image.error().code, ErrorCode::bad_record);
        EXPECT_TRUE(entry.image.error().where.starts_with(index.string() + ":"));
        continue;
      }
      ++readable;
      const Bytes image = image_bytes(entry);
      EXPECT_TRUE(std::any_of(base.begin(), base.end(), [&](const Bytes& payload) {
        return std::equal(payload.begin() + 24, payload.end(), image.begin(), image.end());
      }));
    }
    EXPECT_EQ(readable, expected.readable);
  }
}

TEST(DamagedIndexes, OrderAndKeysAreTheIndexs) {
  OCTET_REQUIRE_ASSETS();
  const auto base = payloads_of(rec_assets() / "damaged" / "base20.rec");
  const auto image_of_base = [&](std::size_t i) { return Bytes(base[i].begin() + 24, base[i].end()); };
  const auto entries_by = [](const char* name) {
    return entries_of(
        *open_source({.data = rec_assets() / "damaged" / "base20.rec", .index = rec_assets() / "damaged" / name}));
  };
  const auto reversed = entries_by("idx_unsorted.idx");
  ASSERT_EQ(reversed.size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(reversed[i].key, std::to_string(19 - i));
    EXPECT_EQ(image_bytes(reversed[i]), image_of_base(19 - i));
  }
  std::vector<Bytes> fives;
  for (const Entry& entry : entries_by("idx_duplicate_key.idx")) {
    if (entry.key == "5") fives.push_back(image_bytes(entry));
  }
  EXPECT_EQ(fives, (std::vector<Bytes>{image_of_base(5), image_of_base(15)}));
  const auto shared = entries_by("idx_duplicate_offset.idx");
  EXPECT_EQ(image_bytes(shared.at(9)), image_of_base(9));
  EXPECT_EQ(image_bytes(shared.at(10)), image_of_base(9));
  EXPECT_EQ(shared.at(10).key, "10");
  const auto text = entries_by("idx_text.idx");
  EXPECT_EQ(text.at(1).key, "line 2");
  EXPECT_TRUE(text.at(1).image.error().where.ends_with("idx_text.idx:2"));
}

TEST(DamagedIndexes, EmptyOrMissingIsNotFound) {
  OCTET_REQUIRE_ASSETS();
  const auto data = rec_assets() / "damaged" / "intact.rec";
  const auto empty = Source::open({.data = data, .index = rec_assets() / "damaged" / "idx_empty.idx"});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::not_found);
  const auto missing = Source::open({.data = data, .use_index = true});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_TRUE(missing.error().where.ends_with("intact.idx")) << missing.error().where;
}

}  // namespace
}  // namespace octet::test
