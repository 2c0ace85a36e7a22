// A detector: INT8 finds what FP32 finds.
#include <gtest/gtest.h>

#include <algorithm>

#include "calibrator/pictures.h"
#include "support/assets.h"

namespace octet {
namespace {

using test::Pictures;

struct Box {
  int id = -1;
  float score = 0, left = 0, top = 0, right = 0, bottom = 0;
};

std::vector<Box> boxes_of(const std::vector<float>& output, float least_score) {
  std::vector<Box> boxes;
  for (std::size_t i = 0; i + 6 <= output.size(); i += 6) {
    const float* row = output.data() + i;
    if (row[0] >= 0 && row[1] >= least_score) {
      boxes.push_back({static_cast<int>(row[0]), row[1], row[2], row[3], row[4], row[5]});
    }
  }
  return boxes;
}

float overlap(const Box& a, const Box& b) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const auto area = [](const Box& x) { return (x.right - x.left) * (x.bottom - x.top); };
  return width * height / (area(a) + area(b) - width * height);
}

/// Share of `wanted` that has a box of the same class with IoU >= 0.5 in `found`; counts both.
void match(const std::vector<Box>& wanted, const std::vector<Box>& found, int& matched, int& total) {
  for (const Box& box : wanted) {
    ++total;
    const auto same = [&](const Box& other) { return other.id == box.id && overlap(box, other) >= 0.5F; };
    if (std::any_of(found.begin(), found.end(), same)) ++matched;
  }
}

TEST(Detection, Int8FindsWhatFloatFinds) {
  OCTET_REQUIRE_ASSETS();
  const std::string name = "ssd_mobilenet_v1_coco";
  const Model model = load_model(test::assets() / "models" / name / name).value();
  const Pictures all = test::load_pictures(test::assets() / "images" / "coco_val128", model.preprocess);
  const Pictures sample = test::select(all, [](std::size_t i) { return i % 10 == 0; });
  const Pictures rest = test::select(all, [](std::size_t i) { return i % 10 != 0; });
  const CalibratedModel calibrated = calibrate(model, {}, test::source_of(sample)).value();
  int seams = 0;
  for (const Node& node : calibrated.model.graph.nodes) {
    seams += node.as<QuantizeOp>() != nullptr || node.as<DequantizeOp>() != nullptr ? 1 : 0;
  }
  EXPECT_EQ(seams, 0) << dump(calibrated.model.graph);  // the heads yield floats by themselves
  const auto f32 = test::run(test::float_plan(model), rest);
  const auto int8 = test::run(Plan::compile(calibrated.model.graph).value(), rest);
  int found = 0, wanted = 0, right = 0, claimed = 0;
  for (std::size_t i = 0; i < f32.size(); ++i) {
    match(boxes_of(f32[i], 0.5F), boxes_of(int8[i], 0.3F), found, wanted);
    match(boxes_of(int8[i], 0.5F), boxes_of(f32[i], 0.3F), right, claimed);
  }
  EXPECT_GT(wanted, 100);
  EXPECT_GE(found, wanted * 97 / 100) << found << " of " << wanted;
  EXPECT_GE(right, claimed * 97 / 100) << right << " of " << claimed;
  RecordProperty("found", std::to_string(found) + " of " + std::to_string(wanted));
  RecordProperty("right", std::to_string(right) + " of " + std::to_string(claimed));
}

}  // namespace
}  // namespace octet
