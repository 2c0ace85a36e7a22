#include "octet/jobs/stage/stamp.h"

#include <algorithm>     // std::max
#include <charconv>      // std::to_chars
#include <fstream>       // std::ifstream
#include <iterator>      // std::istreambuf_iterator
#include <system_error>  // std::error_code

namespace octet {
namespace {

namespace fs = std::filesystem;

// Number, size and newest change of some files.
struct FileSet {
  std::uint64_t count = 0, bytes = 0;
  std::int64_t newest = 0;

  void add(const fs::path& file) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error) return;
    const auto changed = fs::last_write_time(file, error).time_since_epoch().count();
    newest = count == 0 ? changed : std::max<std::int64_t>(newest, changed);
    bytes += size;
    ++count;
  }
};

FileSet files_of(const fs::path& data) {
  FileSet files;
  std::error_code error;
  if (!fs::is_directory(data, error)) {
    files.add(data);
    return files;
  }
  const auto options = fs::directory_options::skip_permission_denied | fs::directory_options::follow_directory_symlink;
  for (fs::recursive_directory_iterator at(data, options, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored)) files.add(at->path());
  }
  return files;
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
  if (load.mxnet_int8_as_float) add("as_float", 1);
}

void Stamp::add(const DecoderOptions& decoder) {
  add("max_pixels", decoder.max_pixels);
  add("max_scans", decoder.max_scans);
  add("accept_truncated", decoder.accept_truncated);
}

void Stamp::add(const SourceOptions& source) {
  add("data", fs::weakly_canonical(source.data).string());
  const FileSet files = files_of(source.data);
  add("data_files", files.count);
  add("data_bytes", files.bytes);
  add("data_changed", files.newest);
  add("root", source.root.string());
  add("index", source.index.string());
  add("use_index", source.use_index);
  add("folder_labels", source.folder_labels);
}

void Stamp::add(const StreamOptions& stream) {
  add(stream.source);
  add(stream.decoder);
  add("limit", stream.limit);
  add("shard_index", stream.shard_index);
  add("shard_count", stream.shard_count);
  add("on_error", static_cast<int>(stream.on_error));
  if (stream.max_bad) add("max_bad", *stream.max_bad);
  if (stream.max_bad_fraction) add("max_bad_fraction", *stream.max_bad_fraction);
}

Result<void> Stamp::add_model(std::string_view key, const fs::path& prefix, int epoch) {
  OCTET_TRY(const ModelFiles files, find_model(prefix, epoch));
  for (const fs::path& file : {files.symbol, files.params, files.preprocess}) {
    if (file.empty()) continue;
    OCTET_TRY(const std::string digest, file_digest(file));
    add(key, file.filename().string() + " " + digest);
  }
  return {};
}

void Stamp::add_file(std::string_view key, const fs::path& file) {
  const FileSet files = files_of(file);
  add(key, std::to_string(files.count) + " " + std::to_string(files.bytes) + " " + std::to_string(files.newest));
}

bool Stamp::equals(const fs::path& file) const {
  std::ifstream stream(file, std::ios::binary);
  const std::string stored((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  return stream.good() || stream.eof() ? stored == text_ : false;
}

}  // namespace octet
