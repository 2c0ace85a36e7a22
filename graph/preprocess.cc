#include "octet/graph/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "octet/graph/attributes.h"
#include "octet/graph/json_text.h"

namespace octet {
namespace {

constexpr std::int64_t kMaxSide = 16384;

template <class E>
using Names = std::vector<std::pair<std::string, E>>;

const Names<Color>& colors() {
  static const Names<Color> names{{"RGB", Color::rgb}, {"BGR", Color::bgr}, {"GRAY", Color::gray}};
  return names;
}
const Names<ResizeMode>& resize_modes() {
  static const Names<ResizeMode> names{{"shorter_side", ResizeMode::shorter_side},
                                       {"warp", ResizeMode::warp},
                                       {"none", ResizeMode::none},
                                       {"letterbox", ResizeMode::letterbox}};
  return names;
}
const Names<Interpolation>& interpolations() {
  static const Names<Interpolation> names{{"nearest", Interpolation::nearest},   {"bilinear", Interpolation::bilinear},
                                          {"cubic", Interpolation::cubic},       {"area", Interpolation::area},
                                          {"lanczos4", Interpolation::lanczos4}, {"auto", Interpolation::automatic}};
  return names;
}

Error invalid(std::string message) { return {ErrorCode::invalid_config, "", std::move(message)}; }

template <class E>
Result<E> parse_name(const Names<E>& names, const std::string& text, const char* what) {
  std::string known;
  for (const auto& [name, value] : names) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + name;
  }
  return invalid(std::string(what) + " '" + text + "' is not one of " + known);
}

template <class E>
std::string name_of(const Names<E>& names, E value) {
  for (const auto& [name, known] : names) {
    if (known == value) return name;
  }
  return "";
}

/// `value` for every channel, `fill` in what is left.
std::array<float, 3> spread(float value, std::int64_t channels, float fill) {
  return channels == 1 ? std::array{value, fill, fill} : std::array{value, value, value};
}

/// One value for all channels, or one per channel; the rest keeps `fill`.
Result<std::array<float, 3>> per_channel(const std::vector<float>& values, std::int64_t channels, float fill,
                                         const char* what) {
  std::array<float, 3> result{fill, fill, fill};
  const auto count = static_cast<std::size_t>(channels);
  if (values.size() != 1 && values.size() != count) {
    return invalid(std::string("'") + what + "' has " + std::to_string(values.size()) + " values for " +
                   std::to_string(channels) + " channels");
  }
  if (values.size() == 1) return spread(values[0], channels, fill);
  std::copy_n(values.begin(), count, result.begin());
  return result;
}

Result<Preprocess> check(Preprocess p) {
  const auto side_ok = [](std::int64_t side) { return side >= 1 && side <= kMaxSide; };
  if (p.channels != 1 && p.channels != 3) {
    return invalid("'shape' has " + std::to_string(p.channels) + " channels, not 1 or 3");
  }
  if (!side_ok(p.height) || !side_ok(p.width)) {
    return invalid("'shape' " + std::to_string(p.height) + " x " + std::to_string(p.width) + " is not within 1 to " +
                   std::to_string(kMaxSide));
  }
  if ((p.color == Color::gray) != (p.channels == 1)) {
    return invalid("color " + name_of(colors(), p.color) + " does not fit to " + std::to_string(p.channels) +
                   " channels");
  }
  if (p.resize_short < 0 || p.resize_short > kMaxSide) {
    return invalid("'resize_short' " + std::to_string(p.resize_short) + " is not within 1 to " +
                   std::to_string(kMaxSide));
  }
  if (p.resize != ResizeMode::shorter_side && p.resize_short != 0) {
    return invalid("'resize_short' contradicts resize '" + name_of(resize_modes(), p.resize) + "'");
  }
  for (std::size_t c = 0; c < 3; ++c) {
    if (!std::isfinite(p.mean[c])) return invalid("'mean' is not finite");
    if (!std::isfinite(p.std[c]) || p.std[c] <= 0) return invalid("'std' is not positive");
  }
  if (!p.mean_image.empty() && p.mean != std::array<float, 3>{}) return invalid("'mean' contradicts 'mean_image'");
  if (p.input.empty()) return invalid("'input' is empty");
  return p;
}

/// Reads the JSON into overrides, so that files and options follow the same rules.
class DescriptionReader {
 public:
  explicit DescriptionReader(const Json& json) : json_(json) {}

