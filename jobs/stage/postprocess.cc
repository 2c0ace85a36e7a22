#include "octet/jobs/stage/postprocess.h"

#include <algorithm>  // std::partial_sort
#include <cmath>      // std::isnan
#include <numeric>    // std::iota
#include <utility>    // std::pair

namespace octet {
namespace {

constexpr std::size_t row_values = 6;

// original = offset + share * scale, per axis.
struct AxisMap {
  double offset = 0, scale = 1;
  [[nodiscard]] float operator()(float share) const { return static_cast<float>(offset + share * scale); }
};

// `stored` pixels were resized to `resized`, of which `input` are seen from the middle.
AxisMap map_axis(std::int64_t stored, std::int64_t resized, std::int64_t input) {
  const double ratio = static_cast<double>(stored) / static_cast<double>(resized);
  const auto crop = static_cast<double>((resized - input) / 2);
  return {crop * ratio, static_cast<double>(input) * ratio};
}

// Width and height that the loader resizes a picture to before it crops (MXNet's rules: shorter side
// to resize_short, then both sides up to the crop where they are still smaller; fractions cut off).
std::pair<std::int64_t, std::int64_t> resized_size(const Preprocess& preprocess, std::int64_t width,
                                                   std::int64_t height) {
  if (const std::int64_t shorter = preprocess.resize_short; shorter > 0) {
    const bool tall = height > width;
    const std::int64_t longer = tall ? shorter * height / width : shorter * width / height;
    width = tall ? shorter : longer;
    height = tall ? longer : shorter;
  }
  if (height < preprocess.height) {
    width = static_cast<std::int64_t>(static_cast<float>(preprocess.height) / static_cast<float>(height) *
                                      static_cast<float>(width));
    height = preprocess.height;
  }
  if (width < preprocess.width) {
    height = static_cast<std::int64_t>(static_cast<float>(preprocess.width) / static_cast<float>(width) *
                                       static_cast<float>(height));
    width = preprocess.width;
  }
  return {width, height};
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
  AxisMap x{0, static_cast<double>(picture.width)};
  AxisMap y{0, static_cast<double>(picture.height)};
  if (preprocess.resize == ResizeMode::shorter_side && picture.width > 0 && picture.height > 0) {
    const auto [width, height] = resized_size(preprocess, picture.width, picture.height);
    x = map_axis(picture.width, width, preprocess.width);
    y = map_axis(picture.height, height, preprocess.height);
  }
  std::vector<Detection> found;
  for (std::size_t at = 0; at + row_values <= rows.size(); at += row_values) {
    const auto row = rows.subspan(at, row_values);
    if (!(row[0] >= 0)) continue;
    found.push_back({static_cast<int>(row[0]), row[1], x(row[2]), y(row[3]), x(row[4]), y(row[5])});
  }
  return found;
}

}  // namespace octet
