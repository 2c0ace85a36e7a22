// Top-k and the way of boxes back to the original picture.
#include "octet/jobs/stage/postprocess.h"

#include <gtest/gtest.h>
#include <algorithm>  // std::stable_sort
#include <cmath>      // std::nanf
#include <numeric>    // std::iota

#include "octet/jobs/stage/workers.h"

namespace octet {
namespace {

std::vector<int> ids(const std::vector<Prediction>& predictions) {
  std::vector<int> all;
  for (const Prediction& prediction : predictions) all.push_back(prediction.id);
  return all;
}

TEST(TopK, TiesGoToTheLowerIdAndNaNsToTheEnd) {
  const float nan = std::nanf("");
  const std::vector<float> scores = {0.5F, nan, 0.75F, 0.5F, -1, 0.75F, nan};
  EXPECT_EQ(ids(top_k(scores, 3)), (std::vector<int>{2, 5, 0}));
  EXPECT_EQ(ids(top_k(scores, 100)), (std::vector<int>{2, 5, 0, 3, 4, 1, 6}));
  EXPECT_TRUE(top_k({}, 5).empty());
  EXPECT_EQ(ids(top_k(std::vector<float>(4, nan), 2)), (std::vector<int>{0, 1}));
}

TEST(TopK, EqualsAStableSort) {
  std::uint32_t state = 7;
  for (int round = 0; round < 200; ++round) {
    std::vector<float> scores(50);
    for (float& score : scores) {
      state = state * 1664525U + 1013904223U;
      score = static_cast<float>(state >> 28U);  // 16 values: many ties
    }
    std::vector<int> expected(scores.size());
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](int a, int b) { return scores[a] > scores[b]; });
    expected.resize(7);
    ASSERT_EQ(ids(top_k(scores, 7)), expected);
  }
}

Preprocess preprocess(ResizeMode mode, std::int64_t resize_short) {
  Preprocess result;
  result.width = 300;
  result.height = 200;
  result.resize = mode;
  result.resize_short = resize_short;
  return result;
}

const std::vector<float> rows = {3, 0.9F, 0, 0, 1, 1, -1, 0.8F, 0, 0, 1, 1, 5, 0.7F, 0.25F, 0.5F, 0.5F, 1};

TEST(Detections, AWarpedInputCoversThePicture) {
  const auto found = detections(rows, preprocess(ResizeMode::warp, 0), {1000, 500, false});
  ASSERT_EQ(found.size(), 2U);  // the row with id -1 is none
  EXPECT_EQ(found[0].id, 3);
  EXPECT_EQ(found[0].xmax, 1000);
  EXPECT_EQ(found[0].ymax, 500);
  EXPECT_EQ(found[1].id, 5);
  EXPECT_EQ(found[1].xmin, 250);
  EXPECT_EQ(found[1].ymin, 250);
  EXPECT_EQ(found[1].xmax, 500);
  EXPECT_EQ(found[1].score, 0.7F);
}

TEST(Detections, GluonCvsThreeOutputsAreTheSameRows) {
  // 300 x 200 pixels of input.
  const std::vector<float> ids{3, -1, 5}, scores{0.9F, 0.8F, 0.7F};
  const std::vector<float> boxes{0, 0, 300, 200, 0, 0, 300, 200, 75, 100, 150, 200};
  EXPECT_EQ(detection_rows(ids, scores, boxes, preprocess(ResizeMode::warp, 0)), rows);
}

TEST(Detections, ACroppedInputLiesInTheMiddle) {
  // 800 x 800 -> 400 x 400, of which columns 50..349 and rows 100..299 are seen.
  const auto found = detections(rows, preprocess(ResizeMode::shorter_side, 400), {800, 800, false});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_FLOAT_EQ(found[0].xmin, 100);
  EXPECT_FLOAT_EQ(found[0].xmax, 700);
  EXPECT_FLOAT_EQ(found[0].ymin, 200);
  EXPECT_FLOAT_EQ(found[0].ymax, 600);
}