  Result<PreprocessOverrides> run() {
    if (!json_.is_object()) return invalid("not a JSON object");
    for (const auto& [key, value] : json_.items()) OCTET_CHECK(field(key, value));
    if (has_short_ && out_.resize && *out_.resize != ResizeMode::shorter_side) {
      return invalid("'resize_short' contradicts 'resize'");
    }
    if (has_crop_ && out_.resize && *out_.resize != ResizeMode::shorter_side) {
      return invalid("'crop' contradicts 'resize'");
    }
    return out_;
  }

 private:
  static Result<std::vector<float>> floats(const std::string& key, const Json& value) {
    const auto& list = value.is_array() ? value : Json::array({value});
    std::vector<float> values;
    for (const Json& element : list) {
      if (!element.is_number() || values.size() == 3) return invalid("'" + key + "' is not one to three numbers");
      values.push_back(static_cast<float>(std::clamp(element.get<double>(), -1e30, 1e30)));
    }
    if (values.empty()) return invalid("'" + key + "' is empty");
    return values;
  }
  static Result<std::vector<std::int64_t>> sizes(const std::string& key, const Json& value) {
    if (!value.is_array()) return invalid("'" + key + "' is not an array");
    std::vector<std::int64_t> values;
    for (const Json& element : value) {
      const auto size = as_integer(element);
      if (!size || values.size() == 3) return invalid("'" + key + "' is not three integers");
      values.push_back(*size);
    }
    return values;
  }

  Result<void> field(const std::string& key, const Json& value) {
    if (key == "shape") {
      OCTET_TRY(out_.shape, sizes(key, value));
    } else if (key == "mean") {
      OCTET_TRY(out_.mean, floats(key, value));
    } else if (key == "std") {
      OCTET_TRY(out_.std, floats(key, value));
    } else if (key == "resize_short") {
      const auto size = as_integer(value);
      if (!size || *size < 1) return invalid("'resize_short' is not a positive integer");
      out_.resize_short = *size;
      has_short_ = true;
    } else if (key == "fill") {
      out_.fill = as_integer(value);
      if (!out_.fill) return invalid("'fill' is not an integer");
    } else {
      return text_field(key, value);
    }
    return {};
  }

  Result<void> text_field(const std::string& key, const Json& json) {
    constexpr std::array kKeys{"input", "labels", "color", "resize", "interpolation", "crop", "mean_image"};
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) return invalid("unknown key '" + key + "'");
    if (!json.is_string()) return invalid("'" + key + "' is not a string");
    const auto value = json.get<std::string>();
    if (key == "input") {
      out_.input = value;
    } else if (key == "labels") {
      out_.labels = value;
    } else if (key == "mean_image") {
      out_.mean_image = value;
    } else if (key == "color") {
      OCTET_TRY(out_.color, parse_color(value));
    } else if (key == "resize") {
      OCTET_TRY(out_.resize, parse_resize_mode(value));
    } else if (key == "interpolation") {
      OCTET_TRY(out_.interpolation, parse_interpolation(value));
    } else {
      if (value != "center") return invalid("'crop' is not \"center\"");
      has_crop_ = true;
    }
    return {};
  }

  const Json& json_;
  PreprocessOverrides out_;
  bool has_short_ = false, has_crop_ = false;
};

/// A JSON number with the shortest digits that read back to the same float.
Json number(float value) { return std::strtod(format(value).c_str(), nullptr); }

}  // namespace

Result<Color> parse_color(const std::string& text) { return parse_name(colors(), text, "color"); }
Result<ResizeMode> parse_resize_mode(const std::string& text) { return parse_name(resize_modes(), text, "resize"); }
Result<Interpolation> parse_interpolation(const std::string& text) {
  return parse_name(interpolations(), text, "interpolation");
}

