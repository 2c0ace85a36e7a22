// How an image becomes the network's input: the PREFIX-preprocess.json fields, shared by the model
// files, the loader (geometry, colour, border) and the graph (mean, std).
#pragma once

#include <array>     // std::array
#include <cstdint>   // std::int64_t
#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "octet/graph/result.h"

namespace octet {

enum class Color : std::uint8_t { rgb, bgr, gray };
enum class Interpolation : std::uint8_t {
  nearest,
  bilinear,
  cubic,
  area,
  lanczos4,
  automatic,  ///< "auto", MXNet's inter_method 9: cubic where both sides grow, area where both shrink, else bilinear
};

enum class ResizeMode : std::uint8_t {
  shorter_side,  ///< shorter side to `resize_short`, then centre crop (0: no resize before the crop)
  warp,          ///< stretch to the input's size, aspect ignored (detectors)
  none,          ///< pictures must already have the input's size
  /// As large as fits into the input, aspect kept, in its middle; what is left is painted `fill` (detectors)
  letterbox,
};

/// Pixels painted by the loader around the picture so that the first convolution, into which mean
/// and std are folded, needs no padding. `value` holds one grey level per channel (round(mean)).
struct Border {
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;
  std::array<std::uint8_t, 3> value{0, 0, 0};
  [[nodiscard]] bool empty() const noexcept { return top == 0 && left == 0 && bottom == 0 && right == 0; }
  bool operator==(const Border&) const = default;
};

/// Geometry and colour of a network's input. Pixels become (u8 - mean) / std, channel by channel in
/// the order of `color`; mean and std are on the 0..255 scale.
struct Preprocess {
  std::string input = "data";          ///< name of the symbol's image variable
  std::int64_t channels = 3;           ///< 1 or 3
  std::int64_t height = 0, width = 0;  ///< of the picture area, without the border
  Color color = Color::rgb;
  ResizeMode resize = ResizeMode::shorter_side;
  std::int64_t resize_short = 0;
  Interpolation interpolation = Interpolation::bilinear;
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};
  std::uint8_t fill = 127;  ///< grey level around a picture, for ResizeMode::letterbox
  std::string labels;       ///< label file, relative to the model; empty: none
  /// MXNet's mean_img: an .nd file with a mean for every pixel in place of `mean`, relative to the model; empty: none
  std::string mean_image;
};

/// Command-line or job-file values that win over the file's. Unset members leave the file's alone.
struct PreprocessOverrides {
  std::optional<std::string> input;
  std::optional<std::vector<std::int64_t>> shape;  ///< C,H,W
  std::optional<Color> color;
  std::optional<ResizeMode> resize;
  std::optional<std::int64_t> resize_short;
  std::optional<Interpolation> interpolation;
  std::optional<std::vector<float>> mean, std;  ///< one value, or one per channel
  std::optional<std::int64_t> fill;
  std::optional<std::string> labels;
  std::optional<std::string> mean_image;
};

/// Parses the JSON text of a preprocess file. `where` names the file in errors. Unknown keys,
/// wrong types, sizes outside 1..16384, std <= 0 and a mean beside a mean image are errors.
Result<Preprocess> parse_preprocess(const std::string& json, const std::string& where);

/// The JSON text that parse_preprocess reads back to the same value.
std::string write_preprocess(const Preprocess& preprocess);

/// Applies `overrides` and checks the result as parse_preprocess does.
Result<Preprocess> merge(Preprocess base, const PreprocessOverrides& overrides);

Result<Color> parse_color(const std::string& text);
Result<ResizeMode> parse_resize_mode(const std::string& text);
Result<Interpolation> parse_interpolation(const std::string& text);

}  // namespace octet
