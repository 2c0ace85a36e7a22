// Packing: what is stored, where it goes, and what is left when something is wrong.
#include "octet/jobs/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>  // std::sort
#include <atomic>     // std::atomic
#include <cerrno>     // ENOSPC
#include <fstream>    // std::ofstream
#include <map>        // std::map
#include <nlohmann/json.hpp>
#include <sstream>  // std::istringstream

#include "jobs/tiny_model.h"
#include "octet/jobs/ground_truth.h"
#include "octet/jobs/pack/part_writer.h"
#include "octet/jobs/report.h"
#include "support/assets.h"
#include "support/file_faults.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::FileCall;
using testing::ElementsAre;
using testing::HasSubstr;

using Bytes = std::vector<std::uint8_t>;

class Pack : public testing::Test {
 protected:
  Pack() {
    fs::create_directories(in_ / "b");
    fs::create_directories(out_);
  }
  [[nodiscard]] PackOptions options(const fs::path& data) const {
    PackOptions result;
    result.stream.source.data = data;
    result.stream.threads = 2;
    result.output = out_ / "x.rec";
    return result;
  }
  /// `count` JPEGs of several sizes: in/0000.jpg, ...
  void write_jpegs(int count) const { test::write_pictures(in_, count); }
  void write_list(const std::string& text) const { std::ofstream(folder_.path() / "in.lst", std::ios::binary) << text; }
  [[nodiscard]] std::vector<std::string> names_out() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(out_)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::string text_out(const std::string& name) const { return test::read_text(out_ / name); }

  const test::TemporaryFolder folder_;
  const fs::path in_ = folder_.path() / "in", out_ = folder_.path() / "out";
};

std::vector<Entry> entries_of(const SourceOptions& options) {
  std::vector<Entry> entries;
  const auto source = Source::open(options).value();
  while (auto entry = source->next().value()) entries.push_back(*std::move(entry));
  return entries;
}

Bytes image_of(const Entry& entry) {
  Bytes buffer;
  const auto bytes = entry.image.value().read(buffer).value();
  return {bytes.begin(), bytes.end()};
}

/// Pixels as the loader gives them; without a form, of the whole picture.
Bytes pixels_of(const Bytes& image, Preprocess form, Size size) {
  form.width = size.width;
  form.height = size.height;
  Bytes pixels(slot_bytes(form, {}));
  Decoder decoder;
  const auto info = decoder.decode(image, form, {}, pixels);
  EXPECT_TRUE(info) << to_string(info.error());
  return pixels;
}

Preprocess whole_form() {
  Preprocess form;
  form.resize = ResizeMode::none;
  return form;
}

Size size_of(const Bytes& image) {
  const auto info = Decoder().measure(image).value();
  return {info.width, info.height};
}

TEST_F(Pack, BytesAndLabelsStayAsTheyAre) {
  write_jpegs(6);
  write_list(
      "7\t3\t0000.jpg\n1\t1\t0\t0.25\t0001.jpg\n2\t2\t5\t1\t0.1\t0.2\t0.5\t0.75\t0002.jpg\n"
      "4294967299\t-1\t0003.jpg\n");
  PackOptions list = options(folder_.path() / "in.lst");
  list.stream.source.root = in_;
  const auto summary = pack(list).value();
  EXPECT_EQ(summary.stream.n, 4U);
  EXPECT_EQ(summary.stream.failed, 0U);
  EXPECT_TRUE(summary.verified);
  EXPECT_EQ(summary.bytes, fs::file_size(out_ / "x.rec"));
  EXPECT_THAT(names_out(), ElementsAre("x.idx", "x.lst", "x.rec"));
  EXPECT_EQ(text_out("x.lst"),
            "7\t3.000000\t0000.jpg\n1\t1.000000\t0.000000\t0.250000\t0001.jpg\n"
            "2\t2.000000\t5.000000\t1.000000\t0.100000\t0.200000\t0.500000\t0.750000\t0002.jpg\n"
            "4294967299\t-1.000000\t0003.jpg\n");
  const auto before = entries_of(list.stream.source);
  for (const bool indexed : {false, true}) {
    const auto after = entries_of({.data = out_ / "x.rec", .use_index = indexed});
    ASSERT_EQ(after.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(after[i].key, std::to_string(before[i].id.value()));
      EXPECT_EQ(after[i].id, before[i].id);
      EXPECT_EQ(after[i].labels, before[i].labels);
      EXPECT_TRUE(image_of(after[i]) == image_of(before[i]));
    }
  }
  // The list that was written packs to the same records; the first label alone can be asked for.
  list.stream.source.data = out_ / "x.lst";
  list.output = folder_.path() / "again.rec";
  ASSERT_TRUE(pack(list));
  EXPECT_TRUE(test::read_text(list.output) == text_out("x.rec"));
  list.all_labels = false;
  ASSERT_TRUE(pack(list));
  EXPECT_EQ(entries_of({.data = list.output})[1].labels, std::vector<float>{1});
}

