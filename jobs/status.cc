#include "octet/jobs/status.h"

#include <algorithm>  // std::max
#include <nlohmann/json.hpp>

#include "octet/graph/model.h"
#include "octet/jobs/store/manifest.h"
#include "octet/jobs/writers.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

ShardStatus shard_status_of(const ShardState& state) {
  ShardStatus status;
  status.shard = state.shard;
  if (!state.manifest) return status;
  const Manifest& manifest = *state.manifest;
  status.begun = true;
  status.complete = manifest.end.has_value();
  status.records = manifest.records();
  status.failed = manifest.failed();
  status.entries = status.complete ? status.records : manifest.entries;
  if (manifest.seconds() > 0) status.images_per_s = static_cast<double>(status.records) / manifest.seconds();
  if (!manifest.segments.empty()) status.last_committed = manifest.segments.back().committed;
  return status;
}

/// A status for every shard, those included whose folder is not there yet.
Result<std::vector<ShardStatus>> all_shards(const fs::path& output, const std::vector<ShardState>& states) {
  const std::uint64_t count = states.front().shard.count;
  std::vector<ShardStatus> shards(count);
  for (std::uint64_t i = 0; i < count; ++i) shards[i].shard = {i, count};
  for (const ShardState& state : states) {
    if (state.shard.count != count || state.shard.index >= count) {
      return Error{ErrorCode::invalid_config, output.string(),
                   "it holds shards of " + std::to_string(count) + " and of " + std::to_string(state.shard.count)};
    }
    shards[state.shard.index] = shard_status_of(state);
  }
  return shards;
}

void add_up_shards(JobStatus& status) {
  status.entries = 0;
  status.seconds_left = 0;
  for (const ShardStatus& shard : status.shards) {
    status.complete += shard.complete ? 1 : 0;
    status.records += shard.records;
    status.failed += shard.failed;
    if (status.entries) status.entries = shard.entries ? std::optional(*status.entries + *shard.entries) : std::nullopt;
    if (shard.complete || !status.seconds_left) continue;
    if (!shard.entries || shard.images_per_s <= 0) {
      status.seconds_left.reset();
      continue;
    }
    const auto left = static_cast<double>(*shard.entries - std::min(*shard.entries, shard.records));
    status.seconds_left = std::max(*status.seconds_left, left / shard.images_per_s);
  }
}

}  // namespace

Result<JobStatus> job_status(const fs::path& output) {
  std::error_code failed;
  if (!fs::is_directory(output, failed)) return Error{ErrorCode::not_found, output.string(), "is no folder"};
  JobStatus status;
  status.calibrated = find_model(output / "model", -1).has_value();
  status.evaluated = fs::is_regular_file(output / "evaluation.json", failed);
  const auto states = read_shards(output);
  if (!states && states.error().code == ErrorCode::not_found) return status;
  if (!states) return states.error();
  OCTET_TRY(status.shards, all_shards(output, *states));
  add_up_shards(status);
  for (const OutputFormat format : {OutputFormat::jsonl, OutputFormat::csv}) {
    const fs::path scores = output / output_name(format);
    if (fs::is_regular_file(scores, failed)) status.scores = scores;
  }
  return status;
}

std::string to_json(const JobStatus& status) {
  nlohmann::ordered_json json{{"calibrated", status.calibrated}, {"shards", status.shards.size()},
                              {"complete", status.complete},     {"records", status.records},
                              {"failed", status.failed},         {"evaluated", status.evaluated}};
  if (status.entries && !status.shards.empty()) json["entries"] = *status.entries;
  if (status.seconds_left && !status.shards.empty()) json["seconds_left"] = *status.seconds_left;
  if (!status.scores.empty()) json["scores"] = status.scores.string();
  json["by_shard"] = nlohmann::ordered_json::array();
  for (const ShardStatus& shard : status.shards) {
    nlohmann::ordered_json one{{"shard", shard.shard.index},
                               {"complete", shard.complete},
                               {"records", shard.records},
                               {"failed", shard.failed}};
    if (shard.entries) one["entries"] = *shard.entries;
    if (shard.images_per_s > 0) one["images_per_s"] = shard.images_per_s;
    if (shard.last_committed) one["last_committed"] = *shard.last_committed;
    json["by_shard"].push_back(std::move(one));
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace octet
