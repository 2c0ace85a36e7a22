// Average precisions worked out by hand, metric by metric.
#include "octet/jobs/detection_metrics.h"

#include <gtest/gtest.h>
#include <cmath>    // std::nanf
#include <fstream>  // std::ifstream
#include <sstream>  // std::istringstream

#include "octet/jobs/annotations.h"
#include "octet/jobs/stage/detection_match.h"
#include "support/assets.h"

namespace octet {
namespace {

constexpr DetectionMetric all_metrics[] = {DetectionMetric::coco, DetectionMetric::voc07, DetectionMetric::voc,
                                           DetectionMetric::mxnet};

// A 10 x 10 box whose left upper corner is at (x, y); id 0 unless said.
TruthBox object(double x, double y, int id = 0) {
  TruthBox box;
  box.id = id;
  box.xmin = x;
  box.ymin = y;
  box.xmax = x + 10;
  box.ymax = y + 10;
  return box;
}

TruthBox difficult(TruthBox box) {
  box.difficult = true;
  return box;
}

TruthBox crowd(TruthBox box, double width) {
  box.crowd = true;
  box.xmax = box.xmin + width;
  return box;
}

Detection found(float score, float x, float y, int id = 0) { return {id, score, x, y, x + 10, y + 10}; }

struct Picture {
  std::vector<TruthBox> truth;
  std::vector<Detection> detections;
  std::int64_t rank = 0;
};

DetectionAccuracy judge(DetectionMetric metric, const std::vector<Picture>& pictures, AreaRange area = {}) {
  DetectionMetrics metrics(metric, area);
  for (const Picture& picture : pictures) metrics.add(picture.truth, picture.detections, picture.rank);
  return metrics.accuracy();
}

double map50(DetectionMetric metric, const std::vector<Picture>& pictures) { return judge(metric, pictures).map50; }

TEST(DetectionMetrics, NamesAreReadBack) {
  for (const DetectionMetric metric : all_metrics) {
    EXPECT_EQ(parse_detection_metric(to_string(metric)).value(), metric);
  }
  EXPECT_EQ(parse_detection_metric("map").error().code, ErrorCode::usage);
}

TEST(DetectionMetrics, PerfectAndEmptyDetections) {
  const std::vector<Picture> perfect = {{{object(0, 0), object(50, 0, 1)}, {found(0.9F, 0, 0), found(0.8F, 50, 0, 1)}}};
  const std::vector<Picture> nothing = {{{object(0, 0), object(50, 0, 1)}, {}}};
  for (const DetectionMetric metric : all_metrics) {
    const DetectionAccuracy accuracy = judge(metric, perfect);
    EXPECT_DOUBLE_EQ(accuracy.map50, 100) << to_string(metric);
    EXPECT_NEAR(accuracy.map, 100, 1e-9) << to_string(metric);
    ASSERT_EQ(accuracy.classes.size(), 2U);
    EXPECT_EQ(accuracy.classes[1].id, 1);
    EXPECT_EQ(accuracy.classes[1].objects, 1U);
    EXPECT_EQ(accuracy.classes[1].detections, 1U);
    EXPECT_DOUBLE_EQ(map50(metric, nothing), 0) << to_string(metric);
    EXPECT_DOUBLE_EQ(map50(metric, {}), 0) << to_string(metric);
    EXPECT_TRUE(judge(metric, {{{}, {}}}).classes.empty()) << to_string(metric);
  }
}

// Ranking hit, miss, hit of three objects: precision 1 up to recall 1/3, 2/3 up to recall 2/3, then 0.
const std::vector<Picture> two_of_three = {
    {{object(0, 0), object(50, 0), object(100, 0)}, {found(0.7F, 50, 0), found(0.9F, 0, 0), found(0.8F, 200, 0)}}};

TEST(DetectionMetrics, TwoOfThreeWithAFalseAlarmBetween) {
  // Recalls 0, .1, .2, .3 have 1; .4, .5, .6 have 2/3.
  EXPECT_NEAR(map50(DetectionMetric::voc07, two_of_three), 100 * (4 + 3 * 2.0 / 3) / 11, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::mxnet, two_of_three), 100 * (4 + 3 * 2.0 / 3) / 11, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::voc, two_of_three), 100 * (1.0 / 3 + 1.0 / 3 * 2 / 3), 1e-9);
  // 0 .. 0.33 are 34 recalls, 0.34 .. 0.66 are 33.
  EXPECT_NEAR(map50(DetectionMetric::coco, two_of_three), 100 * (34 + 33 * 2.0 / 3) / 101, 1e-9);
  EXPECT_NEAR(judge(DetectionMetric::coco, two_of_three).map, 100 * (34 + 33 * 2.0 / 3) / 101, 1e-9);
}

