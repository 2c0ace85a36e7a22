#include "octet/jobs/draw/layout.h"

#include <algorithm>
#include <cmath>

namespace octet {
namespace {

constexpr double kWide = 2;  // width by height from which panels stand one below the other

std::int64_t scaled(std::int64_t side, double factor) {
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(side) * factor));
}

Rect inside(double x, double y, const Rect& label, const Rect& area) {
  const double right = std::max(area.x, area.x + area.width - label.width);
  const double bottom = std::max(area.y, area.y + area.height - label.height);
  return {std::clamp(x, area.x, right), std::clamp(y, area.y, bottom), label.width, label.height};
}

/// Places for a label, best first.
std::vector<Rect> candidates(const Rect& box, const Rect& label, const Rect& area) {
  const double right = box.x + box.width - label.width;
  const double bottom = box.y + box.height;
  std::vector<Rect> places;
  for (const double x : {box.x, right}) {
    for (const double y : {box.y - label.height, box.y, bottom, bottom - label.height}) {
      places.push_back(inside(x, y, label, area));
    }
  }
  // Along the box's sides, then in ever larger steps away from it.
  for (double y = box.y + label.height; y < bottom - label.height; y += label.height) {
    places.push_back(inside(box.x, y, label, area));
    places.push_back(inside(right, y, label, area));
  }
  places.push_back(inside(box.x + box.width, box.y, label, area));
  places.push_back(inside(box.x - label.width, box.y, label, area));
  for (double away = 2 * label.height; away < area.height; away += label.height) {
    for (const double x : {box.x, box.x - label.width, box.x + label.width}) {
      places.push_back(inside(x, box.y - away, label, area));
      places.push_back(inside(x, bottom - label.height + away, label, area));
    }
  }
  return places;
}

}  // namespace

double overlap(const Rect& a, const Rect& b) noexcept {
  const double width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const double height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

Display display_of(Size stored) noexcept {
  const std::int64_t longer = std::max<std::int64_t>(1, std::max(stored.width, stored.height));
  if (longer > kMaxSide) {
    const double factor = static_cast<double>(kMaxSide) / static_cast<double>(longer);
    return {{scaled(stored.width, factor), scaled(stored.height, factor)}, Interpolation::area};
  }
  const std::int64_t factor = (kMinSide + longer - 1) / longer;
  return {{std::max<std::int64_t>(1, stored.width) * factor, std::max<std::int64_t>(1, stored.height) * factor},
          factor > 3 ? Interpolation::nearest : Interpolation::bilinear};
}

SheetLayout layout_sheet(Size display, std::size_t panels, std::size_t rows) {
  SheetLayout sheet;
  const auto width = static_cast<double>(display.width);
  const auto height = static_cast<double>(display.height);
  const double em = std::clamp(std::round(std::max(width, height) / 36), 14.0, 20.0);
  const double line = std::round(1.45 * em);
  const double gap = em;
  const double row = 2 * em;
  sheet.em = em;
  sheet.columns = width > kWide * height && width >= static_cast<double>(kMinSide) ? 1 : panels;

  const double panel_width = std::max(width, std::ceil(22 * em));
  const double panel_height = 2 * line + height + (rows > 0 ? em / 2 : 0) + static_cast<double>(rows) * row;
  const std::size_t panel_rows = (panels + sheet.columns - 1) / sheet.columns;
  sheet.title = {gap, gap / 2, static_cast<double>(sheet.columns) * (panel_width + gap) - gap, line};
  const double top = gap + line;
  for (std::size_t i = 0; i < panels; ++i) {
    const double x = gap + static_cast<double>(i % sheet.columns) * (panel_width + gap);
    const double y = top + static_cast<double>(i / sheet.columns) * (panel_height + gap);
    Panel panel;
    panel.caption = {x, y, panel_width, 2 * line};
    panel.picture = {x + std::floor((panel_width - width) / 2), y + 2 * line, width, height};
    const double below = y + 2 * line + height + em / 2;
    for (std::size_t r = 0; r < rows; ++r) {
      panel.rows.push_back({x, below + static_cast<double>(r) * row, panel_width, row});
    }
    sheet.panels.push_back(std::move(panel));
  }
  sheet.size.width = std::llround(sheet.title.width + 2 * gap);
  sheet.size.height = std::llround(top + static_cast<double>(panel_rows) * (panel_height + gap));
  return sheet;
}

std::vector<Rect> place_labels(std::span<const Rect> boxes, std::span<const Rect> label_sizes, const Rect& area) {
  std::vector<Rect> placed;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    Rect best;
    double least = -1;
    for (const Rect& place : candidates(boxes[i], label_sizes[i], area)) {
      double covered = 0;
      for (const Rect& other : placed) covered += overlap(place, other);
      if (least >= 0 && covered >= least) continue;
      best = place;
      least = covered;
      if (covered == 0) break;
    }
    placed.push_back(best);
  }
  return placed;
}

}  // namespace octet
