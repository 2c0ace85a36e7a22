#include "octet/loader/geometry.h"

#include <algorithm>
#include <string>

namespace octet {
namespace {

std::string text(Size size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }

void add_step(Geometry& geometry, Size& current, Size next, Interpolation kind) {
  if (next == current) return;
  geometry.kinds[geometry.count] = interpolation_for(kind, current, next);
  geometry.steps[geometry.count++] = next;
  current = next;
}

/// MXNet's upscale rule: one side becomes `target`, the other follows in single precision.
std::int64_t scaled(std::int64_t target, std::int64_t side, std::int64_t other) {
  return static_cast<std::int64_t>(static_cast<float>(target) / static_cast<float>(side) * static_cast<float>(other));
}

}  // namespace

Interpolation interpolation_for(Interpolation wanted, Size from, Size to) noexcept {
  if (wanted != Interpolation::automatic) return wanted;
  if (to.width > from.width && to.height > from.height) return Interpolation::cubic;
  return to.width < from.width && to.height < from.height ? Interpolation::area : Interpolation::bilinear;
}

Result<Geometry> plan_geometry(Size stored, const Preprocess& preprocess) {
  const Size input{preprocess.width, preprocess.height};
  Geometry geometry;
  geometry.crop = {0, 0, input.width, input.height};
  Size current = stored;
  if (preprocess.resize == ResizeMode::none) {
    if (current != input) {
      return Error{ErrorCode::bad_image, "",
                   "is " + text(stored) + " pixels, the network takes " + text(input) + " without resizing"};
    }
    return geometry;
  }
  if (preprocess.resize == ResizeMode::warp) {
    add_step(geometry, current, input, preprocess.interpolation);
    return geometry;
  }
  if (preprocess.resize == ResizeMode::letterbox) {
    const bool wide = stored.width * input.height > stored.height * input.width;
    const Size fitting =
        wide ? Size{input.width, std::max<std::int64_t>(1, stored.height * input.width / stored.width)}
             : Size{std::max<std::int64_t>(1, stored.width * input.height / stored.height), input.height};
    add_step(geometry, current, fitting, preprocess.interpolation);
    geometry.crop = {0, 0, fitting.width, fitting.height};
    geometry.left = (input.width - fitting.width) / 2;
    geometry.top = (input.height - fitting.height) / 2;
    return geometry;
  }
  if (const std::int64_t side = preprocess.resize_short; side > 0) {
    add_step(geometry, current,
             current.height > current.width ? Size{side, side * current.height / current.width}
                                            : Size{side * current.width / current.height, side},
             preprocess.interpolation);
  }
  const Interpolation growing = interpolation_for(preprocess.interpolation, current, input);
  if (current.height < input.height) {
    add_step(geometry, current, {scaled(input.height, current.height, current.width), input.height}, growing);
  }
  if (current.width < input.width) {
    add_step(geometry, current, {input.width, scaled(input.width, current.width, current.height)}, growing);
  }
  if (current.width < input.width || current.height < input.height) {  // single precision fell short
    return Error{ErrorCode::bad_image, "", "of " + text(stored) + " pixels cannot be scaled to " + text(input)};
  }
  geometry.crop.x = (current.width - input.width) / 2;
  geometry.crop.y = (current.height - input.height) / 2;
  return geometry;
}

}  // namespace octet
