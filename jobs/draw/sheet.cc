#include "octet/jobs/draw/sheet.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "octet/jobs/draw/color.h"

namespace octet {
namespace {

constexpr Rgb kInk{17, 17, 17};
constexpr Rgb kGray{90, 90, 90};
constexpr Rgb kPale{232, 232, 232};
constexpr Rgb kAlarm{176, 0, 32};
constexpr Rgb kFloat{30, 90, 160};  // the badges' backgrounds
constexpr Rgb kInt8{160, 80, 0};

/// A visible box in pixels of the sheet.
struct DrawnBox {
  Rect rect;
  Rgb color;
  std::string label;
  bool odd = false;
};

Rect to_sheet(const Detection& box, Size stored, const Rect& picture) {
  const double sx = picture.width / static_cast<double>(std::max<std::int64_t>(1, stored.width));
  const double sy = picture.height / static_cast<double>(std::max<std::int64_t>(1, stored.height));
  const double left = std::clamp(box.xmin * sx, 0.0, picture.width);
  const double top = std::clamp(box.ymin * sy, 0.0, picture.height);
  const double right = std::clamp(box.xmax * sx, left, picture.width);
  const double bottom = std::clamp(box.ymax * sy, top, picture.height);
  return {picture.x + left, picture.y + top, right - left, bottom - top};
}

class Painter {
 public:
  Painter(Canvas& canvas, const SheetInput& input, const SheetLayout& layout)
      : canvas_(canvas), input_(input), layout_(layout), em_(layout.em) {}

  void paint() {
    TextStyle style{em_, true, kInk, layout_.title.width, true};
    const std::string size = std::to_string(input_.stored.width) + " \xC3\x97 " + std::to_string(input_.stored.height);
    const double reserve = canvas_.measure(size, {0.85 * em_}).width + em_;
    style.max_width -= reserve;
    canvas_.text(layout_.title.x, layout_.title.y, input_.title, style);
    canvas_.text(layout_.title.x + layout_.title.width - reserve + em_, layout_.title.y + 0.1 * em_, size,
                 {0.85 * em_, false, kGray});
    for (std::size_t i = 0; i < layout_.panels.size(); ++i) paint_panel(i);
  }

 private:
  void paint_panel(std::size_t i) {
    const Panel& panel = layout_.panels[i];
    const Outcome& outcome = input_.outcomes[i];
    canvas_.pixels(input_.pixels, input_.display.size, std::llround(panel.picture.x), std::llround(panel.picture.y));
    if (outcome.detection) {
      paint_boxes(panel, outcome, i);
    } else {
      paint_classes(panel, outcome, i);
    }
    paint_name(panel, input_.speakers[i]);
  }

  /// "[INT8] squeezenet": the caption's first line.
  void paint_name(const Panel& panel, const Speaker& speaker) {
    const Rgb badge = speaker.quantized ? kInt8 : kFloat;
    const char* precision = precision_name(speaker.quantized);
    const TextStyle bold{em_, true, text_color(badge)};
    const Rect size = canvas_.measure(precision, bold);
    const double y = panel.caption.y + 0.15 * em_;
    canvas_.fill({panel.caption.x, y, size.width + 0.7 * em_, size.height}, badge);
    canvas_.text(panel.caption.x + 0.35 * em_, y, precision, bold);
    const double x = size.width + 1.2 * em_;
    canvas_.text(panel.caption.x + x, y, speaker.name, {em_, false, kInk, panel.caption.width - x, true});
  }

  void paint_remark(const Panel& panel, const std::string& remark, bool alarm) {
    canvas_.text(panel.caption.x, panel.caption.y + panel.caption.height / 2 + 0.05 * em_, remark,
                 {0.85 * em_, false, alarm ? kAlarm : kGray, panel.caption.width});
  }

  void paint_boxes(const Panel& panel, const Outcome& outcome, std::size_t i) {
    const auto visible = visible_boxes(outcome.detections, input_.min_score);
    std::vector<DrawnBox> boxes;
    std::size_t odd = 0;
    for (const std::size_t at : visible) {
      const Detection& found = outcome.detections[at];
      boxes.push_back({to_sheet(found, input_.stored, panel.picture), class_color(found.id),
                       class_name(found.id, input_.speakers[i].labels) + " " + format_score(found.score),
                       is_odd(at, i)});
      odd += boxes.back().odd ? 1 : 0;
    }
    const double line = std::max(2.0, em_ / 7);
    for (auto box = boxes.rbegin(); box != boxes.rend(); ++box) {  // the best on top
      canvas_.outline(box->rect, kBlack, line + 2, false, 0.55);
      canvas_.outline(box->rect, box->color, line, box->odd);
    }
    paint_labels(panel, boxes);
    std::string remark = std::to_string(boxes.size()) + (boxes.size() == 1 ? " box" : " boxes") + " of at least " +
                         format_score(input_.min_score);
    if (visible.size() == kMaxBoxes) remark += " (the best)";
    if (odd > 0) remark += ", " + std::to_string(odd) + " not in the other (dashed)";
    paint_remark(panel, remark, odd > 0);
  }

