#include "octet/jobs/report/record_line.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace octet {
namespace {

using RecordJson = nlohmann::json;

std::optional<std::string> text_field(const RecordJson& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<float> number_or_null(const RecordJson& json) {
  if (json.is_null()) return std::nanf("");
  if (!json.is_number()) return std::nullopt;
  return json.get<float>();
}

/// The class and score that predictions and detections alike have.
std::optional<Prediction> scored_class(const RecordJson& json, std::map<int, std::string>& labels) {
  if (!json.is_object() || !json.contains("id") || !json.contains("score")) return std::nullopt;
  const auto score = number_or_null(json["score"]);
  if (!json["id"].is_number_unsigned() || json["id"].get<std::uint64_t>() > 0x7FFFFFFFU || !score) return std::nullopt;
  const Prediction scored{json["id"].get<int>(), *score};
  if (json.contains("label")) {
    auto label = text_field(json, "label");
    if (!label) return std::nullopt;
    labels[scored.id] = *std::move(label);
  }
  return scored;
}

std::optional<Detection> with_box(const Prediction& scored, const RecordJson& json) {
  const auto box = json.find("box");
  if (box == json.end() || !box->is_array() || box->size() != 4) return std::nullopt;
  std::array<float, 4> corner{};
  for (std::size_t i = 0; i < corner.size(); ++i) {
    const auto value = number_or_null((*box)[i]);
    if (!value) return std::nullopt;
    corner[i] = *value;
  }
  return Detection{scored.id, scored.score, corner[0], corner[1], corner[2], corner[3]};
}

bool read_outcome(const RecordJson& list, RecordLine& line) {
  if (!list.is_array()) return false;
  for (const RecordJson& item : list) {
    const auto scored = scored_class(item, line.labels);
    if (!scored) return false;
    if (!line.outcome.detection) {
      line.outcome.predictions.push_back(*scored);
      continue;
    }
    const auto box = with_box(*scored, item);
    if (!box) return false;
    line.outcome.detections.push_back(*box);
  }
  return true;
}

bool read_features(const RecordJson& nodes, Outcome& outcome) {
  if (!nodes.is_object() || nodes.empty()) return false;
  for (const auto& [name, values] : nodes.items()) {
    if (!values.is_array()) return false;
    for (const RecordJson& value : values) {
      const auto number = number_or_null(value);
      if (!number) return false;
      outcome.outputs.push_back(*number);
    }
  }
  return true;
}

}  // namespace

std::optional<RecordLine> parse_record_line(std::string_view text) {
  const RecordJson json = RecordJson::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("index") || !json["index"].is_number_unsigned()) return std::nullopt;
  auto key = text_field(json, "key");
  const bool failed = json.contains("error"), detection = json.contains("detections");
  const bool features = json.contains("features");
  const int kinds =
      (failed ? 1 : 0) + (detection ? 1 : 0) + (features ? 1 : 0) + (json.contains("predictions") ? 1 : 0);
  if (!key || kinds != 1) return std::nullopt;
  RecordLine line;
  line.index = json["index"].get<std::uint64_t>();
  line.key = *std::move(key);
  line.outcome.detection = detection;
  line.outcome.features = features;
  if (features) return read_features(json["features"], line.outcome) ? std::optional(line) : std::nullopt;
  if (!failed) {
    if (!read_outcome(json[detection ? "detections" : "predictions"], line)) return std::nullopt;
    return line;
  }
  if (!json["error"].is_object()) return std::nullopt;
  auto code = text_field(json["error"], "code"), message = text_field(json["error"], "message");
  if (!code || !message) return std::nullopt;
  line.failure = RecordLine::Failure{*std::move(code), *std::move(message)};
  return line;
}

}  // namespace octet
