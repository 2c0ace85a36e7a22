#include "octet/jobs/store/manifest.h"

#include <algorithm>  // std::sort
#include <charconv>   // std::from_chars
#include <cstdio>     // std::snprintf
#include <limits>     // std::numeric_limits
#include <nlohmann/json.hpp>

#include "octet/graph/file_io.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using ManifestJson = nlohmann::ordered_json;

constexpr int manifest_version = 1;
constexpr std::string_view manifest_name = "manifest.jsonl";
constexpr std::uint64_t max_manifest_bytes = std::uint64_t{1} << 30U;  // a segment is about 300 bytes
constexpr std::string_view shard_prefix = "shard-";
constexpr std::string_view shard_between = "-of-";

std::string line_of(const ManifestJson& json) {
  return json.dump(-1, ' ', false, ManifestJson::error_handler_t::replace) + '\n';
}

ErrorCode code_of(std::string_view name) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    if (to_string(static_cast<ErrorCode>(code)) == name) return static_cast<ErrorCode>(code);
  }
  return ErrorCode::internal;
}

ManifestJson failure_json(const FailedEntry& failed) {
  ManifestJson json{{"index", failed.index},
                    {"key", failed.key},
                    {"code", to_string(failed.error.code)},
                    {"where", failed.error.where},
                    {"message", failed.error.message},
                    {"file", failed.file}};
  if (failed.offset) json["offset"] = *failed.offset;
  return json;
}

FailedEntry failure_of(const ManifestJson& json) {
  FailedEntry failed;
  json.at("index").get_to(failed.index);
  json.at("key").get_to(failed.key);
  failed.error.code = code_of(json.at("code").get<std::string>());
  json.at("where").get_to(failed.error.where);
  json.at("message").get_to(failed.error.message);
  json.at("file").get_to(failed.file);
  if (json.contains("offset")) failed.offset = json["offset"].get<std::uint64_t>();
  return failed;
}

void read_job(const ManifestJson& json, Manifest& manifest) {
  for (const auto& [name, value] : json.at("identity").items()) {
    manifest.identity.fields.emplace_back(name, value.get<std::string>());
  }
  json.at("shard").at(0).get_to(manifest.shard.index);
  json.at("shard").at(1).get_to(manifest.shard.count);
  json.at("format").get_to(manifest.format);
  if (json.contains("labels")) json["labels"].get_to(manifest.labels);
  if (json.contains("entries")) manifest.entries = json["entries"].get<std::uint64_t>();
}

SegmentInfo segment_of(const ManifestJson& json) {
  SegmentInfo segment;
  json.at("segment").get_to(segment.name);
  json.at("records").get_to(segment.records);
  json.at("failed").get_to(segment.failed);
  json.at("bytes").get_to(segment.bytes);
  json.at("sha256").get_to(segment.sha256);
  json.at("next").at(0).get_to(segment.next.index);
  json.at("next").at(1).get_to(segment.next.offset);
  json.at("next").at(2).get_to(segment.next.line);
  json.at("seconds").get_to(segment.seconds);
  json.at("committed").get_to(segment.committed);
  if (json.contains("errors")) json["errors"].get_to(segment.errors);
  if (!json.contains("first_failed")) return segment;
  for (const auto& failed : json["first_failed"]) segment.first_failed.push_back(failure_of(failed));
  return segment;
}

/// Adds what a line says. Throws what nlohmann throws.
void read_line(std::string_view line, Manifest& manifest) {
  const ManifestJson json = ManifestJson::parse(line);
  if (!json.contains("end")) {
    manifest.segments.push_back(segment_of(json));
  } else {
    const ManifestJson& end = json["end"];
    manifest.end = ShardEnd{end.at("source_entries").get<std::uint64_t>(), end.at("seconds").get<double>(),
                            end.at("segments_kept").get<bool>()};
  }
}

Result<Manifest> parse_manifest(const fs::path& file, std::string_view text) {
  Manifest manifest;
  std::uint64_t number = 1;
  const auto damaged = [&](const char* how) {
    return Error{ErrorCode::bad_record, file.string() + ":" + std::to_string(number),
                 std::string("the manifest is damaged: ") + how};
  };
  try {
    for (; !text.empty(); ++number) {
      const std::size_t length = text.find('\n');
      if (length == std::string_view::npos) break;  // the process died while it wrote it
      const std::string_view line = text.substr(0, length);
      text.remove_prefix(length + 1);
      if (number > 1) {
        read_line(line, manifest);
        continue;
      }
      const ManifestJson json = ManifestJson::parse(line);
      if (json.at("octet_job") != manifest_version) {
        return Error{ErrorCode::unsupported, file.string(), "is a manifest of another version of octet"};
      }
      read_job(json, manifest);
    }
  } catch (const ManifestJson::parse_error&) {
    return damaged("the line is not valid JSON");
  } catch (const ManifestJson::exception&) {
    return damaged("a field is missing or of another kind");
  }
  if (number == 1) return Error{ErrorCode::bad_record, file.string(), "the manifest is empty"};
  return manifest;
}

