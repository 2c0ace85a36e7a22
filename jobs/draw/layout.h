// Where things stand on a sheet: pure geometry, in pixels, y downwards.
#pragma once

#include <cstddef>  // std::size_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/graph/preprocess.h"
#include "octet/loader/geometry.h"

namespace octet {

struct Rect {
  double x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Rect&) const = default;
};

/// The area that two rectangles share.
double overlap(const Rect& a, const Rect& b) noexcept;

/// How large a stored picture is shown, and by which resize.
struct Display {
  Size size;
  Interpolation interpolation = Interpolation::area;
};

/// A longer side of more than kMaxSide is scaled down to it, one below kMinSide up by a whole factor to at
/// least that (tiny pictures keep their square pixels), everything else stays. No side is below 1.
inline constexpr std::int64_t kMinSide = 400, kMaxSide = 720;
Display display_of(Size stored) noexcept;

/// One model's part of the sheet.
struct Panel {
  Rect caption;            ///< two lines of text
  Rect picture;            ///< of the displayed size
  std::vector<Rect> rows;  ///< one a class, below the picture
};

struct SheetLayout {
  Size size;      ///< of the whole sheet
  double em = 0;  ///< size of text, which follows the displayed size
  Rect title;
  std::vector<Panel> panels;
  std::size_t columns = 1;  ///< panels beside each other: all of them, or 1 for wide pictures
};

/// `panels` (1 or 2) panels of a picture shown in `display`, each with `rows` rows of text below it.
SheetLayout layout_sheet(Size display, std::size_t panels, std::size_t rows);

/// A label's place for each box, in order; earlier boxes choose first. Labels lie inside `area` (they
/// must not be larger), at a corner of their box or along its sides, else above or below it, and do not
/// cover each other as long as there is room.
std::vector<Rect> place_labels(std::span<const Rect> boxes, std::span<const Rect> label_sizes, const Rect& area);

}  // namespace octet