TEST(Detections, ALetterboxedInputHasThePictureInTheMiddle) {
  // 1000 x 500 -> 300 x 150, rows 25..174 of 200.
  const auto wide = detections(rows, preprocess(ResizeMode::letterbox, 0), {1000, 500, false});
  ASSERT_EQ(wide.size(), 2U);
  EXPECT_EQ(wide[0].xmin, 0);
  EXPECT_EQ(wide[0].xmax, 1000);
  EXPECT_EQ(wide[0].ymin, 0) << "clipped: the input's edge is above the picture";
  EXPECT_EQ(wide[0].ymax, 500);
  EXPECT_FLOAT_EQ(wide[1].xmin, 250);
  EXPECT_FLOAT_EQ(wide[1].xmax, 500);
  EXPECT_FLOAT_EQ(wide[1].ymin, 250);  // the middle of both
  EXPECT_FLOAT_EQ(wide[1].ymax, 500);
  // 50 x 100 -> 100 x 200, columns 100..199 of 300.
  const std::vector<float> middle = {0, 0.9F, 1.0F / 3, 0.25F, 0.5F, 0.75F};
  const auto tall = detections(middle, preprocess(ResizeMode::letterbox, 0), {50, 100, false});
  ASSERT_EQ(tall.size(), 1U);
  EXPECT_NEAR(tall[0].xmin, 0, 1e-4);
  EXPECT_FLOAT_EQ(tall[0].xmax, 25);
  EXPECT_FLOAT_EQ(tall[0].ymin, 25);
  EXPECT_FLOAT_EQ(tall[0].ymax, 75);
}

TEST(Detections, BoxesAreClippedToThePicture) {
  const std::vector<float> outside = {0, 0.9F, -0.5F, 0.5F, 1.5F, 2};
  const auto warped = detections(outside, preprocess(ResizeMode::warp, 0), {1000, 500, false});
  ASSERT_EQ(warped.size(), 1U);
  EXPECT_EQ(warped[0].xmin, 0);
  EXPECT_EQ(warped[0].ymin, 250);
  EXPECT_EQ(warped[0].xmax, 1000);
  EXPECT_EQ(warped[0].ymax, 500);
  // Beyond the crop but inside the picture: not clipped. Columns 50..349 of 400 are seen.
  const auto cropped = detections(std::vector<float>{0, 0.9F, -0.1F, 0, 1.1F, 1},
                                  preprocess(ResizeMode::shorter_side, 400), {800, 800, false});
  EXPECT_FLOAT_EQ(cropped[0].xmin, 40);
  EXPECT_FLOAT_EQ(cropped[0].xmax, 760);
}

TEST(Detections, NaNIdsAreNoDetections) {
  EXPECT_TRUE(
      detections(std::vector<float>{std::nanf(""), 1, 0, 0, 1, 1}, preprocess(ResizeMode::warp, 0), {}).empty());
}

TEST(CopyPicture, MovesThePictureBetweenBorders) {
  Preprocess size;
  size.width = 4;
  size.height = 3;
  const Border from{1, 2, 0, 1, {7, 8, 9}};
  const Border to{0, 1, 2, 0, {1, 2, 3}};
  std::vector<std::uint8_t> src(static_cast<std::size_t>(4 * 7) * 3);
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<std::uint8_t>(100 + i);
  std::vector<std::uint8_t> dst(static_cast<std::size_t>(5 * 5) * 3);
  copy_picture(size, from, src, to, dst);
  for (std::size_t y = 0; y < 5; ++y) {
    for (std::size_t x = 0; x < 5; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        const bool inside = x >= 1 && y < 3;
        const std::size_t expected = inside ? 100 + ((y + 1) * 7 + (x - 1 + 2)) * 3 + c : c + 1;
        ASSERT_EQ(dst[(y * 5 + x) * 3 + c], static_cast<std::uint8_t>(expected)) << x << ' ' << y;
      }
    }
  }
}

}  // namespace
}  // namespace octet
