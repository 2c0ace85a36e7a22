#include "octet/jobs/stage/precision_state.h"

#include <fstream>  // std::ifstream
#include <nlohmann/json.hpp>

#include "octet/graph/output_file.h"
#include "octet/jobs/stage/stamp.h"

namespace octet {
namespace {

using StateJson = nlohmann::ordered_json;

StateJson step_json(const PrecisionStep& step) {
  StateJson json;
  json["layer"] = step.layer;
  json["agreement"] = step.match.agreement;
  if (step.match.drop) json["drop"] = *step.match.drop;
  json["sqnr"] = step.match.sqnr;
  json["judged"] = step.match.judged;
  json["agreeing"] = step.match.agreeing;
  return json;
}

PrecisionStep step_of(const StateJson& json) {
  PrecisionStep step;
  step.layer = json.at("layer").get<std::string>();
  step.match.agreement = json.at("agreement").get<double>();
  if (json.contains("drop")) step.match.drop = json.at("drop").get<double>();
  step.match.sqnr = json.at("sqnr").get<double>();
  step.match.judged = json.at("judged").get<std::int64_t>();
  step.match.agreeing = json.at("agreeing").get<std::int64_t>();
  return step;
}

PrecisionReport report_of(const StateJson& json) {
  PrecisionReport report;
  for (const StateJson& step : json.at("steps")) report.steps.push_back(step_of(step));
  for (const StateJson& gain : json.at("ranking")) {
    report.ranking.push_back(
        {gain.at("layer").get<std::string>(), gain.at("sqnr").get<double>(), gain.at("gain").get<double>()});
  }
  report.best = json.at("best").get<std::size_t>();
  report.met = json.at("met").get<bool>();
  return report.best < report.steps.size() ? report : PrecisionReport{};
}

}  // namespace

Result<std::string> precision_key(const CalibrateOptions& options) {
  Stamp stamp = begin_stamp("calibrate");
  OCTET_CHECK(stamp.add_pair("model", options.model, options.load.epoch));
  stamp.add("mode", static_cast<int>(options.calibration.mode));
  stamp.add("dtype", static_cast<int>(options.calibration.dtype));
  stamp.add("percentile", options.calibration.percentile);
  for (const std::string& name : options.calibration.exclude) stamp.add("exclude", name);
  for (const std::string& op : options.calibration.exclude_ops) stamp.add("exclude_op", op);
  if (options.calibration.exclude_first_conv) stamp.add("exclude_first_conv", 1);
  if (options.min_agreement) stamp.add("min_agreement", *options.min_agreement);
  if (options.max_drop) stamp.add("max_drop", *options.max_drop);
  stamp.add("max_float", options.max_float);
  return stamp.text();
}

std::filesystem::path precision_state_file(const std::filesystem::path& output) {
  std::filesystem::path file = output;
  return file += ".precision.json";
}

Result<void> save_precision_state(const std::filesystem::path& file, const std::string& key,
                                  const PrecisionReport& report) {
  StateJson json;
  json["key"] = key;
  json["met"] = report.met;
  json["best"] = report.best;
  json["steps"] = StateJson::array();
  for (const PrecisionStep& step : report.steps) json["steps"].push_back(step_json(step));
  json["ranking"] = StateJson::array();
  for (const LayerGain& gain : report.ranking) {
    json["ranking"].push_back({{"layer", gain.name}, {"sqnr", gain.sqnr}, {"gain", gain.gain}});
  }
  return write_file(file, json.dump(1, ' ', false, StateJson::error_handler_t::replace) + "\n");
}

PrecisionReport load_precision_state(const std::filesystem::path& file, const std::string& key) try {
  std::ifstream stream(file, std::ios::binary);
  const StateJson json = StateJson::parse(stream, nullptr, false);
  if (!json.is_object() || json.value("key", std::string()) != key) return {};
  return report_of(json);
} catch (const StateJson::exception&) {
  return {};
}

}  // namespace octet
