// Detections as COCO results and VOC comp4 files.
#include "octet/jobs/writers/detection_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>  // std::max_element
#include <cmath>      // std::nanf
#include <fstream>    // std::ofstream
#include <map>        // std::map
#include <nlohmann/json.hpp>
#include <sstream>  // std::istringstream

#include "jobs/tiny_detector.h"
#include "jobs/tiny_model.h"
#include "octet/jobs/score.h"
#include "support/assets.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::HasSubstr;

Record found(const std::string& key, std::vector<Detection> detections) {
  Record record;
  record.key = key;
  record.width = 100;
  record.height = 50;
  Outcome outcome;
  outcome.detection = true;
  outcome.detections = std::move(detections);
  record.outcomes = std::vector<Outcome>{outcome};
  return record;
}

Record failed(const std::string& key) {
  Record record;
  record.key = key;
  record.outcomes = Error{ErrorCode::bad_image, "", "cut off"};
  return record;
}

class Files : public testing::Test {
 protected:
  /// Records to files, as score() does it: through lines.
  struct Writer {
    OutputFormat format;
    const Annotations* annotations;
    std::unique_ptr<DetectionFiles> files;
    Result<void> write(const Record& record) const {
      std::string lines;
      OCTET_CHECK(append_detection_lines(format, record, annotations, lines));
      return files->write(lines);
    }
    Result<void> commit() const { return files->commit(); }
  };
  std::unique_ptr<Writer> create(OutputFormat format, const Annotations* annotations = nullptr) const {
    return std::make_unique<Writer>(
        Writer{format, annotations, DetectionFiles::create(format, folder_.path(), labels_).value()});
  }
  std::string text(const std::string& name) const { return test::read_text(folder_.path() / name); }
  std::vector<std::string> labels_ = {"cat", "traffic light", "", "dog", "dog", "a/b"};
  const test::TemporaryFolder folder_;
};

TEST_F(Files, CocoResults) {
  const auto files = create(OutputFormat::coco);
  ASSERT_TRUE(files->write(found("deep/000000000139.jpg", {{0, 0.75F, 1, 2, 11.5F, 22}, {3, 0.5F, 0, 0, 100, 50}})));
  ASSERT_TRUE(files->write(failed("bad.jpg")));  // no id is needed for what is not written
  ASSERT_TRUE(files->write(found("7", {})));
  ASSERT_TRUE(files->write(
      found("8.png", {{0, std::nanf(""), 0, 0, 1, 1}, {0, 0.5F, 0, std::nanf(""), 1, 1}, {2, 0.25F, 0, 0, 1, 1}})));
  EXPECT_FALSE(fs::exists(folder_.path() / "coco_results.json"));
  ASSERT_TRUE(files->commit());
  EXPECT_EQ(Json::parse(text("coco_results.json")),
            Json::parse(R"([{"image_id":139,"category_id":1,"bbox":[1,2,10.5,20],"score":0.75},
                            {"image_id":139,"category_id":4,"bbox":[0,0,100,50],"score":0.5},
                            {"image_id":8,"category_id":3,"bbox":[0,0,1,1],"score":0.25}])"));
}

TEST_F(Files, CocoResultsOfNothingAreAnEmptyList) {
  ASSERT_TRUE(create(OutputFormat::coco)->commit());
  EXPECT_EQ(Json::parse(text("coco_results.json")), Json::array());
}

TEST_F(Files, CocoIdsOfAnnotations) {
  std::ofstream(folder_.path() / "a.json") << R"({"images":[{"id":900,"file_name":"x.jpg","width":9,"height":9}],
    "annotations":[],"categories":[{"id":44,"name":"cat"},{"id":18,"name":"dog"}]})";
  const Annotations annotations = Annotations::load(folder_.path() / "a.json", labels_).value();
  const auto files = create(OutputFormat::coco, &annotations);
  // The traffic light has no category there.
  ASSERT_TRUE(files->write(found("x.jpg", {{0, 0.75F, 0, 0, 1, 1}, {1, 0.7F, 0, 0, 1, 1}, {3, 0.5F, 0, 0, 1, 1}})));
  const auto unknown = files->write(found("12.jpg", {}));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::usage);
  ASSERT_TRUE(files->commit());
  const Json results = Json::parse(text("coco_results.json"));
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0]["image_id"], 900);
  EXPECT_EQ(results[0]["category_id"], 44);
  EXPECT_EQ(results[1]["category_id"], 18);
}

