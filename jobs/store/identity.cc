#include "octet/jobs/store/identity.h"

#include <algorithm>  // std::min
#include <nlohmann/json.hpp>

#include "octet/executor/plan.h"
#include "octet/graph/digest.h"
#include "octet/graph/version.h"
#include "octet/jobs/stage/stamp.h"
#include "octet/loader/input_file.h"
#include "octet/loader/record_files.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

Result<std::string> folder_names_digest(SourceOptions options) {
  options.shard = {};
  OCTET_TRY(const auto source, Source::open(options));
  Sha256 sha256;
  while (true) {
    OCTET_TRY(const auto entry, source->next());
    if (!entry) return sha256.hex();
    sha256.add(entry->key);
    sha256.add(std::string_view("\0", 1));
  }
}

Result<std::string> record_file_digest(const fs::path& path) {
  constexpr std::uint64_t places = 64;
  constexpr std::uint64_t place_bytes = std::uint64_t{64} << 10U;
  OCTET_TRY(const InputFile file, InputFile::open(path));
  Sha256 sha256;
  std::vector<std::uint8_t> bytes;
  for (std::uint64_t i = 0; i < places; ++i) {
    // The first place begins the file, the last one ends it.
    const std::uint64_t room = file.size() - std::min(file.size(), place_bytes);
    const std::uint64_t begin = room / (places - 1) * i + room % (places - 1) * i / (places - 1);
    bytes.resize(std::min(place_bytes, file.size() - begin));
    OCTET_CHECK(file.read_at(begin, bytes));
    sha256.add(std::as_bytes(std::span(bytes)));
    if (room == 0) break;
  }
  return std::to_string(file.size()) + " bytes " + sha256.hex();
}

/// Of several files, or of what lies beside them, with the files' names.
template <class DigestOf>
Result<std::string> record_files_digest(const RecordFiles& records, DigestOf digest_of) {
  Sha256 sha256;
  for (std::size_t i = 0; i < records.names.size(); ++i) {
    OCTET_TRY(const std::string digest, digest_of(records.path(i)));
    sha256.add(records.names[i] + "\n" + digest + "\n");
  }
  return std::to_string(records.names.size()) + " files " + sha256.hex();
}

Result<void> add_data(const SourceOptions& source, Stamp& stamp) {
  const fs::path data = (source.data / "").lexically_normal();  // "photos", "photos/" and "./photos" are one name
  stamp.add("data", data.parent_path().filename().string());
  std::error_code ignored;
  OCTET_TRY(const RecordFiles files, find_record_files(source));
  if (files.several) {
    OCTET_TRY(const std::string records, record_files_digest(files, record_file_digest));
    stamp.add("data_sha256", records);
    if (!source.use_index) return {};
    const auto index_digest = [](fs::path file) { return file_digest(file.replace_extension(".idx")); };
    OCTET_TRY(const std::string lines, record_files_digest(files, index_digest));
    stamp.add("index_sha256", lines);
  } else if (fs::is_directory(source.data, ignored)) {
    OCTET_TRY(const std::string names, folder_names_digest(source));
    stamp.add("data_sha256", names);
  } else if (!files.empty()) {
    OCTET_TRY(const std::string records, record_file_digest(source.data));
    stamp.add("data_sha256", records);
    if (!source.use_index && source.index.empty()) return {};
    const fs::path index = source.index.empty() ? fs::path(source.data).replace_extension(".idx") : source.index;
    OCTET_TRY(const std::string lines, file_digest(index));
    stamp.add("index_sha256", lines);
  } else {
    OCTET_TRY(const std::string lines, file_digest(source.data));
    stamp.add("data_sha256", lines);
  }
  return {};
}

/// The lines of a stamp; what stands in several of the same name becomes one text.
JobIdentity fields_of(const Stamp& stamp) {
  JobIdentity identity;
  std::string_view text = stamp.text();
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    const std::size_t colon = line.find(": ");
    std::string name(line.substr(0, colon));
    std::string value = nlohmann::json::parse(line.substr(colon + 2)).get<std::string>();
    if (!identity.fields.empty() && identity.fields.back().first == name) {
      identity.fields.back().second += ", " + value;
    } else {
      identity.fields.emplace_back(std::move(name), std::move(value));
    }
  }
  return identity;
}

}  // namespace

Result<JobIdentity> identity_of(const ScoreOptions& options, const Scorer& scorer) {
  Stamp stamp;
  stamp.add("octet", kVersion);
  stamp.add("isa", effective_isa());
  stamp.add("model_name", scorer.name);
  stamp.add("precision", scorer.plan->quantized() ? "int8" : "f32");
  const JobControl& control = options.stream.control;
  DataDigests digests({}, control);
  if (options.scorer == nullptr) OCTET_CHECK(stamp.add_model("model", options.model, options.load, digests));
  OCTET_CHECK(add_data(options.stream.source, stamp));
  stamp.add("folder_labels", options.stream.source.folder_labels);
  stamp.add(options.stream.decoder);
  stamp.add("limit", options.stream.limit);
  stamp.add("top_k", options.top_k);
  for (const std::string& label : options.labels) stamp.add("class_names", label);
  stamp.add("format", to_string(options.format));
  if (!options.data_sha256.empty()) stamp.add("contents_sha256", options.data_sha256);
  if (!options.annotations.empty()) OCTET_CHECK(stamp.add_path("annotations", options.annotations, digests));
  return fields_of(stamp);
}

}  // namespace octet
