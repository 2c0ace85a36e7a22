#include "octet/loader/source.h"

#include <string_view>
#include <system_error>

#include "octet/loader/sources.h"

namespace octet {

bool has_extension(const std::filesystem::path& path, std::string_view extension) {
  std::string found = path.extension().string();
  for (char& c : found) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return found == extension;
}

std::uint64_t shard_size(const Shard& shard, std::uint64_t entries) noexcept {
  return entries / shard.count + (entries % shard.count > shard.index ? 1 : 0);
}

Result<std::unique_ptr<Source>> Source::open(const SourceOptions& options) {
  const std::filesystem::path& data = options.data;
  if (data.empty()) return Error{ErrorCode::usage, "", "no data given: name a directory, a .lst or a .rec"};
  if (options.shard.index >= options.shard.count) {
    return Error{ErrorCode::usage, "", "the shard's index must be below the number of shards"};
  }
  OCTET_TRY(RecordFiles records, find_record_files(options));
  if (records.several) return open_record_files(std::move(records), options);
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::status(data, failed);
  if (status.type() == std::filesystem::file_type::not_found) {
    return Error{ErrorCode::not_found, data.string(), "does not exist"};
  }
  if (failed) return Error{ErrorCode::io, data.string(), "cannot be examined: " + failed.message()};
  if (std::filesystem::is_directory(status)) return open_directory(options);
  if (!records.empty()) {
    return options.use_index || !options.index.empty() ? open_indexed_records(options) : open_records(options);
  }
  if (has_extension(data, ".lst")) return open_list(options);
  return Error{ErrorCode::usage, data.string(), "is not a kind of data that is read: a directory, a .lst or a .rec"};
}

Result<std::uint64_t> count_entries(Source& source) {
  if (const auto size = source.size()) return *size;
  OCTET_CHECK(source.rewind());
  std::uint64_t entries = 0;
  while (true) {
    OCTET_TRY(const std::optional<Entry> entry, source.next());
    if (!entry) break;
    ++entries;
  }
  OCTET_CHECK(source.rewind());
  return entries;
}

}  // namespace octet
