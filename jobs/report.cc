#include "octet/jobs/report.h"

#include <nlohmann/json.hpp>

namespace octet {
namespace {

using Json = nlohmann::ordered_json;

// Keys and messages may hold bytes that are not UTF-8.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json parsed(const std::string& text) { return Json::parse(text, nullptr, false); }

void add_stream(const StreamSummary& stream, Json& json) {
  json["n"] = stream.n;
  json["failed"] = stream.failed;
  json["seconds"] = stream.seconds;
  json["images_per_s"] = stream.images_per_s;
  json["errors"] = Json::object();
  for (const auto& [code, count] : stream.errors) json["errors"][code] = count;
  json["first_failed"] = Json::array();
  for (const FailedEntry& failed : stream.first_failed) {
    json["first_failed"].push_back({{"index", failed.index},
                                    {"key", failed.key},
                                    {"code", to_string(failed.error.code)},
                                    {"message", to_string(failed.error)}});
  }
  json["damaged_places"] = stream.damaged_places;
  json["peak_rss_bytes"] = stream.peak_rss_bytes;
  if (stream.threads > 0) {
    json["threads"] = stream.threads;
    for (const Activity a : kActivities) json["busy_share"][to_string(a)] = stream.busy_share(a);
  }
}

Json score_json(const ScoreSummary& summary) {
  Json json;
  add_stream(summary.stream, json);
  json["model"] = summary.model;
  json["precision"] = summary.quantized ? "int8" : "f32";
  json["resumed"] = summary.resumed;
  json["scores"] = summary.scores.string();
  json["quarantine"] = summary.quarantine.string();
  if (!summary.detections.empty()) json["detections"] = summary.detections.string();
  return json;
}

void add_detection(const DetectionFigures& figures, Json& json) {
  json["metric"] = to_string(figures.metric);
  json["map50"] = figures.map50;
  json["map"] = figures.map;
  if (figures.map_interval95) json["interval95"] = *figures.map_interval95;
  if (figures.map50_interval95) json["map50_interval95"] = *figures.map50_interval95;
  if (figures.map_small) json["map_small"] = *figures.map_small;
  if (figures.map_medium) json["map_medium"] = *figures.map_medium;
  if (figures.map_large) json["map_large"] = *figures.map_large;
  json["classes"] = Json::array();
  for (const ClassAccuracy& one : figures.classes) {
    Json& entry = json["classes"].emplace_back();
    entry["id"] = one.id;
    if (!one.label.empty()) entry["label"] = one.label;
    entry["objects"] = one.objects;
    entry["detections"] = one.detections;
    entry["ap50"] = one.ap50;
    entry["ap"] = one.ap;
  }
}

void add_accuracy(const Accuracy& accuracy, bool labelled, Json& json) {
  json["model"] = accuracy.model;
  json["precision"] = accuracy.quantized ? "int8" : "f32";
  if (!labelled) return;
  if (accuracy.detection) return add_detection(*accuracy.detection, json);
  json["top1"] = accuracy.top1;
  json["top5"] = accuracy.top5;
  json["interval95"] = accuracy.interval95;
  json["top5_interval95"] = accuracy.top5_interval95;
}

void add_class(int id, const std::string& label, Json& json) {
  json["id"] = id;
  if (!label.empty()) json["label"] = label;
}

void add_comparison(const Comparison& comparison, bool labelled, Json& json) {
  if (comparison.compared > 0) {
    json["compared"] = comparison.compared;
    json["agreeing"] = comparison.agreeing;
    json["agreement"] = comparison.agreement;
    if (comparison.agreement_interval95) json["agreement_interval95"] = *comparison.agreement_interval95;
  }
  if (!labelled) return;
  json["drop"] = comparison.drop;
  if (comparison.drop_interval95) json["drop_interval95"] = *comparison.drop_interval95;
  if (comparison.accuracy.detection) {
    json["drop50"] = comparison.drop50;
    if (comparison.drop50_interval95) json["drop50_interval95"] = *comparison.drop50_interval95;
  } else {
    json["correct"] = {{"both", comparison.correct.both},
                       {"only_first", comparison.correct.only_first},
                       {"only_second", comparison.correct.only_second},
                       {"neither", comparison.correct.neither}};
    json["mcnemar_p"] = comparison.mcnemar_p;
  }
  if (!comparison.worst_class) return;
  json["mean_class_drop"] = comparison.mean_class_drop;
  Json& worst = json["worst_class"];
  add_class(comparison.worst_class->id, comparison.worst_class->label, worst);
  worst["n"] = comparison.worst_class->n;
  worst["drop"] = comparison.worst_class->drop;
}

void add_classes(const EvaluateSummary& summary, Json& json) {
  if (summary.classes.empty()) return;
  json["classes"] = Json::array();
  for (const ClassHits& hits : summary.classes) {
    Json& entry = json["classes"].emplace_back();
    add_class(hits.id, hits.label, entry);
    entry["n"] = hits.n;
    entry["correct1"] = hits.correct1[0];
    if (summary.against) entry["against_correct1"] = hits.correct1[1];
  }
}

Json evaluate_json(const EvaluateSummary& summary) {
  Json json;
  add_stream(summary.stream, json);
  json["judged"] = summary.judged;
  add_accuracy(summary.accuracy, summary.labelled, json);
  add_classes(summary, json);
  if (summary.against) {
    Json& against = json["against"];
    against["n"] = summary.stream.n;
    against["failed"] = summary.stream.failed;
    add_accuracy(summary.against->accuracy, summary.labelled, against);
    for (Json* const place : {&against, &json}) add_comparison(*summary.against, summary.labelled, *place);
  }
  return json;
}

Json precision_json(const PrecisionReport& precision) {
  Json json;
  if (precision.min_agreement) json["min_agreement"] = *precision.min_agreement;
  if (precision.max_drop) json["max_drop"] = *precision.max_drop;
  json["met"] = precision.met;
  json["float_layers"] = Json::array();
  for (std::size_t i = 1; i <= precision.best; ++i) json["float_layers"].push_back(precision.steps[i].layer);
  json["steps"] = Json::array();
  for (const PrecisionStep& step : precision.steps) {
    Json& entry = json["steps"].emplace_back();
    if (!step.layer.empty()) entry["layer"] = step.layer;
    entry["agreement"] = step.match.agreement;
    if (step.match.drop) entry["drop"] = *step.match.drop;
    entry["sqnr"] = step.match.sqnr;
    entry["judged"] = step.match.judged;
    entry["agreeing"] = step.match.agreeing;
  }
  json["ranking"] = Json::array();
  for (const LayerGain& gain : precision.ranking) {
    json["ranking"].push_back({{"layer", gain.name}, {"sqnr", gain.sqnr}, {"gain", gain.gain}});
  }
  json["int8_images_per_s"] = precision.int8_images_per_s;
  json["images_per_s"] = precision.images_per_s;
  json["f32_images_per_s"] = precision.f32_images_per_s;
  return json;
}

Json calibrate_json(const CalibrateSummary& summary) {
  Json json;
  json["model"] = summary.model;
  json["population"] = summary.population;
  json["images"] = summary.images;
  json["unreadable"] = summary.unreadable;
  json["first_unreadable"] = summary.first_unreadable;
  json["int8_nodes"] = summary.report.int8_nodes;
  json["f32_nodes"] = summary.report.f32_nodes;
  json["symbol"] = summary.symbol.string();
  json["params"] = summary.params.string();
  json["seconds"] = summary.seconds;
  if (summary.report.precision) json["precision"] = precision_json(*summary.report.precision);
  json["ranges"] = Json::object();
  for (const auto& [name, range] : summary.report.ranges) {
    json["ranges"][name] = {{"min", range.min}, {"max", range.max}, {"threshold", range.threshold}};
  }
  return json;
}

Json pack_json(const PackSummary& summary) {
  Json json;
  add_stream(summary.stream, json);
  json["bytes"] = summary.bytes;
  json["files"] = Json::array();
  for (const PackedFile& file : summary.files) {
    json["files"].push_back({{"path", file.path.string()}, {"records", file.records}, {"bytes", file.bytes}});
  }
  if (!summary.bad.empty()) json["bad"] = summary.bad.string();
  json["verified"] = summary.verified;
  json["verify_seconds"] = summary.verify_seconds;
  return json;
}

const char* name_of(StageFate fate) {
  switch (fate) {
    case StageFate::absent: return "absent";
    case StageFate::done: return "done";
    case StageFate::up_to_date: return "up_to_date";
  }
  return "absent";
}

}  // namespace

std::string to_json(const ScoreSummary& summary) { return text_of(score_json(summary)); }

std::string to_json(const ScoreSummary& summary, const std::vector<ShardState>& shards) {
  Json json = score_json(summary);
  json["shards"] = Json::array();
  for (const ShardState& shard : shards) {
    json["shards"].push_back({{"index", shard.shard.index},
                              {"count", shard.shard.count},
                              {"folder", shard.output.string()},
                              {"n", shard.manifest ? shard.manifest->records() : 0},
                              {"failed", shard.manifest ? shard.manifest->failed() : 0},
                              {"seconds", shard.manifest ? shard.manifest->seconds() : 0}});
  }
  return text_of(json);
}

std::string to_json(const EvaluateSummary& summary) { return text_of(evaluate_json(summary)); }

std::string to_json(const CalibrateSummary& summary) { return text_of(calibrate_json(summary)); }

std::string to_json(const PackSummary& summary) { return text_of(pack_json(summary)); }

std::string to_json(const DrawSummary& summary) {
  Json json;
  add_stream(summary.stream, json);
  json["models"] = summary.models;
  json["drawn"] = summary.drawn;
  if (summary.models.size() > 1) json["differing"] = summary.differing;
  json["page"] = summary.page.string();
  return text_of(json);
}

std::string to_json(const JobReportSummary& summary) {
  Json json;
  json["n"] = summary.n;
  json["failed"] = summary.failed;
  json["pictures"] = summary.pictures;
  json["page"] = summary.page.string();
  return text_of(json);
}

std::string to_json(const ValidateSummary& summary) {
  Json json;
  json["n"] = summary.n;
  json["failed"] = summary.failed;
  json["shards"] = summary.shards;
  json["quarantine"] = summary.quarantine;
  json["sha256"] = summary.sha256;
  return text_of(json);
}

std::string to_json(const BenchReport& report) {
  Json json;
  json["isa"] = report.isa;
  json["model"] = report.model;
  json["runs"] = Json::array();
  for (const BenchRun& run : report.runs) {
    json["runs"].push_back({{"precision", run.precision},
                            {"threads", run.threads},
                            {"batch", run.batch},
                            {"executor_images_per_s", run.executor_images_per_s},
                            {"limit_images_per_s", run.limit_images_per_s},
                            {"steps_images_per_s", run.steps_images_per_s},
                            {"latency_ms", run.latency_ms},
                            {"single_ms", run.single_ms}});
  }
  json["speedups"] = Json::array();
  for (const Speedup& s : speedups(report)) {
    json["speedups"].push_back({{"threads", s.threads}, {"fusion", s.fusion}, {"int8", s.int8}, {"both", s.both}});
  }
  if (!report.layers.empty()) json["layers"] = Json::array();
  for (const LayerTime& layer : report.layers) {
    json["layers"].push_back({{"precision", layer.precision},
                              {"name", layer.step.name},
                              {"op", layer.step.op},
                              {"implementation", layer.step.implementation},
                              {"operations", layer.step.operations},
                              {"images", layer.step.images},
                              {"microseconds", layer.microseconds},
                              {"alone_microseconds", layer.alone_microseconds}});
  }
  for (const PipelineRun& run : report.pipeline) {
    json["pipeline"].push_back({{"threads", run.threads},
                                {"loader_images_per_s", run.loader_images_per_s},
                                {"executor_images_per_s", run.executor_images_per_s},
                                {"images_per_s", run.pipeline_images_per_s},
                                {"of_parts", run.of_parts}});
  }
  return text_of(json);
}

std::string to_json(const RunSummary& summary) {
  Json json;
  json["stages"] = {{"calibrate", name_of(summary.calibrated)},
                    {"score", name_of(summary.scored)},
                    {"evaluate", name_of(summary.evaluated)}};
  if (summary.calibrate) json["calibrate"] = calibrate_json(*summary.calibrate);
  if (summary.score) json["score"] = score_json(*summary.score);
  if (!summary.evaluation.empty()) json["evaluate"] = parsed(summary.evaluation);
  return text_of(json);
}

}  // namespace octet
