// Labelled objects of one picture: what detections are judged by.
#pragma once

#include <cstdint>   // std::int64_t
#include <optional>  // std::optional
#include <span>      // std::span
#include <vector>    // std::vector

#include "octet/graph/result.h"

namespace octet {

/// One object.
struct TruthBox {
  int id = 0;                                     ///< class, 0-based
  double xmin = 0, ymin = 0, xmax = 0, ymax = 0;  ///< corners on the scale of its ImageTruth
  double area = -1;        ///< as annotated, on the square of that scale; negative: the box's own
  bool difficult = false;  ///< neither finding nor missing it counts
  bool crowd = false;      ///< a group: takes any number of detections, none of which counts
};

/// The objects of a picture. Corners are on a scale on which the picture is `width` x `height`:
/// 1 x 1 for normalised labels, its pixels when it was annotated; 0 x 0: the scored picture's own
/// pixels.
struct ImageTruth {
  double width = 1, height = 1;
  std::optional<std::int64_t> id;  ///< COCO's image id
  std::vector<TruthBox> boxes;
};

/// The boxes in pixels of a picture of width x height, areas alike.
std::vector<TruthBox> truth_in_pixels(const ImageTruth& truth, double width, double height);

/// MXNet's packed detection label, as .rec headers and .lst lines hold it:
///   A, B, (A - 2 values that are skipped), then objects of B values each:
///   class id, xmin, ymin, xmax, ymax (normalised), difficult (when B >= 6; above 0: true), more.
/// A >= 2, B >= 5, no partial object; a label without objects is a picture without any. Objects of
/// a negative class (padding) or without extent are left out, as MXNet's loader does. Error(usage),
/// `where` empty, for everything else.
Result<ImageTruth> parse_packed_label(std::span<const float> label);

/// The reverse, for a picture of width x height pixels: A = 2, B = 6, the sixth value 1 for difficult objects and for
/// groups (as MXNet's example/ssd packs COCO).
std::vector<float> make_packed_label(const ImageTruth& truth, double width, double height);

}  // namespace octet
