#include <cmath>   // std::isfinite
#include <string>  // std::to_string

#include "octet/jobs/ground_truth.h"

namespace octet {
namespace {

constexpr float end_of_int = 2147483648.0F;

Error malformed(const std::string& what) {
  return {
      ErrorCode::usage,
      {},
      "is not labelled with objects (header width, object width, objects of class, xmin, ymin, xmax, ymax): " + what};
}

// A whole number of at least `least`; 0 when it is none.
std::size_t whole(float value, float least) {
  if (!(value >= least && value < end_of_int) || std::trunc(value) != value) return 0;
  return static_cast<std::size_t>(value);
}

}  // namespace

Result<ImageTruth> parse_packed_label(std::span<const float> label) {
  if (label.size() < 2) return malformed(std::to_string(label.size()) + " label values");
  const std::size_t header = whole(label[0], 2);
  const std::size_t width = whole(label[1], 5);
  if (header == 0) return malformed("the header width must be a whole number of at least 2");
  if (width == 0) return malformed("the object width must be a whole number of at least 5");
  if (header > label.size() || (label.size() - header) % width != 0) {
    return malformed(std::to_string(label.size()) + " values do not hold whole objects of " + std::to_string(width) +
                     " behind a header of " + std::to_string(header));
  }
  ImageTruth truth;
  for (std::size_t at = header; at < label.size(); at += width) {
    const auto object = label.subspan(at, width);
    if (object[0] < 0) continue;
    if (!(object[0] < end_of_int) || std::trunc(object[0]) != object[0]) {
      return malformed("a class id is not a whole number");
    }
    for (std::size_t k = 1; k <= 4; ++k) {
      if (!std::isfinite(object[k])) return malformed("a corner is not a finite number");
    }
    if (object[3] <= object[1] || object[4] <= object[2]) continue;
    TruthBox box;
    box.id = static_cast<int>(object[0]);
    box.xmin = object[1];
    box.ymin = object[2];
    box.xmax = object[3];
    box.ymax = object[4];
    box.difficult = width >= 6 && object[5] > 0;
    truth.boxes.push_back(box);
  }
  return truth;
}

std::vector<float> make_packed_label(const ImageTruth& truth, double width, double height) {
  std::vector<float> label{2, 6};
  for (const TruthBox& box : truth_in_pixels(truth, width, height)) {
    label.insert(label.end(), {static_cast<float>(box.id), static_cast<float>(box.xmin / width),
                               static_cast<float>(box.ymin / height), static_cast<float>(box.xmax / width),
                               static_cast<float>(box.ymax / height), box.difficult || box.crowd ? 1.0F : 0.0F});
  }
  return label;
}

std::vector<TruthBox> truth_in_pixels(const ImageTruth& truth, double width, double height) {
  const double x = truth.width > 0 ? width / truth.width : 1;
  const double y = truth.height > 0 ? height / truth.height : 1;
  std::vector<TruthBox> boxes = truth.boxes;
  for (TruthBox& box : boxes) {
    box.xmin *= x;
    box.xmax *= x;
    box.ymin *= y;
    box.ymax *= y;
    box.area = box.area < 0 ? (box.xmax - box.xmin) * (box.ymax - box.ymin) : box.area * x * y;
  }
  return boxes;
}

}  // namespace octet