TEST_F(Files, CocoNeedsNumbersForNames) {
  const auto files = create(OutputFormat::coco);
  for (const char* key : {"a.jpg", "12a.jpg", "", "-1.jpg", "99999999999999999999.jpg", "1 2.jpg"}) {
    const auto written = files->write(found(key, {}));
    ASSERT_FALSE(written) << key;
    EXPECT_EQ(written.error().code, ErrorCode::usage);
    EXPECT_THAT(to_string(written.error()), HasSubstr("not a number"));
  }
}

TEST_F(Files, VocHasAFileForEveryClass) {
  const auto files = create(OutputFormat::voc);
  // 0-based corners 0 and 9 are the pixels 1 and 10; the picture's right edge is its last pixel.
  ASSERT_TRUE(
      files->write(found("JPEGImages/2007_000027.jpg", {{0, 0.5F, 0, 9, 99, 20.5F}, {5, 0.25F, 0, 0, 100, 50}})));
  ASSERT_TRUE(files->write(failed("bad.jpg")));
  ASSERT_TRUE(
      files->write(found("two words.jpg", {{0, 0.25F, 1, 1, 2, 2}, {4, 0.5F, 1, 1, 2, 2}, {9, 0.125F, 1, 1, 2, 2}})));
  EXPECT_FALSE(fs::exists(folder_.path() / "comp4_det_test_cat.txt"));
  ASSERT_TRUE(files->commit());
  EXPECT_EQ(text("comp4_det_test_cat.txt"), "2007_000027 0.5 1 10 100 21.5\ntwo_words 0.25 2 2 3 3\n");
  EXPECT_EQ(text("comp4_det_test_a_b.txt"), "2007_000027 0.25 1 1 100 50\n");
  EXPECT_TRUE(fs::exists(folder_.path() / "comp4_det_test_traffic light.txt"));
  EXPECT_EQ(text("comp4_det_test_traffic light.txt"), "");
  EXPECT_EQ(text("comp4_det_test_class4.txt"), "two_words 0.5 2 2 3 3\n");  // "dog" is two classes
  EXPECT_EQ(text("comp4_det_test_class3.txt"), "");
  EXPECT_EQ(text("comp4_det_test_class2.txt"), "");                           // has no label
  EXPECT_EQ(text("comp4_det_test_class9.txt"), "two_words 0.125 2 2 3 3\n");  // nor has this one
}

TEST_F(Files, NothingIsLeftWithoutCommit) {
  for (const OutputFormat format : {OutputFormat::coco, OutputFormat::voc}) {
    ASSERT_TRUE(create(format)->write(found("1.jpg", {{0, 0.5F, 0, 0, 1, 1}})));
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
  EXPECT_FALSE(DetectionFiles::create(OutputFormat::csv, folder_.path(), labels_));
  EXPECT_EQ(DetectionFiles::create(OutputFormat::coco, folder_.path() / "absent", labels_).error().code,
            ErrorCode::cannot_write);
}

// Through score: pictures 0 to 3, of which 2 is bad.
class ScoreDetections : public Files {
 protected:
  void SetUp() override {
    test::write_pictures(folder_.path() / "pictures", 4, {2});
    ASSERT_TRUE(save_model(test::tiny_detector({{0, 0.9F, 0, 0, 0.5F, 1}, {1, 0.8F, 0.5F, 0, 1, 1}}),
                           folder_.path() / "detector"));
  }
  ScoreOptions options(OutputFormat format) const {
    ScoreOptions result;
    result.model = folder_.path() / "detector";
    result.stream.source.data = folder_.path() / "pictures";
    result.output = folder_.path() / "out";
    result.format = format;
    result.resume = Resume::never;
    return result;
  }
};

TEST_F(ScoreDetections, RecordsAreCompleteBesideTheResults) {
  const auto summary = score(options(OutputFormat::coco)).value();
  EXPECT_EQ(summary.detections, folder_.path() / "out" / "coco_results.json");
  const Json results = Json::parse(test::read_text(summary.detections));
  ASSERT_EQ(results.size(), 6U);
  EXPECT_EQ(results[0]["image_id"], 0);
  EXPECT_EQ(results[5]["image_id"], 3);
  EXPECT_EQ(results[5]["category_id"], 2);
  const std::string records = test::read_text(folder_.path() / "out" / "scores.jsonl");
  EXPECT_EQ(std::count(records.begin(), records.end(), '\n'), 4);
  EXPECT_THAT(records, HasSubstr("\"error\""));
}

TEST_F(ScoreDetections, VocFilesOfAWholeJob) {
  const auto summary = score(options(OutputFormat::voc)).value();
  EXPECT_EQ(summary.detections, folder_.path() / "out" / "comp4_det_test_*.txt");
  // Picture 0 is 16 x 16, 1 is 17 x 17, 3 is 19 x 19 pixels.
  EXPECT_EQ(text("out/comp4_det_test_cat.txt"), "0000 0.9 1 1 9 16\n0001 0.9 1 1 9.5 17\n0003 0.9 1 1 10.5 19\n");
  EXPECT_EQ(text("out/comp4_det_test_bird.txt"), "");
}

TEST_F(ScoreDetections, AJobThatFailsLeavesNothing) {
  ScoreOptions strict = options(OutputFormat::coco);
  strict.stream.on_error = OnError::fail;
  ASSERT_FALSE(score(strict));
  const auto expect_nothing = [this] {
    for (const auto& file : fs::directory_iterator(folder_.path() / "out")) {
      const std::string name = file.path().filename().string();
      EXPECT_TRUE(name == "job" || name == "quarantine.jsonl") << name;
    }
  };
  expect_nothing();
  ASSERT_TRUE(save_model(test::tiny_model(), folder_.path() / "classifier"));
  ScoreOptions wrong = options(OutputFormat::coco);
  wrong.model = folder_.path() / "classifier";
  const auto refused = score(wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::usage);
  wrong = options(OutputFormat::coco);
  wrong.annotations = folder_.path() / "absent.json";
  EXPECT_EQ(score(wrong).error().code, ErrorCode::not_found);
  expect_nothing();
}

float iou(const Detection& a, const Detection& b) {
  const float width = std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin);
  const float height = std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin);
  if (!(width > 0 && height > 0)) return 0;
  const float both = width * height;
  return both / ((a.xmax - a.xmin) * (a.ymax - a.ymin) + (b.xmax - b.xmin) * (b.ymax - b.ymin) - both);
}