TEST_F(Pack, AnnotationsBecomePackedLabels) {
  write_jpegs(3);  // 16 x 16, 17 x 17, 18 x 18
  const fs::path coco = folder_.path() / "a.json", voc = folder_.path() / "voc";
  std::ofstream(coco) << R"({"images":[{"id":1,"file_name":"0000.jpg","width":16,"height":16},
    {"id":2,"file_name":"0001.jpg","width":34,"height":34}],"categories":[{"id":7,"name":"cat"},{"id":9,"name":"dog"}],
    "annotations":[{"image_id":1,"category_id":9,"bbox":[4,8,8,4]},
                   {"image_id":1,"category_id":7,"bbox":[0,0,16,16],"iscrowd":1}]})";
  PackOptions packed = options(in_);
  packed.annotations = coco;
  packed.labels = {"bird", "cat", "dog"};
  const std::vector<float> first{2, 6, 2, 0.25F, 0.5F, 0.75F, 0.75F, 0, 1, 0, 0, 1, 1, 1};
  for (const bool resized : {false, true}) {  // shares of the picture stay
    if (resized) packed.change = PictureChange{.resize_short = 40, .encoder = {}};
    const auto summary = pack(packed).value();
    EXPECT_EQ(summary.stream.failed, 1U);
    EXPECT_THAT(text_out("x.bad.jsonl"), HasSubstr("0002.jpg"));
    EXPECT_THAT(text_out("x.bad.jsonl"), HasSubstr("has no annotation of its own in "));
    const auto entries = entries_of({.data = out_ / "x.rec"});
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].labels, first);
    EXPECT_EQ(entries[1].labels, (std::vector<float>{2, 6})) << "a picture without objects";
    const ImageTruth truth = parse_packed_label(entries[0].labels).value();
    ASSERT_EQ(truth.boxes.size(), 2U);
    EXPECT_TRUE(truth.boxes[1].difficult) << "a group is neither to be found nor to be missed";
    EXPECT_TRUE(parse_packed_label(entries[1].labels)->boxes.empty());
  }
  packed.change.reset();
  packed.list_only = true;
  packed.output = out_ / "x.lst";
  ASSERT_TRUE(pack(packed));
  EXPECT_THAT(text_out("x.lst"), testing::StartsWith("0\t2.000000\t6.000000\t2.000000\t0.250000\t0.500000\t"));

  // VOC counts pixels from 1; the size is the picture's own where the file does not tell it.
  fs::create_directories(voc);
  for (const std::string name : {"0000", "0001", "0002"}) {
    std::ofstream(voc / (name + ".xml"))
        << "<annotation><object><name>dog</name><difficult>1</difficult><bndbox><xmin>5"
           "</xmin><ymin>1</ymin><xmax>9</xmax><ymax>17</ymax></bndbox></object>"
           "</annotation>";
  }
  packed.annotations = voc;
  const auto listed = pack(packed).value();
  EXPECT_EQ(listed.stream.failed, 3U);
  EXPECT_THAT(text_out("x.bad.jsonl"), HasSubstr("does not tell the picture's size"));
  packed.list_only = false;
  packed.output = out_ / "x.rec";
  ASSERT_EQ(pack(packed)->stream.failed, 0U);
  EXPECT_EQ(entries_of({.data = out_ / "x.rec"})[0].labels, (std::vector<float>{2, 6, 2, 0.25F, 0, 0.5F, 1, 1}));

  packed.change = PictureChange{.center_crop = true, .encoder = {}};
  EXPECT_EQ(pack(packed).error().code, ErrorCode::usage) << "boxes do not fit to a crop";
  packed.change.reset();
  packed.stream.source.data = out_ / "x.rec";
  packed.output = out_ / "y.rec";
  EXPECT_EQ(pack(packed).error().code, ErrorCode::usage) << "records have no names to match";
}