/// The shard that a folder's name tells.
std::optional<Shard> shard_of(std::string_view name) {
  if (!name.starts_with(shard_prefix)) return std::nullopt;
  name.remove_prefix(shard_prefix.size());
  Shard shard;
  const char* const end = name.data() + name.size();
  const auto index = std::from_chars(name.data(), end, shard.index);
  const std::string_view rest(index.ptr, static_cast<std::size_t>(end - index.ptr));
  if (index.ec != std::errc() || !rest.starts_with(shard_between)) return std::nullopt;
  const auto count = std::from_chars(rest.data() + shard_between.size(), end, shard.count);
  if (count.ec != std::errc() || count.ptr != end || shard.index >= shard.count) return std::nullopt;
  return shard;
}

}  // namespace

std::string differences(const JobIdentity& expected, const JobIdentity& other) {
  std::string text;
  const auto say = [&text](const std::string& name, const std::string* is, const std::string* wanted) {
    if (!text.empty()) text += "; ";
    text += name + (is != nullptr ? " is '" + *is + "'" : std::string(" is not given"));
    text += wanted != nullptr ? ", not '" + *wanted + "'" : std::string(", which was not given");
  };
  const auto value_of = [](const JobIdentity& identity, const std::string& name) -> const std::string* {
    for (const auto& field : identity.fields) {
      if (field.first == name) return &field.second;
    }
    return nullptr;
  };
  for (const auto& [name, wanted] : expected.fields) {
    const std::string* const is = value_of(other, name);
    if (is == nullptr || *is != wanted) say(name, is, &wanted);
  }
  for (const auto& [name, is] : other.fields) {
    if (value_of(expected, name) == nullptr) say(name, &is, nullptr);
  }
  return text;
}

std::uint64_t Manifest::records() const noexcept {
  std::uint64_t count = 0;
  for (const SegmentInfo& segment : segments) count += segment.records;
  return count;
}

std::uint64_t Manifest::failed() const noexcept {
  std::uint64_t count = 0;
  for (const SegmentInfo& segment : segments) count += segment.failed;
  return count;
}

double Manifest::seconds() const noexcept {
  if (end) return end->seconds;
  double sum = 0;
  for (const SegmentInfo& segment : segments) sum += segment.seconds;
  return sum;
}

fs::path job_folder(const fs::path& output) { return output / "job"; }

fs::path manifest_file(const fs::path& output) { return job_folder(output) / manifest_name; }

fs::path shard_folder(const fs::path& job, const Shard& shard) {
  char name[64];
  std::snprintf(name, sizeof name, "shard-%05llu-of-%05llu", static_cast<unsigned long long>(shard.index),
                static_cast<unsigned long long>(shard.count));
  return job / name;
}

std::string manifest_line(const Manifest& job) {
  ManifestJson json{{"octet_job", manifest_version}, {"identity", ManifestJson::object()}};
  for (const auto& [name, value] : job.identity.fields) json["identity"][name] = value;
  json["shard"] = {job.shard.index, job.shard.count};
  json["format"] = job.format;
  if (!job.labels.empty()) json["labels"] = job.labels;
  if (job.entries) json["entries"] = *job.entries;
  return line_of(json);
}

std::string manifest_line(const SegmentInfo& segment) {
  ManifestJson json{
      {"segment", segment.name},    {"records", segment.records},
      {"failed", segment.failed},   {"bytes", segment.bytes},
      {"sha256", segment.sha256},   {"next", {segment.next.index, segment.next.offset, segment.next.line}},
      {"seconds", segment.seconds}, {"committed", segment.committed}};
  if (!segment.errors.empty()) json["errors"] = segment.errors;
  for (const FailedEntry& failed : segment.first_failed) json["first_failed"].push_back(failure_json(failed));
  return line_of(json);
}

std::string manifest_line(const ShardEnd& end) {
  return line_of(
      {{"end",
        {{"source_entries", end.source_entries}, {"seconds", end.seconds}, {"segments_kept", end.segments_kept}}}});
}

Result<std::optional<Manifest>> read_manifest(const fs::path& output) {
  const fs::path file = manifest_file(output);
  std::error_code failed;
  if (!fs::exists(file, failed)) {
    if (failed) return Error{ErrorCode::io, file.string(), failed.message()};
    return std::optional<Manifest>();
  }
  OCTET_TRY(const std::string text, read_text_file(file, max_manifest_bytes));
  OCTET_TRY(Manifest manifest, parse_manifest(file, text));
  return std::optional(std::move(manifest));
}

Result<std::vector<ShardState>> read_shards(const fs::path& folder) {
  std::vector<ShardState> shards;
  OCTET_TRY(auto own, read_manifest(folder));
  if (own) {
    shards.push_back({folder, own->shard, std::move(own)});
    return shards;
  }
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    const auto shard = shard_of(at->path().filename().string());
    if (!shard) continue;
    OCTET_TRY(auto manifest, read_manifest(at->path()));
    shards.push_back({at->path(), *shard, std::move(manifest)});
  }
  if (failed) return Error{ErrorCode::not_found, folder.string(), "cannot be read: " + failed.message()};
  if (shards.empty()) return Error{ErrorCode::not_found, folder.string(), "holds no scoring job and no shards of one"};
  std::sort(shards.begin(), shards.end(), [](const ShardState& a, const ShardState& b) {
    return std::pair(a.shard.count, a.shard.index) < std::pair(b.shard.count, b.shard.index);
  });
  return shards;
}

}  // namespace octet
