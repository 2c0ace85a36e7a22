#include "octet/executor/kernels/multibox.h"

#include <gmock/gmock.h>

#include <array>
#include <limits>

#include "executor/kernel_testing.h"
#include "executor/reference.h"
#include "support/assets.h"
#include "support/npy.h"

namespace octet::test {
namespace {

using kernels::MultiBoxShape;
using MultiboxRow = std::array<float, 6>;
std::vector<MultiboxRow> detect(const MultiBoxDetectionOp& op, std::int64_t classes, const std::vector<float>& cls_prob,
                                const std::vector<float>& loc_pred, const std::vector<float>& anchors) {
  const auto count = static_cast<std::int64_t>(anchors.size() / 4);
  const MultiBoxShape shape{static_cast<std::int64_t>(loc_pred.size() / anchors.size()), classes, count};
  std::vector<MultiboxRow> rows(static_cast<std::size_t>(shape.images * count));
  std::vector<std::uint64_t> scratch(kernels::multibox_detection_scratch_bytes(shape) / 8 + 1);
  kernels::multibox_detection(op, shape, cls_prob.data(), loc_pred.data(), anchors.data(), rows[0].data(),
                              scratch.data());
  return rows;
}

/// `count` disjoint boxes: [k, k + 0.5] x [0, 1], not clipped.
std::vector<float> disjoint(std::size_t count) {
  std::vector<float> anchors;
  for (std::size_t k = 0; k < count; ++k) {
    const auto x = static_cast<float>(k);
    for (const float side : {x, 0.0F, x + 0.5F, 1.0F}) anchors.push_back(side);
  }
  return anchors;
}

MultiBoxDetectionOp unclipped() {
  MultiBoxDetectionOp op;
  op.clip = false;
  return op;
}

const MultiboxRow none{-1, -1, -1, -1, -1, -1};

TEST(KernelMultiBox, TiesThresholdsAndOrder) {
  // classes: background, 0, 1. Anchor 0: equal best, the first class wins. Anchor 1: background is
  // the largest of all, which does not matter. Anchor 2: exactly at the threshold, kept. Anchor 3:
  // just below, dropped. Anchor 4: same score as anchor 1, stays behind it.
  MultiBoxDetectionOp op = unclipped();
  op.threshold = 0.25F;
  const std::vector<float> cls_prob{0.2F, 0.9F, 0.1F,  0.1F,    0.1F,  //
                                    0.4F, 0.0F, 0.25F, 0.2499F, 0.1F,  //
                                    0.4F, 0.5F, 0.0F,  0.0F,    0.5F};
  const auto rows = detect(op, 3, cls_prob, std::vector<float>(20, 0), disjoint(5));
  EXPECT_EQ(rows[0], (MultiboxRow{1, 0.5F, 1, 0, 1.5F, 1}));
  EXPECT_EQ(rows[1], (MultiboxRow{1, 0.5F, 4, 0, 4.5F, 1}));
  EXPECT_EQ(rows[2], (MultiboxRow{0, 0.4F, 0, 0, 0.5F, 1}));
  EXPECT_EQ(rows[3], (MultiboxRow{0, 0.25F, 2, 0, 2.5F, 1}));
  EXPECT_EQ(rows[4], none);
}

TEST(KernelMultiBox, SuppressionAtExactlyTheThreshold) {
  // [0, 1] and [0, 0.5] x [0, 1] overlap by exactly 0.5; [0.5, 1] does with the first as well but not
  // with the second.
  const std::vector<float> anchors{0, 0, 1, 1, 0, 0, 0.5F, 1, 0.5F, 0, 1, 1};
  MultiBoxDetectionOp op;
  const std::vector<float> one_class{0, 0, 0, 0.9F, 0.8F, 0.7F};
  auto rows = detect(op, 2, one_class, std::vector<float>(12, 0), anchors);
  EXPECT_EQ(rows[0], (MultiboxRow{0, 0.9F, 0, 0, 1, 1}));
  EXPECT_EQ(rows[1], (MultiboxRow{-1, 0.8F, 0, 0, 0.5F, 1}))
      << "IoU >= threshold suppresses and keeps the other columns";
  EXPECT_EQ(rows[2], (MultiboxRow{-1, 0.7F, 0.5F, 0, 1, 1}));
  op.nms_threshold = 0.5001F;
  rows = detect(op, 2, one_class, std::vector<float>(12, 0), anchors);
  EXPECT_EQ(rows[1][0], 0);
  EXPECT_EQ(rows[2][0], 0);
  // A suppressed box suppresses nothing: the second one is gone before it meets the third.
  const std::vector<float> chain{0, 0, 1, 1, 0, 0, 1, 0.75F, 0, 0, 1, 0.45F};
  op.nms_threshold = 0.55F;  // 1-2: 0.75, 2-3: 0.6, 1-3: 0.45
  rows = detect(op, 2, one_class, std::vector<float>(12, 0), chain);
  EXPECT_THAT((std::vector<float>{rows[0][0], rows[1][0], rows[2][0]}), testing::ElementsAre(0, -1, 0));
}

TEST(KernelMultiBox, OtherClassesOnlySuppressWhenForced) {
  const std::vector<float> anchors{0, 0, 1, 1, 0, 0, 1, 1};
  const std::vector<float> two_classes{0, 0, 0.9F, 0, 0, 0.8F};
  MultiBoxDetectionOp op;
  auto rows = detect(op, 3, two_classes, std::vector<float>(8, 0), anchors);
  EXPECT_EQ(rows[0][0], 0);
  EXPECT_EQ(rows[1][0], 1);
  op.force_suppress = true;
  rows = detect(op, 3, two_classes, std::vector<float>(8, 0), anchors);
  EXPECT_EQ(rows[0][0], 0);
  EXPECT_EQ(rows[1], (MultiboxRow{-1, 0.8F, 0, 0, 1, 1}));
}

TEST(KernelMultiBox, TopKLeavesTheRestBehindWithoutId) {
  MultiBoxDetectionOp op = unclipped();
  op.nms_topk = 2;
  const std::vector<float> cls_prob{0, 0, 0, 0, 0.1F, 0.4F, 0.3F, 0.2F};
  const auto rows = detect(op, 2, cls_prob, std::vector<float>(16, 0), disjoint(4));
  EXPECT_EQ(rows[0], (MultiboxRow{0, 0.4F, 1, 0, 1.5F, 1}));
  EXPECT_EQ(rows[1], (MultiboxRow{0, 0.3F, 2, 0, 2.5F, 1}));
  EXPECT_EQ(rows[2], (MultiboxRow{-1, 0.3F, 2, 0, 2.5F, 1})) << "rows beyond topk keep the unsorted compaction";
  EXPECT_EQ(rows[3], (MultiboxRow{-1, 0.2F, 3, 0, 3.5F, 1}));
}

TEST(KernelMultiBox, NoSuppressionOutsideTheValidThresholds) {
  const std::vector<float> cls_prob{0, 0, 0.3F, 0.6F};
  for (const float threshold : {0.0F, -1.0F, 1.5F, nan}) {
    MultiBoxDetectionOp op = unclipped();
    op.nms_threshold = threshold;
    const auto rows = detect(op, 2, cls_prob, std::vector<float>(8, 0), disjoint(2));
    EXPECT_EQ(rows[0], (MultiboxRow{0, 0.3F, 0, 0, 0.5F, 1})) << "unsorted at " << threshold;
    EXPECT_EQ(rows[1], (MultiboxRow{0, 0.6F, 1, 0, 1.5F, 1}));
  }
}

TEST(KernelMultiBox, NothingKeptAndHostileNumbers) {
  MultiBoxDetectionOp op;
  EXPECT_THAT(detect(op, 2, {1, 1, 0, 0}, std::vector<float>(8, 0), disjoint(2)), testing::Each(none));
  EXPECT_THAT(detect(op, 1, {1, 1}, std::vector<float>(8, 0), disjoint(2)), testing::Each(none));
  EXPECT_THAT(detect(op, 2, {1, 1, nan, nan}, std::vector<float>(8, 0), disjoint(2)), testing::Each(none));
  // NaN and infinite boxes are kept (their score says so) and suppress nothing.
  const auto rows = detect(op, 2, {0, 0, 0.5F, 0.4F}, {nan, nan, nan, nan, 0, 0, 1e30F, 1e30F}, disjoint(2));
  EXPECT_EQ(rows[0][0], 0);
  EXPECT_EQ(rows[1][0], 0);
}

TEST(KernelMultiBox, DecodesCentreAndSize) {
  MultiBoxDetectionOp op;
  op.clip = false;
  // Anchor 0.2..0.6 x 0.1..0.3: centre (0.4, 0.2), size (0.4, 0.2).
  const auto rows = detect(op, 2, {0, 0.9F}, {1, -2, 0.5F, -0.5F}, {0.2F, 0.1F, 0.6F, 0.3F});
  const double cx = 0.4 + 0.1 * 0.4, cy = 0.2 - 0.2 * 0.2, hw = std::exp(0.1) * 0.2, hh = std::exp(-0.1) * 0.1;
  EXPECT_NEAR(rows[0][2], cx - hw, 1e-6);
  EXPECT_NEAR(rows[0][3], cy - hh, 1e-6);
  EXPECT_NEAR(rows[0][4], cx + hw, 1e-6);
  EXPECT_NEAR(rows[0][5], cy + hh, 1e-6);
  op.clip = true;
  const auto clipped = detect(op, 2, {0, 0.9F}, {0, 0, 15, 15}, {0.2F, 0.1F, 0.6F, 0.3F});
  EXPECT_EQ(clipped[0], (MultiboxRow{0, 0.9F, 0, 0, 1, 1}));
}

TEST(KernelMultiBox, RandomImagesEqualTheDefinitionAndEachOther) {
  Random random(61);
  for (int round = 0; round < 30; ++round) {
    const std::size_t count = static_cast<std::size_t>(random.integer(1, 1500)),
                      classes = static_cast<std::size_t>(random.integer(2, 9)), images = 2;
    MultiBoxDetectionOp op;
    op.threshold = random.real(0, 0.9F);
    op.nms_threshold = random.real(0.2F, 0.8F);
    op.force_suppress = random.integer(0, 1) == 1;
    op.clip = random.integer(0, 1) == 1;
    op.nms_topk = random.integer(-1, 300);
    std::vector<float> anchors, cls_prob;
    for (std::size_t a = 0; a < count; ++a) {
      const float x = random.real(0, 0.8F), y = random.real(0, 0.8F);
      anchors.insert(anchors.end(), {x, y, x + random.real(0, 0.3F), y + random.real(0, 0.3F)});
    }
    // Few different scores: many ties.
    for (std::size_t i = 0; i < images * classes * count; ++i)
      cls_prob.push_back(static_cast<float>(random.integer(0, 40)) / 40);
    const auto loc = random.reals(images * 4 * count, -1, 1);
    for_each_target([&](const std::string& target) {
      const auto rows = detect(op, static_cast<std::int64_t>(classes), cls_prob, loc, anchors);
      for (std::size_t n = 0; n < images; ++n) {
        const auto expected = reference_detection(op, classes, count, cls_prob.data() + n * classes * count,
                                                  loc.data() + n * 4 * count, anchors.data());
        const float* first = rows[n * count].data();
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), first)) << target << ", round " << round;
      }
    });
  }
}