  [[nodiscard]] bool is_odd(std::size_t at, std::size_t i) const {
    if (input_.comparison == nullptr) return false;
    const auto& odd = i == 0 ? input_.comparison->first_odd : input_.comparison->second_odd;
    return std::find(odd.begin(), odd.end(), at) != odd.end();
  }

  void paint_labels(const Panel& panel, const std::vector<DrawnBox>& boxes) {
    const double margin = std::round(0.25 * em_);
    TextStyle style{0.8 * em_, false, kInk, panel.picture.width - 2 * margin};
    std::vector<Rect> rects;
    std::vector<Rect> sizes;
    for (const DrawnBox& box : boxes) {
      Rect size = canvas_.measure(box.label, style);
      size.width = std::min(std::ceil(size.width + 2 * margin), panel.picture.width);
      size.height = std::min(std::ceil(size.height), panel.picture.height);
      rects.push_back(box.rect);
      sizes.push_back(size);
    }
    const auto places = place_labels(rects, sizes, panel.picture);
    for (std::size_t i = 0; i < boxes.size(); ++i) lead(boxes[i], places[i]);
    for (std::size_t i = boxes.size(); i-- > 0;) {
      canvas_.fill(places[i], boxes[i].color);
      style.color = text_color(boxes[i].color);
      canvas_.text(places[i].x + margin, places[i].y, boxes[i].label, style);
    }
  }

  /// A line from a label that found no place at its box to the nearest point of the box.
  void lead(const DrawnBox& box, const Rect& label) {
    const Rect near{label.x - 1, label.y - 1, label.width + 2, label.height + 2};
    const Rect& rect = box.rect;
    if (overlap(near, {rect.x, rect.y, std::max(rect.width, 1.0), std::max(rect.height, 1.0)}) > 0) return;
    const double x = label.x + label.width / 2;
    const double y = label.y + label.height / 2;
    canvas_.line(x, y, std::clamp(x, rect.x, rect.x + rect.width), std::clamp(y, rect.y, rect.y + rect.height),
                 box.color, std::max(1.0, em_ / 14));
  }

  void paint_classes(const Panel& panel, const Outcome& outcome, std::size_t i) {
    const auto& predictions = outcome.predictions;
    const std::size_t count = std::min(panel.rows.size(), predictions.size());
    double full = 1;
    for (std::size_t r = 0; r < count; ++r) {
      if (std::isfinite(predictions[r].score)) full = std::max<double>(full, predictions[r].score);
    }
    for (std::size_t r = 0; r < count; ++r) paint_row(panel.rows[r], predictions[r], full, i);
    if (input_.comparison == nullptr) {
      if (input_.truth) paint_remark(panel, "labelled " + class_name(*input_.truth, input_.speakers[i].labels), false);
      return;
    }
    const bool differs = input_.comparison->in_kind;
    std::string remark = differs ? "the best class differs" : "the same best class";
    if (input_.truth) remark += "; labelled " + class_name(*input_.truth, input_.speakers[i].labels);
    paint_remark(panel, remark, differs);
  }

  void paint_row(const Rect& row, const Prediction& prediction, double full, std::size_t i) {
    const std::string score = format_score(prediction.score);
    const bool right = input_.truth && *input_.truth == prediction.id;
    const double score_width = canvas_.measure(score, {em_, right}).width;
    const Rgb color = class_color(prediction.id);
    const double bar = std::round(0.35 * em_);
    const double y = row.y + row.height - bar - 0.1 * em_;
    std::string label = class_name(prediction.id, input_.speakers[i].labels);
    if (right) label = "\xE2\x9C\x93 " + label;  // a check mark
    canvas_.text(row.x, row.y + 0.05 * em_, label, {em_, right, kInk, row.width - score_width - em_});
    canvas_.text(row.x + row.width - score_width, row.y + 0.05 * em_, score, {em_, right, kInk});
    canvas_.fill({row.x, y, row.width, bar}, kPale);
    const double share = std::isfinite(prediction.score) ? std::clamp(prediction.score / full, 0.0, 1.0) : 0;
    canvas_.fill({row.x, y, std::round(row.width * share), bar}, color);
  }

  Canvas& canvas_;
  const SheetInput& input_;
  const SheetLayout& layout_;
  const double em_;
};

}  // namespace

const char* precision_name(bool quantized) noexcept { return quantized ? "INT8" : "FP32"; }

std::string class_name(int id, std::span<const std::string> labels) {
  const auto at = static_cast<std::size_t>(id);
  if (id >= 0 && at < labels.size() && !labels[at].empty()) return labels[at];
  return "class " + std::to_string(id);
}

std::string format_score(float score) {
  if (!std::isfinite(score)) return "n/a";
  if (score > 0 && score < 0.005F) return "<0.01";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.2f", static_cast<double>(score));
  return text.data();
}

Result<Sheet> draw_sheet(const SheetInput& input) {
  std::size_t rows = 0;
  for (const Outcome& outcome : input.outcomes) {
    rows = std::max(rows, std::min(outcome.predictions.size(), static_cast<std::size_t>(input.top_k)));
  }
  const SheetLayout layout = layout_sheet(input.display.size, input.outcomes.size(), rows);
  OCTET_TRY(Canvas canvas, Canvas::create(layout.size));
  Painter(canvas, input, layout).paint();
  return Sheet{std::move(canvas), layout.size, layout.columns};
}

}  // namespace octet