TEST_F(Pack, FoldersGiveClassesAndPositions) {
  fs::create_directories(in_ / "a");
  test::write_bytes(in_ / "b" / "2.jpg", test::jpeg(20, 20, 1));
  test::write_bytes(in_ / "b" / "1.JPG", test::jpeg(20, 20, 2));
  test::write_bytes(in_ / "a" / "3.jpeg", test::jpeg(20, 20, 3));
  PackOptions folder = options(in_);
  folder.stream.source.folder_labels = true;
  ASSERT_TRUE(pack(folder));
  EXPECT_EQ(text_out("x.lst"), "0\t0.000000\ta/3.jpeg\n1\t1.000000\tb/1.JPG\n2\t1.000000\tb/2.jpg\n");
  folder.stream.source.folder_labels = false;
  folder.stream.source.extensions = {".jpg"};
  ASSERT_TRUE(pack(folder));
  EXPECT_EQ(text_out("x.lst"), "0\t-1.000000\tb/1.JPG\n1\t-1.000000\tb/2.jpg\n");
  EXPECT_EQ(entries_of({.data = out_ / "x.rec"})[0].labels, std::vector<float>{-1});
}

TEST_F(Pack, ResizeIsTheLoaders) {
  const std::vector<Size> sizes = {{64, 48}, {48, 64}, {333, 77}, {40, 40}, {31, 200}};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    test::write_bytes(in_ / (std::to_string(i) + ".jpg"),
                      test::jpeg(static_cast<int>(sizes[i].width), static_cast<int>(sizes[i].height), 5));
  }
  PackOptions resized = options(in_);
  resized.change = PictureChange{.resize_short = 40, .encoder = {ImageFormat::png, 1}};
  ASSERT_TRUE(pack(resized));
  auto stored = entries_of({.data = out_ / "x.rec"});
  ASSERT_EQ(stored.size(), sizes.size());
  const auto original = [&](std::size_t i) { return image_of(entries_of({.data = in_})[i]); };
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto [width, height] = sizes[i];
    const Size expected = height > width ? Size{40, 40 * height / width} : Size{40 * width / height, 40};
    const Bytes image = image_of(stored[i]);
    ASSERT_EQ(size_of(image), expected);
    Preprocess form;
    form.resize_short = 40;
    EXPECT_TRUE(pixels_of(image, whole_form(), expected) == pixels_of(original(i), form, expected)) << i;
  }
  // The crop comes first: the same as packing twice.
  PackOptions cropped = options(in_);
  cropped.change = PictureChange{.center_crop = true, .encoder = {ImageFormat::png, 1}};
  cropped.output = out_ / "crop.rec";
  ASSERT_TRUE(pack(cropped));
  cropped.change->resize_short = 24;
  ASSERT_TRUE(pack(cropped));
  const auto both = entries_of({.data = out_ / "crop.rec"});
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t side = std::min(sizes[i].width, sizes[i].height);
    const Bytes square = pixels_of(original(i), {}, {side, side});
    auto png = Encoder::create({ImageFormat::png, 1}).value();
    const auto bytes = png.encode(square, {side, side}, Color::rgb).value();
    Preprocess form;
    form.resize_short = 24;
    EXPECT_TRUE(pixels_of(image_of(both[i]), whole_form(), {24, 24}) ==
                pixels_of({bytes.begin(), bytes.end()}, form, {24, 24}))
        << i;
  }
}

