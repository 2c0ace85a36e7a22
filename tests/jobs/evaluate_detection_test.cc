// Evaluation of detectors from pictures to figures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fstream>  // std::ofstream

#include "jobs/tiny_detector.h"
#include "jobs/tiny_model.h"
#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/evaluate.h"
#include "octet/jobs/report.h"
#include "support/assets.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// The detector finds a cat in the left half with 0.9, a dog in the right half with 0.8 and another
// cat in the upper right quarter with 0.6, in every picture. Pictures are 40 x 20 pixels.
const std::vector<test::Finding> findings = {
    {0, 0.9F, 0, 0, 0.5F, 1}, {1, 0.8F, 0.5F, 0, 1, 1}, {0, 0.6F, 0.5F, 0, 1, 0.5F}};

class EvaluateDetection : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_.path() / "pictures");
    for (int i = 0; i < 4; ++i) {
      const std::string name = std::to_string(i) + ".jpg";
      test::write_bytes(folder_.path() / "pictures" / name, test::jpeg(40, 20, static_cast<std::uint32_t>(i)));
    }
    ASSERT_TRUE(save_model(test::tiny_detector(findings), folder_.path() / "detector"));
  }
  EvaluateOptions options(const std::string& data = "pictures") const {
    EvaluateOptions result;
    result.model = folder_.path() / "detector";
    result.stream.source.data = folder_.path() / data;
    return result;
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
  }
  // 0: the cat on the left. 1: the dog on the right. 2: a cat and a difficult dog. 3: nothing.
  // Cats ranked: 0.9 of the pictures 0 to 3: hit, miss, hit, miss, then 0.6 four misses; 2 cats.
  void write_list() const {
    write("labels.lst",
          "0\t2\t6\t0\t0\t0\t0.5\t1\t0\tpictures/0.jpg\n1\t2\t6\t1\t0.5\t0\t1\t1\t0\tpictures/1.jpg\n"
          "2\t2\t6\t0\t0\t0\t0.5\t1\t0\t1\t0.5\t0\t1\t1\t1\tpictures/2.jpg\n3\t2\t6\tpictures/3.jpg\n");
  }
  // The same as XML; the difficult dog too.
  void write_xml() const {
    const auto object = [](const char* name, const char* box, int difficult) {
      return "<object><name>" + std::string(name) + "</name><difficult>" + std::to_string(difficult) +
             "</difficult><bndbox>" + box + "</bndbox></object>";
    };
    const char* const left = "<xmin>1</xmin><ymin>1</ymin><xmax>20</xmax><ymax>20</ymax>";
    const char* const right = "<xmin>21</xmin><ymin>1</ymin><xmax>40</xmax><ymax>20</ymax>";
    const std::string size = "<size><width>40</width><height>20</height></size>";
    write("xml/0.xml", "<annotation>" + size + object("cat", left, 0) + "</annotation>");
    write("xml/1.xml", "<annotation>" + size + object("dog", right, 0) + "</annotation>");
    write("xml/2.xml", "<annotation>" + size + object("cat", left, 0) + object("dog", right, 1) + "</annotation>");
    write("xml/3.xml", "<annotation>" + size + "</annotation>");
  }
  void write_json() const {
    write("a.json", R"({"categories":[{"id":3,"name":"dog"},{"id":2,"name":"cat"}],"images":[
      {"id":0,"file_name":"0.jpg","width":40,"height":20},{"id":1,"file_name":"1.jpg","width":80,"height":40},
      {"id":2,"file_name":"2.jpg","width":40,"height":20},{"id":3,"file_name":"3.jpg","width":40,"height":20}],
      "annotations":[{"image_id":0,"category_id":2,"bbox":[0,0,20,20]},{"image_id":1,"category_id":3,
      "bbox":[40,0,40,40]},{"image_id":2,"category_id":2,"bbox":[0,0,20,20]},
      {"image_id":2,"category_id":3,"bbox":[20,0,20,20],"iscrowd":1}]})");
  }
  void expect_usage(const EvaluateOptions& options, const std::string& text) const {
    const auto summary = evaluate(options);
    ASSERT_FALSE(summary);
    EXPECT_EQ(summary.error().code, ErrorCode::usage) << to_string(summary.error());
    EXPECT_THAT(to_string(summary.error()), HasSubstr(text));
  }
  const test::TemporaryFolder folder_;
};

// Cats: hits at ranks 1 and 3 of 2: (1 + 2/3) / 2. Dogs, of pictures 0 to 3: miss, hit, ignored, miss: 1/2.
constexpr double cats = (1 + 2.0 / 3) / 2;
constexpr double dogs = 0.5;

