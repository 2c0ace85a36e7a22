#include "octet/executor/kernels/multibox.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/multibox.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

/// Best class and its score of `count` anchors; class 0 and score -1 where none is above -1.
void best_classes(std::size_t count, std::int64_t classes, std::size_t anchors, const float* cls_prob,
                  float* HWY_RESTRICT score, std::int32_t* HWY_RESTRICT best) {
  for (std::size_t a = 0; a < count; ++a) {
    score[a] = -1;
    best[a] = 0;
  }
  for (std::int64_t j = 1; j < classes; ++j) {
    const float* row = cls_prob + static_cast<std::size_t>(j) * anchors;
    const auto id = static_cast<std::int32_t>(j);
    for (std::size_t a = 0; a < count; ++a) {
      const bool better = row[a] > score[a];
      score[a] = better ? row[a] : score[a];
      best[a] = better ? id : best[a];
    }
  }
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(best_classes);

namespace {

struct Row {
  float id, score, xmin, ymin, xmax, ymax;
};
static_assert(sizeof(Row) == 6 * sizeof(float));

/// Orders by descending score, then by ascending row: what a stable descending sort yields.
struct Candidate {
  float score;
  std::int32_t row;
  bool operator<(const Candidate& other) const {
    return score > other.score || (score == other.score && row < other.row);
  }
};

/// Scratch: one Candidate and one Row per anchor.
struct Scratch {
  Candidate* candidates;
  Row* rows;
};

Row decode(const MultiBoxDetectionOp& op, const float* anchor, const float* p, float id, float score) {
  const float width = anchor[2] - anchor[0];
  const float height = anchor[3] - anchor[1];
  const float ax = (anchor[0] + anchor[2]) / 2;
  const float ay = (anchor[1] + anchor[3]) / 2;
  const float cx = p[0] * op.variances[0] * width + ax;
  const float cy = p[1] * op.variances[1] * height + ay;
  const float hw = std::exp(p[2] * op.variances[2]) * width / 2;
  const float hh = std::exp(p[3] * op.variances[3]) * height / 2;
  const auto limit = [&op](float x) { return op.clip ? std::max(0.0F, std::min(1.0F, x)) : x; };
  return {id, score, limit(cx - hw), limit(cy - hh), limit(cx + hw), limit(cy + hh)};
}

float overlap(const Row& a, const Row& b) {
  const float width = std::max(0.0F, std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin));
  const float height = std::max(0.0F, std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin));
  const float both = width * height;
  const float either = (a.xmax - a.xmin) * (a.ymax - a.ymin) + (b.xmax - b.xmin) * (b.ymax - b.ymin) - both;
  return either <= 0 ? 0 : both / either;
}

/// Steps 1 to 3: fills `rows` with the kept anchors and returns their number.
std::size_t collect(const MultiBoxDetectionOp& op, const MultiBoxShape& shape, const float* cls_prob,
                    const float* loc_pred, const float* anchors, Row* rows) {
  constexpr std::size_t block = 512;
  std::array<float, block> score;      // NOLINT(cppcoreguidelines-pro-type-member-init): best_classes fills it
  std::array<std::int32_t, block> id;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const auto total = static_cast<std::size_t>(shape.anchors);
  std::size_t kept = 0;
  for (std::size_t first = 0; first < total; first += block) {
    const std::size_t count = std::min(block, total - first);
    HWY_DYNAMIC_DISPATCH(best_classes)(count, shape.classes, total, cls_prob + first, score.data(), id.data());
    for (std::size_t a = 0; a < count; ++a) {
      if (id[a] == 0 || score[a] < op.threshold) continue;
      const std::size_t at = 4 * (first + a);
      rows[kept++] = decode(op, anchors + at, loc_pred + at, static_cast<float>(id[a] - 1), score[a]);
    }
  }
  return kept;
}

void suppress(const MultiBoxDetectionOp& op, Row* rows, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (rows[i].id < 0) continue;
    for (std::size_t j = i + 1; j < count; ++j) {
      if (rows[j].id < 0 || (!op.force_suppress && rows[j].id != rows[i].id)) continue;
      if (overlap(rows[i], rows[j]) >= op.nms_threshold) rows[j].id = -1;
    }
  }
}

void detect(const MultiBoxDetectionOp& op, const MultiBoxShape& shape, const float* cls_prob, const float* loc_pred,
            const float* anchors, Row* dst, const Scratch& scratch) {
  const std::size_t kept = collect(op, shape, cls_prob, loc_pred, anchors, dst);
  std::fill(dst + kept, dst + shape.anchors, Row{-1, -1, -1, -1, -1, -1});
  if (kept == 0 || !(op.nms_threshold > 0 && op.nms_threshold <= 1)) return;
  Candidate* const begin = scratch.candidates;
  for (std::size_t i = 0; i < kept; ++i) {
    begin[i] = {dst[i].score, static_cast<std::int32_t>(i)};
    scratch.rows[i] = dst[i];
  }
  const std::size_t top = op.nms_topk > 0 ? std::min(kept, static_cast<std::size_t>(op.nms_topk)) : kept;
  std::partial_sort(begin, begin + top, begin + kept);
  for (std::size_t i = 0; i < top; ++i) dst[i] = scratch.rows[begin[i].row];
  for (std::size_t i = top; i < kept; ++i) dst[i].id = -1;
  suppress(op, dst, top);
}

}  // namespace

std::size_t multibox_detection_scratch_bytes(const MultiBoxShape& shape) noexcept {
  return static_cast<std::size_t>(shape.anchors) * (sizeof(Candidate) + sizeof(Row));
}

void multibox_detection(const MultiBoxDetectionOp& op, const MultiBoxShape& shape, const float* cls_prob,
                        const float* loc_pred, const float* anchors, float* dst, void* scratch) noexcept {
  const auto count = static_cast<std::size_t>(shape.anchors);
  auto* candidates = static_cast<Candidate*>(scratch);
  const Scratch areas{candidates, reinterpret_cast<Row*>(candidates + count)};
  for (std::int64_t n = 0; n < shape.images; ++n) {
    detect(op, shape, cls_prob, loc_pred, anchors, reinterpret_cast<Row*>(dst), areas);
    cls_prob += static_cast<std::size_t>(shape.classes) * count;
    loc_pred += 4 * count;
    dst += 6 * count;
  }
}

}  // namespace octet::kernels
#endif
