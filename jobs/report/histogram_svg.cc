#include "octet/jobs/report/histogram_svg.h"

#include <algorithm>  // std::max
#include <array>      // std::array
#include <cmath>      // std::log10
#include <cstdio>     // std::snprintf

#include "octet/jobs/html.h"

namespace octet {
namespace {

constexpr double kWidth = 360, kHeight = 150;  // of the whole picture
constexpr double kLeft = 4, kRight = 356;      // of the bars
constexpr double kTop = 40, kBottom = 130;

std::string coordinate(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", std::clamp(value, -1e4, 1e4));
  return text.data();
}

std::string short_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string vertical(double x, double top, const char* style) {
  return "<line x1=\"" + coordinate(x) + "\" y1=\"" + coordinate(top) + "\" x2=\"" + coordinate(x) + "\" y2=\"" +
         coordinate(kBottom) + "\" " + style + "/>";
}

std::string text_at(double x, double y, const char* anchor, const std::string& text, const char* color) {
  return "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" text-anchor=\"" + anchor + "\" fill=\"var(--" +
         color + ")\">" + text + "</text>";
}

// One outline for all bars: a path is a third of the bytes of rectangles.
std::string bars_path(const ValueHistogram& histogram, double bar) {
  const std::uint64_t most =
      histogram.counts.empty() ? 0 : *std::max_element(histogram.counts.begin(), histogram.counts.end());
  const double full = std::log10(static_cast<double>(most) + 1);
  std::string path = "M" + coordinate(kLeft) + " " + coordinate(kBottom);
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    const double share = full > 0 ? std::log10(static_cast<double>(histogram.counts[i]) + 1) / full : 0;
    path += "V" + coordinate(kBottom - share * (kBottom - kTop));
    path += "H" + coordinate(kLeft + bar * static_cast<double>(i + 1));
  }
  return path + "V" + coordinate(kBottom) + "Z";
}

// Letters of neighbouring marks go to different heights.
std::string marks(const ValueHistogram& histogram, double units) {
  constexpr const char* kLetters[] = {"n", "e", "p", "m"};
  std::string svg;
  for (std::size_t i = 0; i < histogram.thresholds.size(); ++i) {
    const double x = kLeft + static_cast<double>(histogram.thresholds[i]) * units;
    const double y = 12 + 8 * static_cast<double>(i);
    svg += vertical(x, y + 1, "stroke=\"var(--dim)\" stroke-dasharray=\"2 3\"");
    svg += text_at(std::clamp(x, kLeft + 4, kRight - 4), y, "middle", kLetters[i], "dim");
  }
  return svg;
}

}  // namespace

std::string histogram_svg(const ValueHistogram& histogram, double threshold, const std::string& title) {
  const double seen = std::max(histogram.bin_width * static_cast<double>(histogram.counts.size()), 1e-30);
  const double range = std::clamp(threshold, seen, 2 * seen);  // values may share the wider range of a neighbour
  const double units = (kRight - kLeft) / range;               // per unit of the value
  const double bar = histogram.bin_width * units;
  const double at = kLeft + std::min(threshold * units, kRight - kLeft);
  std::string svg = "<svg viewBox=\"0 0 " + coordinate(kWidth) + " " + coordinate(kHeight) +
                    "\" role=\"img\" font-size=\"11\" font-family=\"inherit\">";
  svg += "<title>" + escape_html(title) + "</title>";
  if (threshold < seen) {
    svg += "<rect x=\"" + coordinate(at) + "\" y=\"" + coordinate(kTop) + "\" width=\"" + coordinate(kRight - at) +
           "\" height=\"" + coordinate(kBottom - kTop) + "\" fill=\"var(--alarm)\" fill-opacity=\".16\"/>";
  }
  svg += "<path d=\"" + bars_path(histogram, bar) + "\" fill=\"var(--accent)\" fill-opacity=\".75\"/>";
  svg += marks(histogram, units);
  svg += vertical(at, kTop - 4, "stroke=\"var(--alarm)\" stroke-width=\"2\"");
  svg += "<line x1=\"" + coordinate(kLeft) + "\" y1=\"" + coordinate(kBottom) + "\" x2=\"" + coordinate(kRight) +
         "\" y2=\"" + coordinate(kBottom) + "\" stroke=\"var(--dim)\"/>";
  svg += text_at(kLeft, kHeight - 6, "start", "0", "dim");
  svg += text_at(kRight, kHeight - 6, "end", short_number(range), "dim");
  return svg + "</svg>";
}

}  // namespace octet