Result<Preprocess> merge(Preprocess base, const PreprocessOverrides& o) {
  Preprocess p = std::move(base);
  if (o.input) p.input = *o.input;
  if (o.labels) p.labels = *o.labels;
  // One takes the other's place.
  if (o.mean_image && !o.mean) p.mean = {};
  if (o.mean && !o.mean_image) p.mean_image.clear();
  if (o.mean_image) p.mean_image = *o.mean_image;
  if (o.interpolation) p.interpolation = *o.interpolation;
  if (o.shape) {
    if (o.shape->size() != 3) return invalid("'shape' is not channels, height, width");
    const std::int64_t channels = (*o.shape)[0];
    // Another number of channels: the first one's mean and std stand for all, unless given anew.
    if (channels != p.channels && (channels == 1 || channels == 3)) {
      p.color = channels == 1 ? Color::gray : Color::rgb;
      p.mean = spread(p.mean[0], channels, 0);
      p.std = spread(p.std[0], channels, 1);
    }
    p.channels = channels;
    p.height = (*o.shape)[1];
    p.width = (*o.shape)[2];
  }
  if (o.color) p.color = *o.color;
  if (o.resize) {
    p.resize = *o.resize;
    if (p.resize != ResizeMode::shorter_side) p.resize_short = 0;
  }
  if (o.resize_short) {
    if (!o.resize) p.resize = ResizeMode::shorter_side;
    p.resize_short = *o.resize_short;
  }
  if (o.fill) {
    if (*o.fill < 0 || *o.fill > 255) return invalid("'fill' " + std::to_string(*o.fill) + " is not within 0 to 255");
    if (p.resize != ResizeMode::letterbox) return invalid("'fill' is for resize 'letterbox'");
    p.fill = static_cast<std::uint8_t>(*o.fill);
  }
  if (p.channels != 1 && p.channels != 3) return check(p);
  if (o.mean) {
    OCTET_TRY(p.mean, per_channel(*o.mean, p.channels, 0, "mean"));
  }
  if (o.std) {
    OCTET_TRY(p.std, per_channel(*o.std, p.channels, 1, "std"));
  }
  return check(std::move(p));
}

Result<Preprocess> parse_preprocess(const std::string& json, const std::string& where) {
  OCTET_TRY(const Json parsed, parse_json(json, where, ErrorCode::invalid_config));
  auto fields = DescriptionReader(parsed).run();
  if (!fields) return Error{fields.error().code, where, fields.error().message};
  if (!fields->shape) return Error{ErrorCode::invalid_config, where, "'shape' is missing"};
  auto merged = merge(Preprocess(), *fields);
  if (!merged) return Error{merged.error().code, where, merged.error().message};
  return merged;
}

std::string write_preprocess(const Preprocess& p) {
  Json json = Json::object();
  json["input"] = p.input;
  json["shape"] = Json::array({p.channels, p.height, p.width});
  json["color"] = name_of(colors(), p.color);
  if (p.resize == ResizeMode::shorter_side) {
    if (p.resize_short > 0) json["resize_short"] = p.resize_short;
    json["crop"] = "center";
  } else {
    json["resize"] = name_of(resize_modes(), p.resize);
  }
  if (p.resize == ResizeMode::letterbox) json["fill"] = p.fill;
  json["interpolation"] = name_of(interpolations(), p.interpolation);
  Json mean = Json::array(), std = Json::array();
  for (std::int64_t c = 0; c < std::clamp<std::int64_t>(p.channels, 1, 3); ++c) {
    mean.push_back(number(p.mean[static_cast<std::size_t>(c)]));
    std.push_back(number(p.std[static_cast<std::size_t>(c)]));
  }
  json["mean"] = std::move(mean);
  json["std"] = std::move(std);
  if (!p.labels.empty()) json["labels"] = p.labels;
  if (!p.mean_image.empty()) json["mean_image"] = p.mean_image;
  return to_text(json);
}

}  // namespace octet