TEST_F(EvaluateDetection, PackedLabelsGiveHandWorkedFigures) {
  write_list();
  EvaluateOptions area = options("labels.lst");
  area.metric = DetectionMetric::voc;
  const auto summary = evaluate(area).value();
  EXPECT_EQ(summary.judged, 4U);
  ASSERT_TRUE(summary.accuracy.detection);
  const DetectionFigures& figures = *summary.accuracy.detection;
  ASSERT_EQ(figures.classes.size(), 2U);
  EXPECT_EQ(figures.classes[0].label, "cat");
  EXPECT_EQ(figures.classes[0].objects, 2U);
  EXPECT_EQ(figures.classes[0].detections, 8U);
  EXPECT_NEAR(figures.classes[0].ap50, 100 * cats, 1e-9);
  EXPECT_EQ(figures.classes[1].objects, 1U);
  EXPECT_NEAR(figures.classes[1].ap50, 100 * dogs, 1e-9);
  EXPECT_NEAR(figures.map50, 50 * (cats + dogs), 1e-9);
  EXPECT_DOUBLE_EQ(figures.map, figures.map50);
  ASSERT_TRUE(figures.map50_interval95);
  EXPECT_LE((*figures.map50_interval95)[0], figures.map50);
  EXPECT_GE((*figures.map50_interval95)[1], figures.map50);
  EvaluateOptions eleven = area;
  eleven.metric = DetectionMetric::voc07;
  EXPECT_NEAR(evaluate(eleven)->accuracy.detection->map50, 50 * ((6 + 5 * 2.0 / 3) / 11 + dogs), 1e-9);
  // MXNet skips picture 3 and with it its false alarms. Cats stay as they are; dogs: miss, hit, ignored. In picture 2
  // all detections of the dog are ignored.
  eleven.metric = DetectionMetric::mxnet;
  EXPECT_NEAR(evaluate(eleven)->accuracy.detection->map50, 50 * ((6 + 5 * 2.0 / 3) / 11 + dogs), 1e-9);
}

TEST_F(EvaluateDetection, XmlAndJsonGiveTheSameFigures) {
  write_xml();
  write_json();
  for (const char* annotations : {"xml", "a.json"}) {
    EvaluateOptions annotated = options();
    annotated.annotations = folder_.path() / annotations;
    for (const DetectionMetric metric : {DetectionMetric::voc, DetectionMetric::coco}) {
      annotated.metric = metric;
      const auto summary = evaluate(annotated);
      ASSERT_TRUE(summary) << to_string(summary.error());
      const DetectionFigures& figures = *summary->accuracy.detection;
      ASSERT_EQ(figures.classes.size(), 2U);
      const bool coco = metric == DetectionMetric::coco;
      EXPECT_NEAR(figures.classes[0].ap50, coco ? 100 * (51 + 50 * 2.0 / 3) / 101 : 100 * cats, 1e-9) << annotations;
      EXPECT_NEAR(figures.classes[1].ap50, 100 * dogs, 1e-9) << annotations;
      EXPECT_EQ(figures.map_small.has_value(), coco);
      EXPECT_FALSE(figures.map_large);
    }
  }
}

TEST_F(EvaluateDetection, ComparesTwoDetectors) {
  write_list();
  // The other finds the cat, no dog, and a bird nobody asked for.
  ASSERT_TRUE(
      save_model(test::tiny_detector({{0, 0.9F, 0, 0, 0.5F, 0.9F}, {2, 0.7F, 0, 0, 1, 1}}), folder_.path() / "other"));
  EvaluateOptions both = options("labels.lst");
  both.metric = DetectionMetric::voc;
  both.model = folder_.path() / "other";
  both.against = folder_.path() / "detector";
  const auto summary = evaluate(both).value();
  ASSERT_TRUE(summary.against);
  const Comparison& against = *summary.against;
  EXPECT_NEAR(against.accuracy.detection->map, 50 * (cats + dogs), 1e-9);
  EXPECT_NEAR(against.drop, against.accuracy.detection->map - summary.accuracy.detection->map, 1e-12);
  EXPECT_GT(against.drop, 0);
  EXPECT_DOUBLE_EQ(against.drop50, against.drop);
  EXPECT_EQ(against.compared, 12U);  // three in each of four pictures
  EXPECT_EQ(against.agreeing, 4U);
  EXPECT_NEAR(against.agreement, 100.0 / 3, 1e-9);
  ASSERT_TRUE(against.drop_interval95 && against.drop50_interval95 && against.agreement_interval95);
  EXPECT_NEAR((*against.agreement_interval95)[0], 100.0 / 3, 1e-9);  // the same in every picture
  EXPECT_NEAR(against.mean_class_drop, against.drop, 1e-9);
  ASSERT_TRUE(against.worst_class);
  EXPECT_EQ(against.worst_class->label, "dog");
  EXPECT_NEAR(against.worst_class->drop, 100 * dogs, 1e-9);
  const std::string json = to_json(summary);
  for (const char* field : {"\"metric\":\"voc\"", "\"map50\":", "\"map\":", "\"interval95\":[", "\"against\":{",
                            "\"drop\":", "\"drop50\":", "\"agreement\":33.3", "\"label\":\"cat\""}) {
    EXPECT_THAT(json, HasSubstr(field));
  }
  EXPECT_THAT(json, testing::Not(HasSubstr("top1")));
}

