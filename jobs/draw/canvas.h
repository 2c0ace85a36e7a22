// A picture under construction: rectangles, pixels and text, drawn by Cairo and Pango.
#pragma once

#include <cstdint>      // std::uint8_t
#include <memory>       // std::unique_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/result.h"
#include "octet/jobs/draw/color.h"
#include "octet/jobs/draw/layout.h"
#include "octet/loader/geometry.h"

namespace octet {

struct TextStyle {
  double em = 14;  ///< pixels
  bool bold = false;
  Rgb color{};
  double max_width = 1e6;  ///< longer text is cut with "..."
  bool cut_middle = false;
};

/// Coordinates in pixels. Text may be any bytes: what is not valid UTF-8 or is a control character shows
/// as U+FFFD, glyphs come from whatever installed font has them. Canvases on different threads are
/// independent; one canvas is for one thread at a time.
class Canvas {
 public:
  /// White. Error(limit) when there is no memory for it.
  static Result<Canvas> create(Size size);
  ~Canvas();
  Canvas(Canvas&&) noexcept;
  Canvas& operator=(Canvas&&) noexcept;

  void fill(const Rect& rect, Rgb color, double alpha = 1);
  /// `width` is centred on the rectangle's edge.
  void outline(const Rect& rect, Rgb color, double width, bool dashed = false, double alpha = 1);
  void line(double x0, double y0, double x1, double y1, Rgb color, double width);
  /// RGB bytes, row by row without gaps, at whole coordinates; must lie inside the canvas.
  void pixels(std::span<const std::uint8_t> rgb, Size size, std::int64_t x, std::int64_t y);
  /// Draws one line of text with its top left corner at (x, y) and returns its width.
  double text(double x, double y, std::string_view text, const TextStyle& style);
  /// The size that text() covers, at (0, 0).
  [[nodiscard]] Rect measure(std::string_view text, const TextStyle& style) const;

  [[nodiscard]] Size size() const noexcept;
  /// What has been drawn so far: RGB bytes, row by row without gaps.
  [[nodiscard]] std::vector<std::uint8_t> rgb() const;

 private:
  class Impl;
  explicit Canvas(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// `text` as one line of valid UTF-8 of at most `max_characters` characters: invalid bytes and control
/// characters become U+FFFD, the rest is cut off.
std::string one_line(std::string_view text, std::size_t max_characters);

}  // namespace octet
