// box_nms and GluonCV's SSD tail: cases worked by hand, and random ones against the definition.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <limits>

#include "executor/kernel_testing.h"
#include "executor/reference_boxes.h"
#include "octet/executor/kernels/box_nms.h"

namespace octet::test {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

std::vector<float> nms(const BoxNmsOp& op, std::size_t width, const std::vector<float>& rows, std::int64_t images = 1) {
  const kernels::BoxNmsShape shape{images, static_cast<std::int64_t>(rows.size() / width) / images,
                                   static_cast<std::int64_t>(width)};
  std::vector<std::uint64_t> scratch(kernels::box_nms_scratch_bytes(shape) / 8 + 1);
  std::vector<float> result(rows.size());
  kernels::box_nms(op, shape, rows.data(), result.data(), scratch.data());
  return result;
}

/// The scores of the rows that are left.
std::vector<float> scores(const std::vector<float>& rows, std::size_t width = 6) {
  std::vector<float> found;
  for (std::size_t i = 0; i < rows.size(); i += width) {
    if (rows[i + 1] != -1) found.push_back(rows[i + 1]);
  }
  return found;
}

BoxNmsOp with_ids() {
  BoxNmsOp op;
  op.id_index = 0;
  return op;
}

TEST(KernelBoxNms, SuppressesAboveTheThresholdNotAtIt) {
  // The second is exactly half of the first; the third overlaps it by 0.75.
  const std::vector<float> rows{0, 0.9F, 0, 0, 1, 1, 0, 0.8F, 0, 0, 0.5F, 1, 0, 0.7F, 0, 0, 1, 0.75F};
  BoxNmsOp op = with_ids();
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F, 0.8F)) << "an IoU of 0.5 is not above 0.5";
  op.overlap_thresh = 0.4999F;
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F));
  op.overlap_thresh = 0.75F;
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F, 0.8F, 0.7F));
}

TEST(KernelBoxNms, ValidRowsHaveAScoreAboveTheThresholdAndAreNoBackground) {
  const std::vector<float> rows{1, 0.25F, 0, 0, 1, 1, 2, 0.3F, 2, 0, 3, 1, -1, 0.9F, 4, 0, 5, 1, 3, nan, 6, 0, 7, 1};
  BoxNmsOp op = with_ids();
  op.valid_thresh = 0.25F;
  EXPECT_THAT(nms(op, 6, rows),
              ElementsAreArray({2.0F,  0.3F,  2.0F,  0.0F,  3.0F,  1.0F,  -1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F,
                                -1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F, -1.0F}))
      << "a score at the threshold, the default background id -1 and NaN are not valid";
  op.background_id = 2;
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F));
  op.id_index = -1;
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F, 0.3F)) << "without ids there is no background";
}

TEST(KernelBoxNms, EqualScoresKeepTheirOrderAndTopkCutsBehindTheSort) {
  std::vector<float> rows;
  for (int i = 0; i < 6; ++i) {
    const auto x = static_cast<float>(i);
    rows.insert(rows.end(), {x, i % 2 == 0 ? 0.5F : 0.6F, x, 0, x + 0.5F, 1});
  }
  BoxNmsOp op = with_ids();
  const auto ids = [](const std::vector<float>& result) {
    std::vector<float> found;
    for (std::size_t i = 0; i < result.size(); i += 6) found.push_back(result[i]);
    return found;
  };
  EXPECT_THAT(ids(nms(op, 6, rows)), ElementsAre(1, 3, 5, 0, 2, 4));
  op.topk = 4;
  EXPECT_THAT(ids(nms(op, 6, rows)), ElementsAre(1, 3, 5, 0, -1, -1));
  op.topk = 0;
  EXPECT_EQ(nms(op, 6, rows), rows) << "topk 0 copies";
  op.topk = -7;
  EXPECT_THAT(ids(nms(op, 6, rows)), ElementsAre(1, 3, 5, 0, 2, 4));
}

TEST(KernelBoxNms, TopkCountsSuppressedRows) {
  // The second is suppressed by the first and still takes one of the two places.
  const std::vector<float> rows{0, 0.9F, 0, 0, 1, 1, 0, 0.8F, 0, 0, 1, 1, 0, 0.7F, 5, 0, 6, 1};
  BoxNmsOp op = with_ids();
  op.topk = 2;
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F));
}

TEST(KernelBoxNms, ClassesAndForce) {
  const std::vector<float> rows{0.2F, 0.9F, 0, 0, 1, 1, 0.9F, 0.8F, 0, 0, 1, 1, 1, 0.7F, 0, 0, 1, 1};
  BoxNmsOp op = with_ids();
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F, 0.7F)) << "ids are compared as integers";
  op.force_suppress = true;
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F));
  op.force_suppress = false;
  op.id_index = -1;
  EXPECT_THAT(scores(nms(op, 6, rows)), ElementsAre(0.9F));
}