TEST_F(EvaluateDetection, BadPicturesAreNotJudged) {
  write_list();
  write("pictures/1.jpg", "no picture");
  EvaluateOptions area = options("labels.lst");
  area.metric = DetectionMetric::voc;
  const auto summary = evaluate(area).value();
  EXPECT_EQ(summary.stream.failed, 1U);
  EXPECT_EQ(summary.judged, 3U);
  ASSERT_EQ(summary.accuracy.detection->classes.size(), 1U);  // the only dog that counted is gone
  EXPECT_EQ(summary.accuracy.detection->classes[0].id, 0);
}

TEST_F(EvaluateDetection, SaysWhatIsWrong) {
  expect_usage(options(), "header width");  // a folder has no labels
  write("one.lst", "0\t1\tpictures/0.jpg\n");
  expect_usage(options("one.lst"), "pictures/0.jpg");
  write("outside.lst", "0\t2\t5\t3\t0\t0\t1\t1\tpictures/0.jpg\n");
  expect_usage(options("outside.lst"), "class 3 is outside the 3 classes");
  write_xml();
  fs::remove(folder_.path() / "xml" / "3.xml");
  EvaluateOptions annotated = options();
  annotated.annotations = folder_.path() / "xml";
  expect_usage(annotated, "3.jpg: has no annotation");
  annotated.stream.source.data = folder_.path() / "some.rec";
  write("some.rec", "");
  EXPECT_FALSE(evaluate(annotated));
  ASSERT_TRUE(save_model(test::tiny_model(), folder_.path() / "classifier"));
  EvaluateOptions mixed = annotated;
  mixed.stream.source.data = folder_.path() / "pictures";
  mixed.against = folder_.path() / "classifier";
  expect_usage(mixed, "nothing to compare");
  mixed.against.clear();
  mixed.model = folder_.path() / "classifier";
  expect_usage(mixed, "annotations are for detection models");
  Model renamed = test::tiny_detector(findings);
  renamed.labels[0] = "Katze";
  ASSERT_TRUE(save_model(renamed, folder_.path() / "renamed"));
  mixed.model = folder_.path() / "detector";
  mixed.against = folder_.path() / "renamed";
  expect_usage(mixed, "class names differ");
}

// The figures of the reference implementation; the bounds are the project's own.
class EvaluateDetectionAssets : public testing::Test {
 protected:
  static fs::path model() { return test::assets() / "models" / "ssd_mobilenet_v1_coco" / "ssd_mobilenet_v1_coco"; }
  static fs::path pictures() { return test::assets() / "images" / "coco_val128"; }
};

TEST_F(EvaluateDetectionAssets, FloatReachesTheReference) {
  OCTET_REQUIRE_ASSETS();
  EvaluateOptions options;
  options.model = model();
  options.stream.source.data = pictures() / "labels.lst";
  const auto packed = evaluate(options).value();
  EXPECT_EQ(packed.judged, 128U);
  EXPECT_NEAR(packed.accuracy.detection->map50, 39.79, 0.2);
  EXPECT_NEAR(packed.accuracy.detection->map, 24.40, 0.2);
  options.annotations = pictures() / "annotations.json";
  const auto annotated = evaluate(options).value();
  EXPECT_NEAR(annotated.accuracy.detection->map50, 39.79, 0.2);
  EXPECT_NEAR(annotated.accuracy.detection->map, 24.40, 0.2);
  options.annotations.clear();
  options.stream.source.data = test::assets() / "rec" / "coco_val128_300_q65.rec";
  const auto records = evaluate(options).value();
  EXPECT_NEAR(records.accuracy.detection->map50, 38.98, 0.2);
  EXPECT_NEAR(records.accuracy.detection->map, 24.10, 0.2);
}

TEST_F(EvaluateDetectionAssets, Int8StaysWithinAPointOfFloat) {
  OCTET_REQUIRE_ASSETS();
  const test::TemporaryFolder folder;
  CalibrateOptions calibration;
  calibration.model = model();
  calibration.source.data = pictures();
  calibration.stride = 10;
  calibration.output = folder.path() / "int8";
  ASSERT_TRUE(calibrate_model(calibration));
  EvaluateOptions options;
  options.model = calibration.output;
  options.against = model();
  options.stream.source.data = pictures() / "labels.lst";
  const auto summary = evaluate(options).value();
  EXPECT_TRUE(summary.accuracy.quantized);
  EXPECT_LE(summary.against->drop50, 1.0);
  EXPECT_LE(summary.against->drop, 1.0);
  EXPECT_GE(summary.against->agreement, 95.0);
}

}  // namespace
}  // namespace octet
