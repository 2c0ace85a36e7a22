#include "octet/executor/kernels/box_nms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/box_nms.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Numbers of the rows (of `classes` scores, the first of which does not count) with a score above `threshold`;
/// returns how many of the `count` rows have one.
std::size_t find_rows(std::size_t count, std::size_t classes, const float* scores, float threshold,
                      std::int32_t* found) {
  const hn::CappedTag<float, 8> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto limit = hn::Set(d, threshold);
  std::size_t n = 0;
  for (std::size_t row = 0; row < count; ++row, scores += classes) {
    bool any = false;
    if (classes > lanes) {
      // The last vector overlaps the one before it.
      auto above = hn::Gt(hn::LoadU(d, scores + classes - lanes), limit);
      for (std::size_t c = 1; c + lanes < classes; c += lanes) {
        above = hn::Or(above, hn::Gt(hn::LoadU(d, scores + c), limit));
      }
      any = !hn::AllFalse(d, above);
    } else {
      for (std::size_t c = 1; c < classes; ++c) any = any || scores[c] > threshold;
    }
    found[n] = static_cast<std::int32_t>(row);
    n += any ? 1 : 0;
  }
  return n;
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(find_rows);

namespace {

/// Orders by descending score, then by ascending row: what a stable descending sort yields.
struct Candidate {
  float score;
  std::int32_t row;
  bool operator<(const Candidate& other) const {
    return score > other.score || (score == other.score && row < other.row);
  }
};

/// Length of the common part of two sides.
float common(float a0, float a1, float b0, float b1, BoxFormat format) {
  if (format == BoxFormat::center) {
    const float ah = a1 / 2, bh = b1 / 2;
    return common(a0 - ah, a0 + ah, b0 - bh, b0 + bh, BoxFormat::corner);
  }
  const float length = std::min(a1, b1) - std::max(a0, b0);
  return length > 0 ? length : 0;
}

float area(const float* box, BoxFormat format) {
  const float width = format == BoxFormat::corner ? box[2] - box[0] : box[2];
  const float height = format == BoxFormat::corner ? box[3] - box[1] : box[3];
  return width < 0 || height < 0 ? 0 : width * height;
}

float overlap(const float* a, const float* b, BoxFormat format) {
  const float both = common(a[0], a[2], b[0], b[2], format) * common(a[1], a[3], b[1], b[3], format);
  return both / (area(a, format) + area(b, format) - both);
}

void convert_row(float* box, BoxFormat to) {
  if (box[0] < 0) return;
  if (to == BoxFormat::center) {
    const std::array<float, 4> center{(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]};
    std::copy(center.begin(), center.end(), box);
  } else {
    const float w = box[2] / 2, h = box[3] / 2;
    const std::array<float, 4> corners{box[0] - w, box[1] - h, box[0] + w, box[1] + h};
    std::copy(corners.begin(), corners.end(), box);
  }
}

/// Marks later candidates that one before them suppresses, by row -1. `same(a, b)` tells whether ids allow it.
template <class Same, class Box>
void suppress(Candidate* begin, std::size_t count, float threshold, BoxFormat format, const Same& same,
              const Box& box) {
  for (std::size_t i = 0; i < count; ++i) {
    if (begin[i].row < 0) continue;
    for (std::size_t j = i + 1; j < count; ++j) {
      if (begin[j].row < 0 || !same(i, j)) continue;
      if (overlap(box(i), box(j), format) > threshold) begin[j].row = -1;
    }
  }
}

void nms_image(const BoxNmsOp& op, const BoxNmsShape& shape, const float* src, float* dst, Candidate* candidates) {
  const auto boxes = static_cast<std::size_t>(shape.boxes), width = static_cast<std::size_t>(shape.width);
  const std::size_t limit = op.topk < 0 ? boxes : std::min(boxes, static_cast<std::size_t>(op.topk));
  if (limit == 0) {
    std::copy(src, src + boxes * width, dst);
    return;
  }
  const bool has_id = op.id_index >= 0;
  const auto row = [&](std::size_t i) { return src + static_cast<std::size_t>(candidates[i].row) * width; };
  std::size_t valid = 0;
  for (std::size_t i = 0; i < boxes; ++i) {
    const float score = src[i * width + static_cast<std::size_t>(op.score_index)];
    if (!(score > op.valid_thresh)) continue;
    if (has_id && src[i * width + static_cast<std::size_t>(op.id_index)] == static_cast<float>(op.background_id)) {
      continue;
    }
    candidates[valid++] = {score, static_cast<std::int32_t>(i)};
  }
  const std::size_t top = std::min(limit, valid);
  std::partial_sort(candidates, candidates + top, candidates + valid);
  const auto same = [&](std::size_t i, std::size_t j) {
    if (op.force_suppress || !has_id) return true;
    return std::trunc(row(i)[op.id_index]) == std::trunc(row(j)[op.id_index]);
  };
  suppress(candidates, top, op.overlap_thresh, op.in_format, same,
           [&](std::size_t i) { return row(i) + op.coord_start; });
  float* const end = dst + boxes * width;
  for (std::size_t i = 0; i < top; ++i) {
    if (candidates[i].row < 0) continue;
    std::copy_n(row(i), width, dst);
    if (op.in_format != op.out_format) convert_row(dst + op.coord_start, op.out_format);
    dst += width;
  }
  std::fill(dst, end, -1.0F);
}

struct Detected {
  float id, score;
  std::array<float, 4> box;
};

/// Candidates that are kept while more are looked for. When the buffer is full, all but the best `top` go.
class Best {
 public:
  Best(Candidate* buffer, std::size_t capacity, std::size_t top) : begin_(buffer), capacity_(capacity), top_(top) {}

  void add(Candidate candidate) {
    if (count_ == capacity_) {
      std::nth_element(begin_, begin_ + top_, begin_ + count_);
      count_ = top_;
    }
    begin_[count_++] = candidate;
  }
  /// Orders the best ones and returns their number.
  std::size_t finish() {
    const std::size_t top = std::min(top_, count_);
    std::partial_sort(begin_, begin_ + top, begin_ + count_);
    return top;
  }

 private:
  Candidate* begin_;
  std::size_t capacity_, top_, count_ = 0;
};

struct Sizes {
  std::size_t all, top, capacity;  ///< rows, rows that NMS sees, candidates in the buffer
};

Sizes sizes_of(const BoxDetectionOp& op, const BoxDetectionShape& shape) {
  constexpr std::size_t kSpare = 4096;
  const std::size_t all = static_cast<std::size_t>(shape.anchors) * static_cast<std::size_t>(shape.classes - 1);
  const std::size_t top = op.topk < 0 ? all : std::min(all, static_cast<std::size_t>(op.topk));
  return {all, top, std::min(all, 2 * top + kSpare)};
}

std::size_t find_candidates(const BoxDetectionOp& op, const BoxDetectionShape& shape, const float* cls_prob,
                            Candidate* buffer) {
  constexpr std::size_t kBlock = 512;
  std::array<std::int32_t, kBlock> found;  // NOLINT(cppcoreguidelines-pro-type-member-init): find_rows fills it
  const Sizes sizes = sizes_of(op, shape);
  const float threshold = std::max(op.score_threshold, op.valid_thresh);
  const auto anchors = static_cast<std::size_t>(shape.anchors), classes = static_cast<std::size_t>(shape.classes);
  Best best(buffer, sizes.capacity, sizes.top);
  for (std::size_t first = 0; first < anchors; first += kBlock) {
    const float* block = cls_prob + first * classes;
    const std::size_t rows =
        HWY_DYNAMIC_DISPATCH(find_rows)(std::min(kBlock, anchors - first), classes, block, threshold, found.data());
    for (std::size_t k = 0; k < rows; ++k) {
      const auto row = static_cast<std::size_t>(found[k]);
      for (std::size_t c = 1; c < classes; ++c) {
        const float score = block[row * classes + c];
        if (score > threshold) best.add({score, static_cast<std::int32_t>((c - 1) * anchors + first + row)});
      }
    }
  }
  return best.finish();
}

std::array<float, 4> decode(const BoxDetectionOp& op, const float* anchor, const float* p) {
  const auto moved = [&](std::size_t k) { return p[k] * op.stds[k] + op.means[k]; };
  const float cx = moved(0) * anchor[2] + anchor[0];
  const float cy = moved(1) * anchor[3] + anchor[1];
  const float hw = std::exp(moved(2)) * anchor[2] / 2;
  const float hh = std::exp(moved(3)) * anchor[3] / 2;
  return {cx - hw, cy - hh, cx + hw, cy + hh};
}

void detect_image(const BoxDetectionOp& op, const BoxDetectionShape& shape, const float* cls_prob,
                  const float* loc_pred, const float* anchors, float* dst, void* scratch) {
  auto* candidates = static_cast<Candidate*>(scratch);
  auto* detected = reinterpret_cast<Detected*>(candidates + sizes_of(op, shape).capacity);
  const std::size_t top = find_candidates(op, shape, cls_prob, candidates);
  const auto per_class = static_cast<std::size_t>(shape.anchors);
  for (std::size_t i = 0; i < top; ++i) {
    const auto row = static_cast<std::size_t>(candidates[i].row);
    const std::size_t at = 4 * (row % per_class);
    detected[i] = {static_cast<float>(row / per_class), candidates[i].score, decode(op, anchors + at, loc_pred + at)};
  }
  suppress(
      candidates, top, op.overlap_thresh, BoxFormat::corner,
      [&](std::size_t i, std::size_t j) { return detected[i].id == detected[j].id; },
      [&](std::size_t i) { return detected[i].box.data(); });
  float* const end = dst + static_cast<std::size_t>(op.rows) * 6;
  for (std::size_t i = 0; i < top && dst != end; ++i) {
    if (candidates[i].row < 0) continue;
    *dst++ = detected[i].id;
    *dst++ = detected[i].score;
    dst = std::copy(detected[i].box.begin(), detected[i].box.end(), dst);
  }
  std::fill(dst, end, -1.0F);
}

}  // namespace

std::size_t box_nms_scratch_bytes(const BoxNmsShape& shape) noexcept {
  return static_cast<std::size_t>(shape.boxes) * sizeof(Candidate);
}

void box_nms(const BoxNmsOp& op, const BoxNmsShape& shape, const float* src, float* dst, void* scratch) noexcept {
  const std::size_t step = static_cast<std::size_t>(shape.boxes) * static_cast<std::size_t>(shape.width);
  for (std::int64_t n = 0; n < shape.images; ++n, src += step, dst += step) {
    nms_image(op, shape, src, dst, static_cast<Candidate*>(scratch));
  }
}

std::size_t box_detection_scratch_bytes(const BoxDetectionOp& op, const BoxDetectionShape& shape) noexcept {
  const Sizes sizes = sizes_of(op, shape);
  return sizes.capacity * sizeof(Candidate) + sizes.top * sizeof(Detected);
}

void box_detection(const BoxDetectionOp& op, const BoxDetectionShape& shape, const float* cls_prob,
                   const float* loc_pred, const float* anchors, float* dst, void* scratch) noexcept {
  const auto count = static_cast<std::size_t>(shape.anchors);
  for (std::int64_t n = 0; n < shape.images; ++n) {
    detect_image(op, shape, cls_prob, loc_pred, anchors, dst, scratch);
    cls_prob += count * static_cast<std::size_t>(shape.classes);
    loc_pred += 4 * count;
    dst += static_cast<std::size_t>(op.rows) * 6;
  }
}

}  // namespace octet::kernels
#endif