TEST(KernelBoxNms, BoxesWithoutAnArea) {
  // Two equal points: 0 / 0 suppresses nothing. A box with a negative side has area 0 and meets nothing.
  const std::vector<float> rows{0, 0.9F, 1, 1, 1, 1, 0, 0.8F, 1, 1, 1, 1, 0, 0.7F, 2, 0, 0, 2, 0, 0.6F, 0, 0, 2, 2};
  EXPECT_THAT(scores(nms(with_ids(), 6, rows)), ElementsAre(0.9F, 0.8F, 0.7F, 0.6F));
}

TEST(KernelBoxNms, FormatsAndTheRowsThatMxnetDoesNotConvert) {
  BoxNmsOp op;
  op.coord_start = 1;
  op.score_index = 0;
  op.out_format = BoxFormat::center;
  EXPECT_THAT(nms(op, 5, {0.5F, 1, 2, 3, 8}), ElementsAre(0.5F, 2, 5, 2, 6));
  EXPECT_THAT(nms(op, 5, {0.5F, -1, 2, 3, 8}), ElementsAre(0.5F, -1, 2, 3, 8)) << "the first coordinate is below 0";
  op.in_format = BoxFormat::center;
  op.out_format = BoxFormat::corner;
  EXPECT_THAT(nms(op, 5, {0.5F, 2, 5, 2, 6}), ElementsAre(0.5F, 1, 2, 3, 8));
  // Half of the first, in centre format: not above 0.5; the third is 3 / 4.
  op.out_format = BoxFormat::center;
  const std::vector<float> rows{0.9F, 2, 2, 4, 4, 0.8F, 1, 2, 2, 4, 0.7F, 2, 1.5F, 4, 3};
  EXPECT_THAT(nms(op, 5, rows), ElementsAre(0.9F, 2, 2, 4, 4, 0.8F, 1, 2, 2, 4, -1, -1, -1, -1, -1));
}

TEST(KernelBoxNms, RandomImagesEqualTheDefinition) {
  Random random(7);
  for (int round = 0; round < 40; ++round) {
    const auto count = static_cast<std::size_t>(random.integer(1, 300));
    BoxNmsOp op;
    op.overlap_thresh = random.real(0.1F, 0.8F);
    op.valid_thresh = random.real(-0.1F, 0.5F);
    op.topk = random.integer(-1, 200);
    op.id_index = random.integer(0, 1) == 0 ? -1 : 0;
    op.background_id = random.integer(-1, 1);
    op.force_suppress = random.integer(0, 3) == 0;
    op.in_format = random.integer(0, 1) == 0 ? BoxFormat::corner : BoxFormat::center;
    op.out_format = random.integer(0, 1) == 0 ? BoxFormat::corner : BoxFormat::center;
    const std::size_t width = 7;
    std::vector<std::vector<float>> images;
    std::vector<float> all;
    for (int n = 0; n < 2; ++n) {
      std::vector<float> rows;
      for (std::size_t i = 0; i < count; ++i) {
        const float x = random.real(-0.1F, 0.8F), y = random.real(0, 0.8F);
        const float w = random.real(-0.02F, 0.3F), h = random.real(0, 0.3F);
        const bool corner = op.in_format == BoxFormat::corner;
        rows.insert(rows.end(),
                    {static_cast<float>(random.integer(-1, 3)), static_cast<float>(random.integer(0, 40)) / 40, x, y,
                     corner ? x + w : w, corner ? y + h : h, static_cast<float>(i)});
      }
      all.insert(all.end(), rows.begin(), rows.end());
      images.push_back(std::move(rows));
    }
    const auto result = nms(op, width, all, 2);
    for (std::size_t n = 0; n < 2; ++n) {
      const auto expected = reference_box_nms(op, width, images[n]);
      ASSERT_TRUE(
          std::equal(expected.begin(), expected.end(), result.begin() + static_cast<std::ptrdiff_t>(n * count * width)))
          << "round " << round << ", image " << n;
    }
  }
}

struct Scene {
  std::size_t anchors, classes;
  std::vector<float> cls_prob, loc_pred, boxes;
};

/// Scores with many ties; a share of `likely` of them above 0.
Scene scene(Random& random, std::size_t anchors, std::size_t classes, std::size_t images, float likely) {
  Scene s{anchors, classes, {}, {}, {}};
  for (std::size_t i = 0; i < images * anchors * classes; ++i) {
    s.cls_prob.push_back(random.real(0, 1) < likely ? static_cast<float>(random.integer(0, 50)) / 50 : 0);
  }
  s.loc_pred = random.reals(images * anchors * 4, -1, 1);
  for (std::size_t a = 0; a < anchors; ++a) {
    s.boxes.insert(s.boxes.end(), {random.real(0, 300), random.real(0, 300), random.real(5, 80), random.real(5, 80)});
  }
  return s;
}

