#include "octet/loader/labels.h"

#include <cmath>

namespace octet {

std::optional<int> class_id(std::span<const float> labels) noexcept {
  constexpr float kEndOfInt = 2147483648.0F;
  if (labels.size() != 1) return std::nullopt;
  const float label = labels.front();
  // A NaN fails the first comparison; -0.0 counts as class 0.
  if (!(label >= 0 && label < kEndOfInt) || std::trunc(label) != label) return std::nullopt;
  return static_cast<int>(label);
}

}  // namespace octet