TEST_F(Pack, ColourAsAsked) {
  test::write_bytes(in_ / "colour.jpg", test::jpeg(32, 24, 1));
  auto gray_encoder = Encoder::create({ImageFormat::png, 1}).value();
  const Bytes luma(32 * 24, 77);
  const auto gray = gray_encoder.encode(luma, {32, 24}, Color::gray).value();
  test::write_bytes(in_ / "gray.png", {gray.begin(), gray.end()});
  for (const auto& [color, grays] : {std::pair(StoredColor::color, std::vector<bool>{false, false}),
                                     std::pair(StoredColor::gray, std::vector<bool>{true, true}),
                                     std::pair(StoredColor::unchanged, std::vector<bool>{false, true})}) {
    for (const ImageFormat format : {ImageFormat::jpeg, ImageFormat::png}) {
      PackOptions changed = options(in_);
      changed.change = PictureChange{.color = color, .encoder = {format, 9}};
      ASSERT_TRUE(pack(changed));
      const auto entries = entries_of({.data = out_ / "x.rec"});
      for (std::size_t i = 0; i < 2; ++i) {
        const Bytes image = image_of(entries[i]);
        EXPECT_EQ(Decoder().measure(image).value().gray, grays[i]);
        EXPECT_EQ(image[0] == 0xFF, format == ImageFormat::jpeg);
      }
    }
  }
}

TEST_F(Pack, TheSameBytesForEveryNumberOfThreads) {
  write_jpegs(60);
  PackOptions first = options(in_);
  first.change = PictureChange{.resize_short = 12, .encoder = {}};
  first.shuffle = true;
  first.stream.threads = 1;
  ASSERT_TRUE(pack(first));
  for (const int threads : {2, 5}) {
    PackOptions other = first;
    other.stream.threads = threads;
    other.output = out_ / "y.rec";
    ASSERT_TRUE(pack(other));
    for (const char* extension : {".rec", ".idx", ".lst"}) {
      EXPECT_TRUE(text_out(std::string("x") + extension) == text_out(std::string("y") + extension)) << extension;
    }
  }
}

TEST_F(Pack, ShufflingIsAPermutationThatKeepsIds) {
  write_jpegs(40);
  PackOptions shuffled = options(in_);
  shuffled.shuffle = true;
  ASSERT_TRUE(pack(shuffled));
  const std::string once = text_out("x.lst");
  std::vector<std::uint64_t> ids;
  for (const Entry& entry : entries_of({.data = out_ / "x.lst"})) {
    ids.push_back(*entry.id);
    EXPECT_EQ(std::stoul(entry.key), *entry.id) << "0017.jpg has the id 17";
  }
  EXPECT_FALSE(std::is_sorted(ids.begin(), ids.end()));
  std::sort(ids.begin(), ids.end());
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(ids[i], i);
  shuffled.seed = 101;
  ASSERT_TRUE(pack(shuffled));
  EXPECT_NE(text_out("x.lst"), once);
}

