#include "octet/jobs/stage/postprocess.h"

#include <algorithm>  // std::clamp
#include <cmath>      // std::isnan
#include <numeric>    // std::iota

#include "octet/loader/geometry.h"

namespace octet {
namespace {

constexpr std::size_t row_values = 6;

// original = offset + share * scale, per axis, clipped to 0..size.
struct AxisMap {
  double offset = 0, scale = 1, size = 1;
  [[nodiscard]] float operator()(float share) const {
    return static_cast<float>(std::clamp(offset + share * scale, 0.0, size));
  }
};

// `stored` pixels were resized to `resized`, of which those from `crop` on lie in the input of `input` pixels from
// `place` on.
AxisMap map_axis(std::int64_t stored, std::int64_t resized, std::int64_t crop, std::int64_t place, std::int64_t input) {
  const double ratio = static_cast<double>(stored) / static_cast<double>(resized);
  return {static_cast<double>(crop - place) * ratio, static_cast<double>(input) * ratio, static_cast<double>(stored)};
}

}  // namespace

std::vector<Prediction> top_k(std::span<const float> scores, std::size_t k) {
  k = std::min(k, scores.size());
  std::vector<int> ids(scores.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto better = [scores](int a, int b) {
    const float x = scores[static_cast<std::size_t>(a)];
    const float y = scores[static_cast<std::size_t>(b)];
    if (std::isnan(x) || std::isnan(y)) return std::isnan(x) == std::isnan(y) ? a < b : std::isnan(y);
    return x == y ? a < b : x > y;
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(k), ids.end(), better);
  std::vector<Prediction> best(k);
  for (std::size_t i = 0; i < k; ++i) best[i] = {ids[i], scores[static_cast<std::size_t>(ids[i])]};
  return best;
}

std::vector<Detection> detections(std::span<const float> rows, const Preprocess& preprocess, const ImageInfo& picture) {
  const Size stored{std::max<std::int64_t>(1, picture.width), std::max<std::int64_t>(1, picture.height)};
  AxisMap x = map_axis(stored.width, stored.width, 0, 0, stored.width);
  AxisMap y = map_axis(stored.height, stored.height, 0, 0, stored.height);
  if (const auto geometry = plan_geometry(stored, preprocess)) {
    const Size resized = geometry->resizes().empty() ? stored : geometry->resizes().back();
    x = map_axis(stored.width, resized.width, geometry->crop.x, geometry->left, preprocess.width);
    y = map_axis(stored.height, resized.height, geometry->crop.y, geometry->top, preprocess.height);
  }
  std::vector<Detection> found;
  for (std::size_t at = 0; at + row_values <= rows.size(); at += row_values) {
    const auto row = rows.subspan(at, row_values);
    if (!(row[0] >= 0)) continue;
    found.push_back({static_cast<int>(row[0]), row[1], x(row[2]), y(row[3]), x(row[4]), y(row[5])});
  }
  return found;
}

std::vector<float> detection_rows(std::span<const float> ids, std::span<const float> scores,
                                  std::span<const float> boxes, const Preprocess& preprocess) {
  const std::size_t count = std::min({ids.size(), scores.size(), boxes.size() / 4});
  const auto width = static_cast<float>(preprocess.width), height = static_cast<float>(preprocess.height);
  std::vector<float> rows;
  rows.reserve(count * row_values);
  for (std::size_t i = 0; i < count; ++i) {
    const auto box = boxes.subspan(4 * i, 4);
    rows.insert(rows.end(), {ids[i], scores[i], box[0] / width, box[1] / height, box[2] / width, box[3] / height});
  }
  return rows;
}

}  // namespace octet
