#include "octet/jobs/stage/stamp.h"

#include <charconv>      // std::to_chars
#include <fstream>       // std::ifstream
#include <iterator>      // std::istreambuf_iterator
#include <system_error>  // std::error_code

#include "octet/executor/plan.h"
#include "octet/graph/file_io.h"
#include "octet/graph/version.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxPreprocessBytes = 1 << 20;

/// A file that the model's preprocessing names; empty: none.
fs::path preprocess_file(const fs::path& prefix, const ModelFiles& files, const std::optional<std::string>& given,
                         std::string Preprocess::*field) {
  if (given) return named_file(prefix, *given, true);
  if (files.preprocess.empty()) return {};
  const auto text = read_text_file(files.preprocess, kMaxPreprocessBytes);
  const auto fields = text ? parse_preprocess(*text, files.preprocess.string()) : Result<Preprocess>(text.error());
  return fields && !((*fields).*field).empty() ? named_file(prefix, (*fields).*field, false) : fs::path();
}

std::string joined(const auto& values) {
  std::string text;
  for (const auto& value : values) {
    if (!text.empty()) text += ',';
    text += std::to_string(value);
  }
  return text;
}

}  // namespace

void Stamp::add(std::string_view key, std::string_view value) {
  text_ += key;
  text_ += ": ";
  append_json_string(value, text_);  // line ends inside a value must not look like another line
  text_ += '\n';
}

void Stamp::add(std::string_view key, double value) {
  char digits[32];
  add(key, std::string_view(digits, std::to_chars(digits, digits + sizeof digits, value).ptr));
}

void Stamp::add(const LoadOptions& load) {
  const PreprocessOverrides& overrides = load.preprocess;
  if (overrides.input) add("input", *overrides.input);
  if (overrides.shape) add("shape", joined(*overrides.shape));
  if (overrides.color) add("color", static_cast<int>(*overrides.color));
  if (overrides.resize) add("resize", static_cast<int>(*overrides.resize));
  if (overrides.resize_short) add("resize_short", *overrides.resize_short);
  if (overrides.interpolation) add("interpolation", static_cast<int>(*overrides.interpolation));
  if (overrides.mean) add("mean", joined(*overrides.mean));
  if (overrides.std) add("std", joined(*overrides.std));
  if (overrides.labels) add("labels", *overrides.labels);
  if (overrides.fill) add("fill", *overrides.fill);
  if (overrides.mean_image) add("mean_image", *overrides.mean_image);
  if (load.mxnet_int8_as_float) add("as_float", 1);
  for (const std::string& node : load.output_nodes) add("output_node", node);
}

void Stamp::add(const DecoderOptions& decoder) {
  add("max_pixels", decoder.max_pixels);
  add("max_scans", decoder.max_scans);
  add("tolerate", static_cast<int>(decoder.tolerate));
  add("decoding", static_cast<int>(decoder.decoding));
  add("max_bytes", decoder.max_bytes);
}

Result<void> Stamp::add(const SourceOptions& source, DataDigests& digests) {
  const fs::path data = (source.data / "").lexically_normal();  // "photos", "photos/" and "./photos" are one name
  add("data", data.parent_path().filename().string());
  add("use_index", source.use_index);
  add("folder_labels", source.folder_labels);
  OCTET_TRY(const std::string contents, digests.of(source));
  add("data_sha256", contents);
  return {};
}

Result<void> Stamp::add(const StreamOptions& stream, DataDigests& digests) {
  OCTET_CHECK(add(stream.source, digests));
  add(stream.decoder);
  add("limit", stream.limit);
  add("shard_index", stream.source.shard.index);
  add("shard_count", stream.source.shard.count);
  add("on_error", static_cast<int>(stream.on_error));
  if (stream.max_bad) add("max_bad", *stream.max_bad);
  if (stream.max_bad_fraction) add("max_bad_fraction", *stream.max_bad_fraction);
  return {};
}

Result<void> Stamp::add_pair(std::string_view key, const fs::path& prefix, int epoch) {
  OCTET_TRY(const ModelFiles files, find_model(prefix, epoch));
  for (const fs::path& file : {files.symbol, files.params, files.preprocess}) {
    if (file.empty()) continue;
    OCTET_TRY(const std::string sha256, file_digest(file));
    add(key, file.filename().string() + " " + sha256);
  }
  return {};
}

Result<void> Stamp::add_model(std::string_view key, const fs::path& prefix, const LoadOptions& load,
                              DataDigests& digests) {
  OCTET_CHECK(add_pair(key, prefix, load.epoch));
  OCTET_TRY(const ModelFiles files, find_model(prefix, load.epoch));
  add(load);
  const auto& given = load.preprocess;
  const fs::path mean = preprocess_file(prefix, files, given.mean_image, &Preprocess::mean_image);
  if (!mean.empty()) OCTET_CHECK(add_path("mean_image_sha256", mean, digests));
  return add_path("label_names", preprocess_file(prefix, files, given.labels, &Preprocess::labels), digests);
}

Result<void> Stamp::add_path(std::string_view key, const fs::path& path, DataDigests& digests) {
  OCTET_TRY(const std::string contents, digests.of_path(path));
  add(key, contents);
  return {};
}

bool Stamp::equals(const fs::path& file) const {
  std::ifstream stream(file, std::ios::binary);
  const std::string stored((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  return stream.good() || stream.eof() ? stored == text_ : false;
}

Stamp begin_stamp(const char* stage) {
  Stamp stamp;
  stamp.add("stage", stage);
  stamp.add("octet", kVersion);
  stamp.add("isa", effective_isa());
  return stamp;
}

}  // namespace octet