TEST(PackParts, CoverEveryEntryOnce) {
  PackOptions options;
  EXPECT_THAT(plan_parts(10, options), ElementsAre(PackPart{"", 0, 10}));
  options.chunks = 3;
  EXPECT_THAT(plan_parts(10, options), ElementsAre(PackPart{"_0", 0, 4}, PackPart{"_1", 4, 8}, PackPart{"_2", 8, 10}));
  options.chunks = 1;
  options.train_ratio = 0.7;
  options.test_ratio = 0.3;
  EXPECT_THAT(plan_parts(10, options), ElementsAre(PackPart{"_test", 0, 3}, PackPart{"_train", 3, 10}));
  options.test_ratio = 0.1;
  EXPECT_THAT(plan_parts(10, options),
              ElementsAre(PackPart{"_test", 0, 1}, PackPart{"_train", 1, 8}, PackPart{"_val", 8, 10}));
  for (const int chunks : {1, 2, 7, 20}) {
    for (const double train : {0.0, 0.33, 0.5, 0.9, 1.0}) {
      for (const std::uint64_t total : {0, 1, 13, 14, 15}) {
        options.chunks = chunks;
        options.train_ratio = train;
        std::uint64_t next = 0;
        for (const PackPart& part : plan_parts(total, options)) {
          EXPECT_EQ(part.begin, next);
          EXPECT_GE(part.end, part.begin);
          next = part.end;
        }
        EXPECT_EQ(next, total) << chunks << " " << train;
      }
    }
  }
}

TEST_F(Pack, ChunksHoldEverything) {
  write_jpegs(10);
  PackOptions chunks = options(in_);
  chunks.chunks = 12;  // of one each; two stay empty
  const auto summary = pack(chunks).value();
  EXPECT_EQ(summary.files.size(), 12U);
  EXPECT_EQ(names_out().size(), 36U);
  for (int i = 0; i < 10; ++i) {
    const auto entries = entries_of({.data = out_ / ("x_" + std::to_string(i) + ".rec")});
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].id, i);
  }
  EXPECT_EQ(fs::file_size(out_ / "x_11.rec"), 0U);
}

TEST_F(Pack, AListAloneReadsNoPicture) {
  write_jpegs(3);
  test::write_bytes(in_ / "1.jpg", {'n', 'o'});
  PackOptions list = options(in_);
  list.list_only = true;
  list.output = out_ / "x.lst";
  const auto summary = pack(list).value();
  EXPECT_EQ(summary.stream.n, 4U);
  EXPECT_EQ(summary.stream.failed, 0U);
  EXPECT_THAT(names_out(), ElementsAre("x.lst"));
  EXPECT_EQ(text_out("x.lst"),
            "0\t-1.000000\t0000.jpg\n1\t-1.000000\t0001.jpg\n2\t-1.000000\t0002.jpg\n3\t-1.000000\t1.jpg\n");
}

TEST_F(Pack, BadPicturesAreLeftOutAndNamed) {
  write_jpegs(5);
  test::write_bytes(in_ / "0001.jpg", {'n', 'o', ' ', 'j', 'p', 'e', 'g'});
  test::write_bytes(in_ / "a\tb.jpg", test::jpeg(20, 20, 1));
  test::write_bytes(in_ / "a\nb.jpg", test::jpeg(20, 20, 1));
  fs::create_symlink("nowhere", in_ / "c.jpg");
  auto cut = test::jpeg(64, 64, 3);
  cut.resize(cut.size() / 2);
  test::write_bytes(in_ / "d.jpg", cut);
  const auto summary = pack(options(in_)).value();
  EXPECT_EQ(summary.stream.n, 9U);
  EXPECT_EQ(summary.stream.failed, 4U) << "the header of d.jpg is right";
  EXPECT_EQ(summary.bad, out_ / "x.bad.jsonl");
  std::istringstream lines(text_out("x.bad.jsonl"));
  std::vector<std::string> reports;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    reports.push_back(json["key"].get<std::string>() + " " + json["code"].get<std::string>());
    EXPECT_TRUE(json.contains("index") && !json["message"].get<std::string>().empty());
  }
  EXPECT_THAT(reports,
              ElementsAre("0001.jpg bad_image", "a\tb.jpg bad_record", "a\nb.jpg bad_record", "c.jpg not_found"));
  const auto entries = entries_of({.data = out_ / "x.rec"});
  ASSERT_EQ(entries.size(), 5U);
  EXPECT_EQ(entries[1].id, 2U) << "ids do not move up";
  const std::string list = text_out("x.lst");
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 5);

  PackOptions checked = options(in_);
  checked.check = true;
  EXPECT_EQ(pack(checked).value().stream.failed, 5U);
  checked.stream.max_bad = 4;
  checked.output = out_ / "y.rec";
  EXPECT_EQ(pack(checked).error().code, ErrorCode::bad_image);
  checked.stream.max_bad.reset();
  checked.stream.on_error = OnError::fail;
  EXPECT_EQ(pack(checked).error().code, ErrorCode::bad_image);
  EXPECT_THAT(names_out(), ElementsAre("x.bad.jsonl", "x.idx", "x.lst", "x.rec")) << "nothing of y";

  for (const char* name : {"0001.jpg", "a\tb.jpg", "a\nb.jpg", "c.jpg"}) fs::remove(in_ / name);
  EXPECT_TRUE(pack(options(in_)).value().bad.empty());
  EXPECT_THAT(names_out(), ElementsAre("x.idx", "x.lst", "x.rec")) << "the report of the earlier run is gone";
}