TEST(DetectionMetrics, RecallsReachedExactlyCount) {
  // Three of ten objects: recall 0.3. As a share of integers it is reached; 3 * 0.1 in double precision is above 3/10.
  std::vector<Picture> three(1);
  for (int i = 0; i < 10; ++i) three[0].truth.push_back(object(50 * i, 0));
  for (int i = 0; i < 3; ++i) three[0].detections.push_back(found(0.9F, 50.0F * static_cast<float>(i), 0));
  EXPECT_NEAR(map50(DetectionMetric::voc07, three), 100 * 4.0 / 11, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::mxnet, three), 100 * 3.0 / 11, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::voc, three), 30, 1e-9);
}

TEST(DetectionMetrics, ASecondDetectionOfAnObjectIsAFalseAlarm) {
  const std::vector<Picture> twice = {
      {{object(0, 0), object(50, 0)}, {found(0.9F, 0, 0), found(0.8F, 0, 0), found(0.7F, 50, 0)}}};
  EXPECT_NEAR(map50(DetectionMetric::voc07, twice), 100 * (6 + 5 * 2.0 / 3) / 11, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::mxnet, twice), 100 * (6 + 5 * 2.0 / 3) / 11, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::voc, twice), 100 * (0.5 + 0.5 * 2 / 3), 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::coco, twice), 100 * (51 + 50 * 2.0 / 3) / 101, 1e-9);
}

TEST(DetectionMetrics, OnlyTheBestOverlapIsTriedByVocAndTheBestFreeOneByCoco) {
  // Both detections overlap the first object most; the second object is overlapped by 0.54 and 0.67.
  const std::vector<Picture> crossed = {{{object(0, 0), object(3, 0)}, {found(0.9F, 0, 0), found(0.8F, 1, 0)}}};
  EXPECT_NEAR(map50(DetectionMetric::voc, crossed), 50, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::mxnet, crossed), 100 * 6.0 / 11, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::coco, crossed), 100, 1e-9);
}

TEST(DetectionMetrics, OverlapOfExactlyOneHalf) {
  // Continuous: 10 x 10 in 10 x 20. Inclusive pixels: 11 x 11 of 11 x 21 + ... = 121 / 231 > 0.5.
  TruthBox tall = object(0, 0);
  tall.ymax = 20;
  const std::vector<Picture> half = {{{tall}, {found(0.9F, 0, 0)}}};
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::coco, half), 100);  // at least 0.5
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::mxnet, half), 0);   // above 0.5
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::voc, half), 100);
  // With inclusive pixels exactly 0.5: 11 x 11 of 11 x 22.
  tall.ymax = 21;
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::voc, {{{tall}, {found(0.9F, 0, 0)}}}), 100);
  tall.ymax = 22;
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::voc, {{{tall}, {found(0.9F, 0, 0)}}}), 0);
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::voc07, {{{tall}, {found(0.9F, 0, 0)}}}), 0);
}

