#include "octet/graph/anchors.h"

#include <algorithm>
#include <cmath>

namespace octet {
namespace {

constexpr std::int64_t kMaxBoxes = std::int64_t{1} << 24;

struct Half {
  float width, height;
};

/// Half sizes of the boxes at one place, in MXNet's order.
std::vector<Half> half_sizes(const MultiBoxPriorOp& op, std::int64_t height, std::int64_t width) {
  const auto half = [&](float size, float ratio) {
    const float root = std::sqrt(ratio);
    return Half{size * static_cast<float>(height) / static_cast<float>(width) * root / 2, size / root / 2};
  };
  std::vector<Half> halves;
  for (const float size : op.sizes) halves.push_back(half(size, op.ratios[0]));
  for (std::size_t i = 1; i < op.ratios.size(); ++i) halves.push_back(half(op.sizes[0], op.ratios[i]));
  return halves;
}

}  // namespace

Result<Tensor> multibox_prior(const MultiBoxPriorOp& op, std::int64_t height, std::int64_t width) {
  if (height < 1 || width < 1 || op.sizes.empty() || op.ratios.empty()) {
    return Error{ErrorCode::invalid_model, "", "anchors need a feature map, sizes and ratios"};
  }
  const std::vector<Half> halves = half_sizes(op, height, width);
  const auto places = kMaxBoxes / static_cast<std::int64_t>(halves.size());
  if (height > places || width > places / height) return Error{ErrorCode::limit, "", "too many anchors"};
  const std::int64_t boxes = height * width * static_cast<std::int64_t>(halves.size());
  OCTET_TRY(Tensor anchors, Tensor::create(DType::f32, {1, boxes, 4}));
  const bool given = op.steps[0] > 0 && op.steps[1] > 0;
  const float step_y = given ? op.steps[0] : 1.0F / static_cast<float>(height);
  const float step_x = given ? op.steps[1] : 1.0F / static_cast<float>(width);
  float* out = anchors.mutable_as<float>().data();
  for (std::int64_t r = 0; r < height; ++r) {
    const float cy = (static_cast<float>(r) + op.offsets[0]) * step_y;
    for (std::int64_t c = 0; c < width; ++c) {
      const float cx = (static_cast<float>(c) + op.offsets[1]) * step_x;
      for (const Half& half : halves) {
        const std::array<float, 4> box{cx - half.width, cy - half.height, cx + half.width, cy + half.height};
        for (const float corner : box) *out++ = op.clip ? std::min(std::max(corner, 0.0F), 1.0F) : corner;
      }
    }
  }
  return anchors;
}

}  // namespace octet