std::vector<float> detect(const BoxDetectionOp& op, const Scene& s, std::size_t images) {
  const kernels::BoxDetectionShape shape{static_cast<std::int64_t>(images), static_cast<std::int64_t>(s.anchors),
                                         static_cast<std::int64_t>(s.classes)};
  std::vector<std::uint64_t> scratch(kernels::box_detection_scratch_bytes(op, shape) / 8 + 1);
  std::vector<float> result(images * static_cast<std::size_t>(op.rows) * 6);
  kernels::box_detection(op, shape, s.cls_prob.data(), s.loc_pred.data(), s.boxes.data(), result.data(),
                         scratch.data());
  return result;
}

TEST(KernelBoxDetection, OneAnchorCanBeSeveralClasses) {
  // Anchor 0 is class 0 and class 1; anchor 1 is at the threshold of both.
  const Scene s{2, 3, {0.2F, 0.5F, 0.3F, 0.98F, 0.01F, 0.01F}, {0, 0, 0, 0, 1, 1, 0, 0}, {10, 20, 4, 8, 0, 0, 1, 1}};
  BoxDetectionOp op;
  op.rows = 3;
  EXPECT_THAT(detect(op, s, 1), ElementsAre(0, 0.5F, 8, 16, 12, 24, 1, 0.3F, 8, 16, 12, 24, -1, -1, -1, -1, -1, -1));
}

TEST(KernelBoxDetection, DecodesInTheAnchorsUnit) {
  const Scene s{1, 2, {0.1F, 0.9F}, {1, -2, 0.5F, -0.5F}, {100, 50, 40, 20}};
  BoxDetectionOp op;
  op.rows = 1;
  op.means = {0.5F, 0, 0, 0};
  const auto row = detect(op, s, 1);
  const double cx = 100 + 0.6 * 40, cy = 50 - 0.2 * 20, hw = std::exp(0.1) * 20, hh = std::exp(-0.1) * 10;
  EXPECT_NEAR(row[2], cx - hw, 1e-4);
  EXPECT_NEAR(row[3], cy - hh, 1e-4);
  EXPECT_NEAR(row[4], cx + hw, 1e-4);
  EXPECT_NEAR(row[5], cy + hh, 1e-4);
}

TEST(KernelBoxDetection, EqualsTheOperatorsOneByOne) {
  Random random(11);
  for (int round = 0; round < 25; ++round) {
    const auto classes = static_cast<std::size_t>(random.integer(2, 24));
    const Scene s =
        scene(random, static_cast<std::size_t>(random.integer(60, 900)), classes, 2, round % 2 == 0 ? 0.02F : 1);
    BoxDetectionOp op;
    op.score_threshold = random.real(-0.1F, 0.6F);
    op.valid_thresh = random.real(0, 0.6F);
    op.overlap_thresh = random.real(0.2F, 0.6F);
    op.topk = round % 5 == 0 ? -1 : random.integer(1, 400);
    op.rows = random.integer(1, 60);
    for_each_target([&](const std::string& target) {
      const auto result = detect(op, s, 2);
      for (std::size_t n = 0; n < 2; ++n) {
        const auto expected = reference_box_detection(op, classes, s.cls_prob.data() + n * s.anchors * classes,
                                                      s.loc_pred.data() + n * s.anchors * 4, s.boxes);
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                               result.begin() + static_cast<std::ptrdiff_t>(n * expected.size())))
            << target << ", round " << round << ", image " << n;
      }
    });
  }
}

TEST(KernelBoxDetection, MoreCandidatesThanTheBufferHolds) {
  Random random(12);
  const Scene s = scene(random, 900, 21, 1, 1);  // 18,000 candidates; the buffer holds 4,196
  BoxDetectionOp op;
  op.topk = 50;
  const auto expected = reference_box_detection(op, 21, s.cls_prob.data(), s.loc_pred.data(), s.boxes);
  EXPECT_EQ(detect(op, s, 1), expected);
}

TEST(KernelBoxDetection, NanScoresAreNoDetections) {
  Scene s{1, 2, {nan, nan}, {0, 0, 0, 0}, {1, 1, 1, 1}};
  BoxDetectionOp op;
  op.rows = 1;
  EXPECT_THAT(detect(op, s, 1), ElementsAre(-1, -1, -1, -1, -1, -1));
}

}  // namespace
}  // namespace octet::test