TEST(DetectionMetrics, CocoThresholdsAreReachedFromBelow) {
  // IoU 0.8 reaches 0.5, 0.55 ... 0.8: seven of ten.
  TruthBox wide = object(0, 0);
  wide.xmax = 12.5;
  const DetectionAccuracy accuracy = judge(DetectionMetric::coco, {{{wide}, {found(0.9F, 0, 0)}}});
  EXPECT_NEAR(accuracy.map, 70, 1e-9);
  EXPECT_DOUBLE_EQ(accuracy.map50, 100);
}

TEST(DetectionMetrics, DifficultObjectsCountForNothing) {
  // Detections of the difficult object (two of them) neither help nor harm.
  const std::vector<Picture> hard = {
      {{object(0, 0), difficult(object(50, 0))}, {found(0.95F, 50, 0), found(0.9F, 50, 0), found(0.8F, 0, 0)}}};
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::voc, hard), 100);
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::voc07, hard), 100);
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::mxnet, hard), 100);
  // COCO's rule for ignored objects that are no crowds: one detection each.
  EXPECT_NEAR(map50(DetectionMetric::coco, hard), 50, 1e-9);
  EXPECT_TRUE(judge(DetectionMetric::voc, {{{difficult(object(0, 0))}, {found(0.9F, 0, 0)}}}).classes.empty());
}

TEST(DetectionMetrics, MxnetCountsDifficultObjectsByItsOwnRules) {
  // Picture 1 has only a difficult object and no detection: it is counted. 1 hit of 2.
  EXPECT_NEAR(map50(DetectionMetric::mxnet, {{{object(0, 0)}, {found(0.9F, 0, 0)}}, {{difficult(object(0, 0))}, {}}}),
              100 * 6.0 / 11, 1e-9);
  // All detections of the class in picture 1 are ignored: its plain object is not counted.
  const std::vector<Picture> ignored = {{{object(0, 0)}, {found(0.9F, 0, 0)}},
                                        {{object(50, 0), difficult(object(0, 0))}, {found(0.9F, 0, 0)}}};
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::mxnet, ignored), 100);
  EXPECT_NEAR(map50(DetectionMetric::voc, ignored), 50, 1e-9);
}

TEST(DetectionMetrics, APictureWithoutObjectsHoldsFalseAlarmsButForMxnet) {
  const std::vector<Picture> empty = {{{}, {found(0.9F, 0, 0)}}, {{object(0, 0)}, {found(0.8F, 0, 0)}}};
  EXPECT_NEAR(map50(DetectionMetric::voc, empty), 50, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::voc07, empty), 50, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::coco, empty), 50, 1e-9);
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::mxnet, empty), 100);
}

TEST(DetectionMetrics, AClassOfFalseAlarmsOnlyCountsForMxnetAlone) {
  const std::vector<Picture> other = {{{object(0, 0)}, {found(0.9F, 0, 0), found(0.9F, 50, 0, 7)}}};
  for (const DetectionMetric metric : {DetectionMetric::coco, DetectionMetric::voc, DetectionMetric::voc07}) {
    EXPECT_DOUBLE_EQ(map50(metric, other), 100);
    EXPECT_EQ(judge(metric, other).classes.size(), 1U);
  }
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::mxnet, other), 50);
}

TEST(DetectionMetrics, CrowdsTakeDetectionsThatLieInThem) {
  // A crowd 100 wide: each detection lies in it whole (IoU 0.1), none counts.
  const std::vector<Picture> pack = {
      {{crowd(object(0, 0), 100), object(200, 0)}, {found(0.9F, 5, 0), found(0.8F, 40, 0), found(0.7F, 200, 0)}}};
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::coco, pack), 100);
  EXPECT_NEAR(map50(DetectionMetric::voc, pack), 100.0 / 3, 1e-9);  // by IoU they are false alarms
  // An object inside the crowd is preferred to it, though its overlap is lower.
  const std::vector<Picture> inside = {{{crowd(object(0, 0), 100), object(2, 0)}, {found(0.9F, 0, 0)}}};
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::coco, inside), 100);
  EXPECT_EQ(judge(DetectionMetric::coco, inside).classes[0].objects, 1U);
}