TEST_F(Pack, APictureThatWouldBecomeHugeIsBad) {
  test::write_bytes(in_ / "line.jpg", test::jpeg(20'000, 1, 1));
  PackOptions resized = options(in_);
  resized.change = PictureChange{.resize_short = 1000, .encoder = {}};
  const auto summary = pack(resized).value();
  ASSERT_EQ(summary.stream.failed, 1U);
  EXPECT_EQ(summary.stream.first_failed[0].error.code, ErrorCode::limit);
}

TEST_F(Pack, MagicNumbersInAPictureSplitItsRecord) {
  Bytes image = test::jpeg(20, 20, 1);
  while (image.size() % 4 != 0) image.push_back(0);  // behind the picture's end
  for (const int byte : {0x0A, 0x23, 0xD7, 0xCE, 0x0A, 0x23, 0xD7, 0xCE, 7}) {
    image.push_back(static_cast<std::uint8_t>(byte));
  }
  test::write_bytes(in_ / "1.jpg", image);
  test::write_bytes(in_ / "2.jpg", image);
  EXPECT_TRUE(pack(options(in_)).value().verified);
  for (const Entry& entry : entries_of({.data = out_ / "x.rec"})) EXPECT_TRUE(image_of(entry) == image);
}

TEST_F(Pack, EveryFailingCallLeavesCompleteFilesOnly) {
  write_jpegs(12);
  ASSERT_TRUE(pack(options(in_)));
  const std::map<std::string, std::string> good = {
      {"x.rec", text_out("x.rec")}, {"x.idx", text_out("x.idx")}, {"x.lst", text_out("x.lst")}};
  int failed = 0;
  for (const FileCall call : {FileCall::open, FileCall::write, FileCall::fsync, FileCall::close, FileCall::rename}) {
    for (int at = 0;; ++at) {
      fs::remove_all(out_);
      const test::FaultyFileOps faults(call, at, ENOSPC);
      const auto packed = pack(options(in_));
      for (const std::string& name : names_out()) {
        ASSERT_TRUE(good.contains(name)) << name;
        EXPECT_TRUE(text_out(name) == good.at(name)) << name << " is torn";
      }
      if (faults.calls() <= at) {
        EXPECT_TRUE(packed);
        break;
      }
      if (!packed) {
        ++failed;
        EXPECT_EQ(packed.error().code, ErrorCode::cannot_write);
      }
    }
  }
  EXPECT_EQ(failed, 3 + 3 + 6 + 3 + 3) << "three files; their folder is synced too";
}

TEST_F(Pack, WhatReadsBackDifferentlyIsRemoved) {
  write_jpegs(3);
  const auto written = [&] {
    EXPECT_TRUE(pack(options(in_)));
    WrittenPart part{{out_ / "x.rec"}, out_ / "x.idx", out_ / "x.lst", {}};
    auto reader = RecordReader::open(part.file.path).value();
    while (const auto item = reader.next().value()) {
      part.digests.push_back(payload_digest(std::get_if<RawRecord>(&*item)->payload.bytes));
    }
    return part;
  };
  WrittenPart part = written();
  ASSERT_EQ(part.digests.size(), 3U);
  ASSERT_TRUE(verify_part(part, {}));
  EXPECT_EQ(names_out().size(), 3U);
  const auto expect_removed = [&](const WrittenPart& wrong) {
    const auto verified = verify_part(wrong, {});
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().code, ErrorCode::io);
    EXPECT_TRUE(names_out().empty());
  };
  std::fstream(part.file.path, std::ios::in | std::ios::out | std::ios::binary).seekp(200).put('!');
  expect_removed(part);
  part = written();
  std::ofstream(part.index, std::ios::app) << "3\t0\n";
  expect_removed(part);
  part = written();
  part.digests.pop_back();
  expect_removed(part);
  part = written();
  part.digests.push_back(0);
  expect_removed(part);
}

TEST_F(Pack, DoesNotOverwriteWhatItReads) {
  write_jpegs(3);
  ASSERT_TRUE(pack(options(in_)));
  const std::string records = text_out("x.rec");
  const auto same = pack(options(out_ / "x.rec"));
  ASSERT_FALSE(same);
  EXPECT_EQ(same.error().code, ErrorCode::usage);
  std::ofstream(out_ / "x.lst") << "5\t1\t0001.jpg\n";
  PackOptions list = options(out_ / "x.lst");
  list.stream.source.root = in_;
  ASSERT_TRUE(pack(list)) << "im2rec's way: X.lst to X.rec";
  EXPECT_EQ(text_out("x.lst"), "5\t1\t0001.jpg\n");
  EXPECT_NE(text_out("x.rec"), records);
  list.list_only = true;
  list.output = out_ / "x.lst";
  EXPECT_EQ(pack(list).error().code, ErrorCode::usage);
  EXPECT_EQ(text_out("x.lst"), "5\t1\t0001.jpg\n");
}

TEST_F(Pack, WrongOptionsAreUsage) {
  write_jpegs(1);
  const auto code = [&](auto change) {
    PackOptions wrong = options(in_);
    change(wrong);
    const auto packed = pack(wrong);
    return packed ? ErrorCode::internal : packed.error().code;
  };
  EXPECT_EQ(code([](auto& o) { o.output = "x.lst"; }), ErrorCode::usage);
  EXPECT_EQ(code([](auto& o) { o.output = ".rec"; }), ErrorCode::usage);
  EXPECT_EQ(code([](auto& o) { o.chunks = 0; }), ErrorCode::usage);
  EXPECT_EQ(code([](auto& o) { o.train_ratio = 0.9, o.test_ratio = 0.2; }), ErrorCode::usage);
  EXPECT_EQ(code([](auto& o) { o.change = PictureChange{.resize_short = 70'000, .encoder = {}}; }), ErrorCode::usage);
  EXPECT_EQ(code([](auto& o) { o.change = PictureChange{.encoder = {ImageFormat::png, 95}}; }), ErrorCode::usage);
  EXPECT_EQ(code([](auto& o) { o.stream.threads = -1; }), ErrorCode::usage);
  EXPECT_EQ(code([](auto& o) { o.stream.source.data = "/nowhere"; }), ErrorCode::not_found);
  EXPECT_TRUE(names_out().empty());
  std::atomic<bool> stop = true;
  EXPECT_EQ(code([&](auto& o) { o.stream.control.stop = &stop; }), ErrorCode::cancelled);
  EXPECT_TRUE(names_out().empty());
}

TEST_F(Pack, AnIndexIsRebuilt) {
  write_jpegs(8);
  PackOptions shuffled = options(in_);
  shuffled.shuffle = true;
  ASSERT_TRUE(pack(shuffled));
  const std::string index = text_out("x.idx");
  fs::remove(out_ / "x.idx");
  StreamOptions stream;
  stream.source.data = out_ / "x.rec";
  EXPECT_EQ(rebuild_index(stream).value().stream.n, 8U);
  EXPECT_EQ(text_out("x.idx"), index);
  // A damaged second record: the others keep their lines.
  std::istringstream lines(index);
  std::string first, second;
  std::getline(lines, first);
  std::getline(lines, second);
  std::fstream file(out_ / "x.rec", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(std::stoll(second.substr(second.find('\t'))));
  file.put('!');
  file.close();
  const auto summary = rebuild_index(stream).value();
  EXPECT_EQ(summary.stream.failed, 1U);
  EXPECT_EQ(summary.stream.damaged_places, 1U);
  EXPECT_EQ(text_out("x.idx"), first + index.substr(first.size() + 1 + second.size()));
  stream.on_error = OnError::fail;
  EXPECT_EQ(rebuild_index(stream).error().code, ErrorCode::bad_record);
  stream.source.data = in_;
  EXPECT_EQ(rebuild_index(stream).error().code, ErrorCode::usage);
}

TEST_F(Pack, SummariesAreJson) {
  write_jpegs(3);
  const auto json = nlohmann::json::parse(to_json(pack(options(in_)).value()));
  EXPECT_EQ(json["n"], 3);
  EXPECT_EQ(json["failed"], 0);
  EXPECT_GT(json["images_per_s"], 0);
  EXPECT_EQ(json["bytes"], fs::file_size(out_ / "x.rec"));
  EXPECT_EQ(json["files"][0]["records"], 3);
  EXPECT_EQ(json["verified"], true);
}

TEST_F(Pack, RecordFilesOfOthersRepackIdentically) {
  OCTET_REQUIRE_ASSETS();
  for (const char* name : {"mxnet/loader/det8", "mxnet/loader/im2rec24", "rec/special/detection_labels_variants",
                           "rec/special/multi_label_width3", "rec/special/scalar_label", "rec/coco_val128_300_q65"}) {
    SCOPED_TRACE(name);
    const fs::path file = test::assets() / (std::string(name) + ".rec");
    ASSERT_TRUE(pack(options(file)));
    EXPECT_TRUE(text_out("x.rec") == test::read_text(file));
    EXPECT_TRUE(text_out("x.idx") == test::read_text(fs::path(file).replace_extension(".idx")));
    EXPECT_THAT(names_out(), ElementsAre("x.idx", "x.rec")) << "records have no paths to list";
  }
}

TEST_F(Pack, AgreesWithFilesThatIm2recWrote) {
  OCTET_REQUIRE_ASSETS();
  const fs::path loader = test::assets() / "mxnet" / "loader";
  PackOptions list = options(loader / "im2rec24.lst");
  list.stream.source.root = test::assets() / "images" / "imagenet300";
  ASSERT_TRUE(pack(list));
  EXPECT_TRUE(text_out("x.rec") == test::read_text(loader / "im2rec24.rec"));
  EXPECT_EQ(text_out("x.idx"), test::read_text(loader / "im2rec24.idx"));
  EXPECT_EQ(text_out("x.lst"), test::read_text(loader / "im2rec24.lst"));

  list.change = PictureChange{.resize_short = 256, .encoder = {.quality = 90}};
  ASSERT_TRUE(pack(list));
  EXPECT_TRUE(text_out("x.rec") == test::read_text(loader / "im2rec24_256q90.rec"));
  EXPECT_EQ(text_out("x.idx"), test::read_text(loader / "im2rec24_256q90.idx"));
  EXPECT_EQ(text_out("x.lst"), test::read_text(loader / "im2rec24_256q90.lst"));
}

}  // namespace
}  // namespace octet