TEST(KernelMultiBox, EqualsTheGoldenSsdDetections) {
  OCTET_REQUIRE_ASSETS();
  const auto folder = assets() / "golden" / "ssd_mobilenet_v1_coco";
  const auto inputs = read_npz(folder / "multibox_inputs.npz").value();
  const Npy outputs = read_npy(folder / "outputs_f32.npy").value();
  const auto cls_prob = inputs.at("cls_prob_image0").as<float>();
  const auto loc_pred = inputs.at("loc_pred_image0").as<float>();
  const auto anchors = inputs.at("anchor").as<float>();
  const auto expected = outputs.row<float>(0);
  ASSERT_EQ(anchors.size(), 1917U * 4);
  MultiBoxDetectionOp op;
  op.nms_threshold = 0.6F;
  op.nms_topk = 400;
  const auto copy = [](std::span<const float> x) { return std::vector<float>(x.begin(), x.end()); };
  const auto rows =
      detect(op, static_cast<std::int64_t>(cls_prob.size() / 1917), copy(cls_prob), copy(loc_pred), copy(anchors));
  ASSERT_EQ(expected.size(), 400U * 6);
  int kept = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    ASSERT_EQ(rows[i][0], expected[i * 6]) << "id of row " << i;
    ASSERT_EQ(rows[i][1], expected[i * 6 + 1]) << "score of row " << i;
    for (std::size_t k = 2; k < 6; ++k) ASSERT_NEAR(rows[i][k], expected[i * 6 + k], 1e-6) << "row " << i;
    kept += rows[i][0] >= 0 ? 1 : 0;
  }
  EXPECT_GT(kept, 5);
  for (std::size_t i = 400; i < rows.size(); ++i) ASSERT_EQ(rows[i][0], -1);
}

}  // namespace
}  // namespace octet::test