TEST(DetectionMetrics, EqualScoresKeepTheirOrder) {
  // In a picture the earlier detection goes first.
  const Picture good{{object(0, 0)}, {found(0.5F, 0, 0)}, 1};
  const Picture bad{{}, {found(0.5F, 0, 0)}, 2};
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::voc, {good, bad}), 100);
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::voc, {bad, good}), 100);  // rank 1 before rank 2
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::coco, {bad, good}), 100);
  Picture late = good;
  late.rank = 3;
  EXPECT_NEAR(map50(DetectionMetric::coco, {late, bad}), 50, 1e-9);
  const std::vector<Picture> inside = {{{object(0, 0)}, {found(0.5F, 100, 0), found(0.5F, 0, 0)}}};
  EXPECT_NEAR(map50(DetectionMetric::coco, inside), 50, 1e-9);
  EXPECT_NEAR(map50(DetectionMetric::voc, inside), 50, 1e-9);
}

TEST(DetectionMetrics, CocoLooksAtOneHundredDetectionsOfAClass) {
  Picture full{{object(0, 0)}, {}, 0};
  for (int i = 0; i < 100; ++i) full.detections.push_back(found(0.9F, 500, 0));
  full.detections.push_back(found(0.8F, 0, 0));
  EXPECT_DOUBLE_EQ(map50(DetectionMetric::coco, {full}), 0);
  EXPECT_NEAR(map50(DetectionMetric::voc, {full}), 100.0 / 101, 1e-9);
  full.detections.erase(full.detections.begin());
  EXPECT_NEAR(map50(DetectionMetric::coco, {full}), 1, 1e-9);
}

TEST(DetectionMetrics, AreasChooseObjects) {
  TruthBox large = object(100, 0);
  large.xmax = 300;
  large.ymax = 200;
  TruthBox annotated = object(0, 0);
  annotated.area = 5000;  // of its segmentation: medium, though its box is small
  const Detection big{0, 0.9F, 100, 0, 300, 200};
  const std::vector<Picture> pictures = {{{annotated, large}, {found(0.8F, 0, 0), big, found(0.95F, 50, 50)}}};
  // The false alarm of 10 x 10 pixels is outside both ranges and ignored; so are hits of other sizes.
  EXPECT_DOUBLE_EQ(judge(DetectionMetric::coco, pictures, {96.0 * 96, 1e10}).map50, 100);
  EXPECT_DOUBLE_EQ(judge(DetectionMetric::coco, pictures, {1024, 96.0 * 96}).map50, 100);
  EXPECT_TRUE(judge(DetectionMetric::coco, pictures, {0, 1024}).classes.empty());
}

TEST(DetectionMetrics, ScoresThatAreNoNumbersComeLast) {
  const std::vector<Picture> odd = {{{object(0, 0)}, {found(std::nanf(""), 200, 0), found(0.1F, 0, 0)}}};
  for (const DetectionMetric metric : all_metrics) EXPECT_DOUBLE_EQ(map50(metric, odd), 100) << to_string(metric);
  Detection broken = found(0.9F, 0, 0);
  broken.xmin = std::nanf("");
  for (const DetectionMetric metric : all_metrics) {
    EXPECT_DOUBLE_EQ(map50(metric, {{{object(0, 0)}, {broken}}}), 0) << to_string(metric);
  }
}