// The reference's detections by picture, in its order.
std::map<std::string, std::vector<Detection>> reference_detections(const fs::path& csv) {
  std::map<std::string, std::vector<Detection>> pictures;
  std::ifstream rows(csv);
  std::string line;
  std::getline(rows, line);
  while (std::getline(rows, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream fields(line);
    std::string name;
    Detection one;
    fields >> name >> one.id >> one.score >> one.xmin >> one.ymin >> one.xmax >> one.ymax;
    pictures[name].push_back(one);
  }
  return pictures;
}

Detection parsed(const Json& json) {
  return {json["id"], json["score"], json["box"][0], json["box"][1], json["box"][2], json["box"][3]};
}

TEST(DetectionAssets, BoxesEqualTheReferenceInItsOrder) {
  OCTET_REQUIRE_ASSETS();
  const auto expected =
      reference_detections(test::assets() / "golden" / "ssd_mobilenet_v1_coco" / "predictions_fp32.csv");
  ASSERT_EQ(expected.size(), 128U);
  const test::TemporaryFolder folder;
  ScoreOptions options;
  options.model = test::assets() / "models" / "ssd_mobilenet_v1_coco" / "ssd_mobilenet_v1_coco";
  options.stream.source.data = test::assets() / "images" / "coco_val128";
  options.output = folder.path();
  std::istringstream lines(test::read_text(score(options).value().scores));
  std::size_t boxes = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json record = Json::parse(line);
    const auto& wanted = expected.at(record["key"]);
    ASSERT_EQ(record["detections"].size(), wanted.size()) << record["key"];
    std::vector<char> used(wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto same = [&](std::size_t at) {
        const Detection one = parsed(record["detections"][at]);
        return used[at] == 0 && one.id == wanted[i].id && iou(one, wanted[i]) >= 0.99F &&
               std::abs(one.score - wanted[i].score) < 1e-4F;
      };
      std::size_t at = i;
      // Scores that differ by less than the reference's last digit may have changed places.
      for (std::size_t k = 0; k < wanted.size() && !same(at); ++k) {
        if (std::abs(wanted[k].score - wanted[i].score) < 1e-5F) at = k;
      }
      ASSERT_TRUE(same(at)) << record["key"] << " detection " << i;
      used[at] = 1;
      ++boxes;
    }
  }
  EXPECT_EQ(boxes, 22759U);
}

}  // namespace
}  // namespace octet
