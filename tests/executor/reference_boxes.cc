#include "executor/reference_boxes.h"

#include <algorithm>
#include <cmath>

namespace octet::test {
namespace {

using BoxRow = std::vector<float>;

struct Corners {
  float left, top, right, bottom;
};

Corners corners(const BoxNmsOp& op, const BoxRow& row) {
  const float* b = row.data() + op.coord_start;
  if (op.in_format == BoxFormat::corner) return {b[0], b[1], b[2], b[3]};
  return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
}

float area(const BoxNmsOp& op, const BoxRow& row) {
  const float* b = row.data() + op.coord_start;
  const bool corner = op.in_format == BoxFormat::corner;
  const float w = corner ? b[2] - b[0] : b[2], h = corner ? b[3] - b[1] : b[3];
  return w < 0 || h < 0 ? 0 : w * h;
}

float iou(const BoxNmsOp& op, const BoxRow& x, const BoxRow& y) {
  const Corners a = corners(op, x), b = corners(op, y);
  const float w = std::max(0.0F, std::min(a.right, b.right) - std::max(a.left, b.left));
  const float h = std::max(0.0F, std::min(a.bottom, b.bottom) - std::max(a.top, b.top));
  return w * h / (area(op, x) + area(op, y) - w * h);
}

void convert(const BoxNmsOp& op, BoxRow& row) {
  float* b = row.data() + op.coord_start;
  if (op.in_format == op.out_format || b[0] < 0) return;
  const float p = b[0], q = b[1], r = b[2], s = b[3];
  if (op.out_format == BoxFormat::center) {
    b[0] = (p + r) / 2, b[1] = (q + s) / 2, b[2] = r - p, b[3] = s - q;
  } else {
    b[0] = p - r / 2, b[1] = q - s / 2, b[2] = p + r / 2, b[3] = q + s / 2;
  }
}

}  // namespace

std::vector<float> reference_box_nms(const BoxNmsOp& op, std::size_t width, const std::vector<float>& rows) {
  if (op.topk == 0) return rows;
  const auto score = [&](const BoxRow& row) { return row[static_cast<std::size_t>(op.score_index)]; };
  const auto id = [&](const BoxRow& row) { return row[static_cast<std::size_t>(op.id_index)]; };
  std::vector<BoxRow> kept;
  for (std::size_t i = 0; i < rows.size(); i += width) {
    BoxRow row(rows.begin() + static_cast<std::ptrdiff_t>(i), rows.begin() + static_cast<std::ptrdiff_t>(i + width));
    const bool background = op.id_index >= 0 && id(row) == static_cast<float>(op.background_id);
    if (score(row) > op.valid_thresh && !background) kept.push_back(std::move(row));
  }
  std::stable_sort(kept.begin(), kept.end(), [&](const BoxRow& a, const BoxRow& b) { return score(a) > score(b); });
  if (op.topk > 0 && kept.size() > static_cast<std::size_t>(op.topk)) kept.resize(static_cast<std::size_t>(op.topk));
  std::vector<char> gone(kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (std::size_t j = i + 1; j < kept.size() && gone[i] == 0; ++j) {
      const bool rivals =
          op.force_suppress || op.id_index < 0 || static_cast<int>(id(kept[i])) == static_cast<int>(id(kept[j]));
      if (gone[j] == 0 && rivals && iou(op, kept[i], kept[j]) > op.overlap_thresh) gone[j] = 1;
    }
  }
  std::vector<float> result;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (gone[i] != 0) continue;
    convert(op, kept[i]);
    result.insert(result.end(), kept[i].begin(), kept[i].end());
  }
  result.resize(rows.size(), -1.0F);
  return result;
}

std::vector<float> reference_box_detection(const BoxDetectionOp& op, std::size_t classes, const float* cls_prob,
                                           const float* loc_pred, const std::vector<float>& anchors) {
  std::vector<float> rows;
  for (std::size_t c = 1; c < classes; ++c) {
    for (std::size_t a = 0; a < anchors.size() / 4; ++a) {
      const float score = cls_prob[a * classes + c];
      const bool above = score > op.score_threshold;
      const float *p = loc_pred + 4 * a, *box = anchors.data() + 4 * a;
      const auto moved = [&](std::size_t k) { return p[k] * op.stds[k] + op.means[k]; };
      const float x = moved(0) * box[2] + box[0], y = moved(1) * box[3] + box[1];
      const float w = std::exp(moved(2)) * box[2] / 2, h = std::exp(moved(3)) * box[3] / 2;
      for (const float value :
           {above ? static_cast<float>(c - 1) : -1.0F, above ? score : 0.0F, x - w, y - h, x + w, y + h}) {
        rows.push_back(value);
      }
    }
  }
  BoxNmsOp nms;
  nms.overlap_thresh = op.overlap_thresh;
  nms.valid_thresh = op.valid_thresh;
  nms.topk = op.topk;
  nms.id_index = 0;
  std::vector<float> result = reference_box_nms(nms, 6, rows);
  result.resize(static_cast<std::size_t>(op.rows) * 6);
  return result;
}

}  // namespace octet::test
