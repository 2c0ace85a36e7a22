#include "octet/jobs/stage/data_digest.h"

#include <oneapi/tbb/parallel_for.h>
#include <sys/stat.h>

#include <algorithm>  // std::min, std::max, std::sort
#include <chrono>     // std::chrono::system_clock
#include <sstream>    // std::istringstream
#include <utility>    // std::move
#include <vector>     // std::vector

#include "octet/graph/digest.h"
#include "octet/graph/file_io.h"
#include "octet/graph/output_file.h"
#include "octet/loader/input_file.h"
#include "octet/loader/record_files.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPieceBytes = std::uint64_t{8} << 20;  // of a large file, digested on its own
constexpr std::size_t kDigestBatch = 64;                       // pieces or entries in memory at a time
constexpr std::uint64_t kMemoryBytes = 1 << 20;

std::int64_t ns_of(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::uint64_t mib_of(std::uint64_t bytes) { return (bytes + (1U << 20U) - 1) >> 20U; }

Error stopped_while_digesting() { return Error{ErrorCode::cancelled, {}, "stopped from outside"}; }

/// Pieces in parallel, their digests in order. `meter` (null: nobody) counts MiB.
Result<void> add_file_digest(const fs::path& path, const JobControl& control, ProgressMeter* meter, Sha256& sha) {
  OCTET_TRY(const InputFile file, InputFile::open(path));
  const std::uint64_t pieces = (file.size() + kPieceBytes - 1) / kPieceBytes;
  for (std::uint64_t first = 0; first < pieces; first += kDigestBatch) {
    if (control.stopped()) return stopped_while_digesting();
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kDigestBatch, pieces - first));
    std::vector<Result<std::string>> digests(count, std::string());
    tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
      if (control.stopped()) return;
      const std::uint64_t offset = (first + i) * kPieceBytes;
      std::vector<std::uint8_t> bytes(std::min(kPieceBytes, file.size() - offset));
      if (auto read = file.read_at(offset, bytes); !read) {
        digests[i] = std::move(read).error();
      } else {
        digests[i] = digest(std::as_bytes(std::span(bytes)));
        if (meter != nullptr) meter->add(mib_of(offset + bytes.size()) - mib_of(offset), 0);
      }
    });
    if (control.stopped()) return stopped_while_digesting();
    for (Result<std::string>& piece : digests) {
      if (!piece) return std::move(piece).error();
      sha.add(*piece);
    }
  }
  return {};
}

std::string entry_digest(const Entry& entry) {
  Sha256 sha;
  sha.add(std::to_string(entry.key.size()) + ":" + entry.key);
  sha.add(std::to_string(entry.labels.size()) + ":");
  for (const float label : entry.labels) sha.add(std::as_bytes(std::span(&label, 1)));
  std::vector<std::uint8_t> buffer;
  const auto bytes =
      entry.image ? entry.image->read(buffer) : Result<std::span<const std::uint8_t>>(entry.image.error());
  sha.add(bytes ? std::string_view("=") : to_string(bytes.error().code));
  if (bytes) sha.add(std::as_bytes(*bytes));
  return sha.hex();
}

Result<void> add_entries(Source& source, const JobControl& control, Sha256& sha) {
  ProgressMeter meter(control, "digest", source.size());
  std::vector<Entry> entries;
  for (bool more = true; more;) {
    if (control.stopped()) return stopped_while_digesting();
    entries.clear();
    while (entries.size() < kDigestBatch) {
      OCTET_TRY(auto entry, source.next());
      more = entry.has_value();
      if (!more) break;
      entries.push_back(*std::move(entry));
    }
    std::vector<std::string> digests(entries.size());
    tbb::parallel_for(std::size_t{0}, entries.size(), [&](std::size_t i) {
      if (control.stopped()) return;
      digests[i] = entry_digest(entries[i]);
      meter.add(1, 0);
    });
    if (control.stopped()) return stopped_while_digesting();
    for (const std::string& one : digests) sha.add(one);
  }
  meter.finish();
  return {};
}

/// A record file as it is, and its index (empty: not used).
Result<void> add_records(const fs::path& records, const fs::path& index, const JobControl& control, Sha256& sha) {
  std::error_code absent;
  const std::uintmax_t bytes = fs::file_size(records, absent);
  ProgressMeter meter(control, "digest", absent ? std::nullopt : std::optional<std::uint64_t>(mib_of(bytes)));
  meter.count_in("MiB");
  OCTET_CHECK(add_file_digest(records, control, &meter, sha));
  meter.finish();
  return index.empty() ? Result<void>() : add_file_digest(index, control, nullptr, sha);
}

std::vector<fs::path> sorted_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied | fs::directory_options::follow_directory_symlink;
  for (fs::recursive_directory_iterator at(folder, options, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored)) files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

