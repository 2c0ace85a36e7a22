// A histogram of magnitudes with the thresholds that matter, as inline SVG.
#pragma once

#include <string>  // std::string

#include "octet/calibrator/calibrate.h"

namespace octet {

/// Bars are the logarithm of the counts; what lies beyond `threshold` (the magnitude that maps to the largest stored
/// integer) is drawn as clipped; the axis ends at twice the values seen when it lies beyond. Letters above mark what
/// the modes would choose: n(aive), e(ntropy), p(ercentile), m(se). 360 x 150 units, scaled to the width of its place;
/// colours come from the page (html_begin). `title`: for readers who do not see it; any text.
std::string histogram_svg(const ValueHistogram& histogram, double threshold, const std::string& title);

}  // namespace octet