TEST(DetectionMetrics, BootstrapIsSeededAndHoldsTheFigure) {
  DetectionMetrics metrics(DetectionMetric::coco);
  for (int i = 0; i < 40; ++i) {
    metrics.add(std::vector<TruthBox>{object(0, 0)}, std::vector<Detection>{found(0.9F, i % 2 == 0 ? 0 : 100, 0)});
  }
  const Bootstrap first = metrics.bootstrap(1);
  ASSERT_EQ(first.map.size(), 1000U);
  EXPECT_EQ(first.map, metrics.bootstrap(1).map);
  EXPECT_NE(first.map, metrics.bootstrap(2).map);
  const auto interval = middle95(first.map50).value();
  const double whole = metrics.accuracy().map50;
  EXPECT_LT(interval[0], whole);
  EXPECT_GT(interval[1], whole);
  EXPECT_GT(interval[1] - interval[0], 5);
  EXPECT_FALSE(middle95({}));
  EXPECT_TRUE(DetectionMetrics(DetectionMetric::coco).bootstrap(1).map.empty());
}

TEST(DetectionMetrics, AgreementPairsDetectionsOnce) {
  DetectionAgreement agreement;
  // Confident: three. The first two share one counterpart; the third differs in class; the fourth is not confident.
  const std::vector<Detection> reference = {found(0.9F, 0, 0), found(0.8F, 1, 0), found(0.7F, 50, 0, 1),
                                            found(0.2F, 80, 0)};
  const std::vector<Detection> other = {found(0.9F, 0, 0), found(0.1F, 50, 0, 2)};
  agreement.add(reference, other);
  EXPECT_EQ(agreement.compared, 3U);
  EXPECT_EQ(agreement.agreeing, 1U);
  agreement.add(reference, reference);
  EXPECT_EQ(agreement.compared, 6U);
  EXPECT_EQ(agreement.agreeing, 4U);
}

TEST(IouThresholds, AreThoseOfNumpy) {
  const auto thresholds = iou_thresholds();
  EXPECT_EQ(thresholds[0], 0.5);
  EXPECT_NEAR(thresholds[5], 0.75, 1e-15);
  EXPECT_EQ(thresholds[9], 0.95);
}

// The reference detections of a real network on 128 pictures, judged by another evaluator.
TEST(DetectionMetricsAssets, ReferenceDetectionsHaveTheReferenceFigures) {
  OCTET_REQUIRE_ASSETS();
  std::vector<std::string> labels;
  std::ifstream names(test::assets() / "models" / "ssd_mobilenet_v1_coco" / "labels.txt");
  for (std::string name; std::getline(names, name);) labels.push_back(name);
  const auto annotations =
      Annotations::load(test::assets() / "images" / "coco_val128" / "annotations.json", labels).value();
  std::map<std::string, std::vector<Detection>> pictures;
  std::ifstream rows(test::assets() / "golden" / "ssd_mobilenet_v1_coco" / "predictions_fp32.csv");
  std::string line;
  std::getline(rows, line);
  while (std::getline(rows, line)) {
    for (char& character : line) character = character == ',' ? ' ' : character;
    std::istringstream fields(line);
    std::string name;
    Detection one;
    fields >> name >> one.id >> one.score >> one.xmin >> one.ymin >> one.xmax >> one.ymax;
    pictures[name].push_back(one);
  }
  ASSERT_EQ(pictures.size(), 128U);
  DetectionMetrics coco(DetectionMetric::coco);
  DetectionMetrics voc07(DetectionMetric::voc07);
  DetectionMetrics voc(DetectionMetric::voc);
  for (const auto& [name, detections] : pictures) {
    const ImageTruth* const truth = annotations.find(name);
    ASSERT_NE(truth, nullptr);
    for (DetectionMetrics* metrics : {&coco, &voc07, &voc}) metrics->add(truth->boxes, detections, *truth->id);
  }
  const DetectionAccuracy accuracy = coco.accuracy();
  EXPECT_EQ(accuracy.classes.size(), 73U);
  EXPECT_NEAR(accuracy.map50, 39.79, 0.005);
  EXPECT_NEAR(accuracy.map, 24.40, 0.005);
  // The reference took boxes as continuous where VOC's rule has inclusive pixels.
  EXPECT_NEAR(voc07.accuracy().map50, 40.49, 0.2);
  EXPECT_NEAR(voc.accuracy().map50, 39.65, 0.2);
}

}  // namespace
}  // namespace octet