/// What the file system says about some files.
class DataDigests::State {
 public:
  void add(const fs::path& path) {
    struct stat file {};
    add_sized(path.string());
    if (::stat(path.c_str(), &file) != 0) return sha_.add("absent");
    newest_ = std::max({newest_, ns_of(file.st_mtim), ns_of(file.st_ctim)});
    // Not the device: nodes that share a file system number it differently.
    for (const std::int64_t fact : {std::int64_t{file.st_size}, static_cast<std::int64_t>(file.st_ino),
                                    ns_of(file.st_mtim), ns_of(file.st_ctim)}) {
      sha_.add(std::to_string(fact) + ",");
    }
  }
  void add_sized(std::string_view text) {
    sha_.add(std::to_string(text.size()) + ":");
    sha_.add(text);
  }
  std::string hex() { return sha_.hex(); }
  /// How long ago the newest change was.
  [[nodiscard]] std::chrono::nanoseconds age() const { return std::chrono::nanoseconds(asked_ - newest_); }

 private:
  Sha256 sha_;
  std::int64_t newest_ = 0;
  const std::int64_t asked_ = now_ns();
};

DataDigests::DataDigests(fs::path memory, const JobControl& control, std::chrono::nanoseconds settled)
    : memory_(std::move(memory)), control_(control), settled_(settled) {
  if (auto text = read_text_file(memory_, kMemoryBytes)) loaded_ = *std::move(text);
  std::istringstream lines(loaded_);
  for (std::string state, contents; lines >> state >> contents;) known_[state] = contents;
}

template <class Add>
Result<std::string> DataDigests::recalled_or(State state, Add add) {
  const std::string key = state.hex();
  if (const auto found = known_.find(key); found != known_.end()) {
    if (state.age() >= settled_) kept_[key] = found->second;
    return found->second;
  }
  Sha256 sha;
  OCTET_CHECK(add(sha));
  std::string contents = sha.hex();
  if (contents.empty()) return Error{ErrorCode::internal, {}, "SHA-256 is not available"};
  known_[key] = contents;
  if (state.age() >= settled_) kept_[key] = contents;
  return contents;
}

Result<void> DataDigests::save() const {
  std::string text;
  for (const auto& [state, contents] : kept_) text.append(state).append(" ").append(contents).append("\n");
  return text == loaded_ ? Result<void>() : write_file(memory_, text);
}

Result<std::string> DataDigests::of(const SourceOptions& shard) {
  SourceOptions options = shard;
  options.shard = {};
  OCTET_TRY(const auto source, Source::open(options));
  std::error_code ignored;
  State state;
  state.add(options.data);
  state.add_sized(options.folder_labels ? "folder labels" : "");
  for (const std::string& extension : options.extensions) state.add_sized(extension);
  OCTET_TRY(const RecordFiles records, find_record_files(options));
  if (records.several) return of_several(records, options.use_index, std::move(state));
  if (!records.empty()) {
    fs::path index = options.index;
    if (options.use_index && index.empty()) index = fs::path(options.data).replace_extension(".idx");
    if (options.use_index) state.add(index);
    return recalled_or(std::move(state), [&](Sha256& sha) {
      return add_records(options.data, options.use_index ? index : fs::path(), control_, sha);
    });
  }
  fs::path root = options.data;
  if (!fs::is_directory(root, ignored)) root = options.root.empty() ? root.parent_path() : options.root;
  while (true) {
    if (control_.stopped()) return stopped_while_digesting();
    OCTET_TRY(const auto entry, source->next());
    if (!entry) break;
    if (entry->image) state.add(root / entry->key);
  }
  OCTET_CHECK(source->rewind());
  return recalled_or(std::move(state), [&](Sha256& sha) { return add_entries(*source, control_, sha); });
}

Result<std::string> DataDigests::of_several(const RecordFiles& records, bool use_index, State state) {
  const auto index_of = [&](std::size_t i) {
    return use_index ? records.path(i).replace_extension(".idx") : fs::path();
  };
  for (std::size_t i = 0; i < records.names.size(); ++i) {
    state.add(records.path(i));
    if (use_index) state.add(index_of(i));
  }
  return recalled_or(std::move(state), [&](Sha256& sha) -> Result<void> {
    for (std::size_t i = 0; i < records.names.size(); ++i) {
      sha.add(records.names[i] + "/");
      OCTET_CHECK(add_records(records.path(i), index_of(i), control_, sha));
    }
    return {};
  });
}

Result<std::string> DataDigests::of_path(const fs::path& path) {
  std::error_code ignored;
  if (path.empty() || !fs::exists(path, ignored)) return std::string("absent");
  const bool folder = fs::is_directory(path, ignored);
  const std::vector<fs::path> files = folder ? sorted_files(path) : std::vector<fs::path>{path};
  State state;
  for (const fs::path& file : files) state.add(file);
  return recalled_or(std::move(state), [&](Sha256& sha) -> Result<void> {
    for (const fs::path& file : files) {
      if (folder) sha.add(file.lexically_relative(path).string() + "/");
      OCTET_CHECK(add_file_digest(file, control_, nullptr, sha));
    }
    return {};
  });
}

}  // namespace octet
