#include "octet/graph/mxnet_int8/ranges.h"

#include <algorithm>
#include <cmath>

#include "octet/graph/attributes.h"

namespace octet::mxnet_int8 {
namespace {

constexpr int kHalfStepVersion = 10600;  ///< the first with ranges of 127.5 and 255.5
constexpr float kLargest = 1e15F;

}  // namespace

float Range::magnitude() const noexcept { return std::max(std::fabs(min), std::fabs(max)); }

double levels(DType dtype, int mxnet_version) noexcept {
  return (dtype == DType::u8 ? 255.0 : 127.0) + (mxnet_version < kHalfStepVersion ? 0.0 : 0.5);
}

float step(float magnitude, DType dtype, int mxnet_version) noexcept {
  if (magnitude == 0) return std::ldexp(1.0F, -31);
  // The smallest ranges must still leave a scale that is a normal number.
  return std::max(static_cast<float>(static_cast<double>(magnitude) / levels(dtype, mxnet_version)), 1e-15F);
}

Result<Range> checked_range(float min, float max) {
  // Written so that NaN fails.
  if (!(std::fabs(min) <= kLargest) || !(std::fabs(max) <= kLargest)) {
    return Error{ErrorCode::invalid_model, "", "its range is not finite or passes 1e15"};
  }
  if (min > max) {
    return Error{ErrorCode::invalid_model, "",
                 "its range begins at " + format(min) + ", above its end at " + format(max)};
  }
  return Range{min, max};
}

Result<std::optional<Range>> calibrated_range(const SymbolNode& node) {
  const auto min = node.attrs.find("min_calib_range"), max = node.attrs.find("max_calib_range");
  const auto given = [&](auto found) { return found != node.attrs.end() && found->second != "None"; };
  if (!given(min) && !given(max)) return std::optional<Range>();
  if (!given(min) || !given(max)) {
    return Error{ErrorCode::invalid_model, "", "has one of min_calib_range and max_calib_range only"};
  }
  const auto low = parse_float(min->second), high = parse_float(max->second);
  if (!low || !high) {
    return Error{ErrorCode::invalid_model, "",
                 "its calibrated range is not two numbers: '" + min->second + "', '" + max->second + "'"};
  }
  OCTET_TRY(const Range range, checked_range(*low, *high));
  return std::optional(range);
}

bool non_negative(const SymbolNode& node) {
  const auto text = [&](const char* key) {
    const auto found = node.attrs.find(key);
    return found == node.attrs.end() ? std::string() : found->second;
  };
  if (node.op == "relu" || node.op == "sigmoid") return true;
  if (node.op == "Activation") {
    const std::string type = text("act_type");
    return type == "relu" || type == "sigmoid" || type == "softrelu";
  }
  if (node.op == "clip") return parse_float(text("a_min")).value_or(-1) >= 0;
  if (node.op == "LeakyReLU") {
    const std::string type = text("act_type");
    return (type.empty() || type == "leaky") && parse_float(text("slope")).value_or(0.25F) == 0;
  }
  return false;
}

}  // namespace octet::mxnet_int8
