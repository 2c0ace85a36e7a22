#include "octet/loader/record_files.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "octet/loader/sources.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

bool is_record_name(const fs::path& path) { return has_extension(path, ".rec"); }

/// The record files right in a folder whose names match, sorted bytewise.
Result<std::vector<std::string>> record_names(const fs::path& folder, const char* pattern) {
  std::vector<std::string> names;
  std::error_code failed;
  fs::directory_iterator entries(folder.empty() ? fs::path(".") : folder, failed);
  for (; !failed && entries != fs::directory_iterator(); entries.increment(failed)) {
    const std::string name = entries->path().filename().string();
    std::error_code ignored;
    const bool fits = is_record_name(name) && ::fnmatch(pattern, name.c_str(), FNM_PERIOD) == 0;
    if (fits && !entries->is_directory(ignored)) names.push_back(name);
  }
  if (failed == std::errc::no_such_file_or_directory)
    return Error{ErrorCode::not_found, folder.string(), "does not exist"};
  if (failed) return Error{ErrorCode::io, folder.string(), "the directory cannot be read: " + failed.message()};
  std::sort(names.begin(), names.end());
  return names;
}

/// Appends what one part of "a.rec;b*.rec" names.
Result<void> add_files(const fs::path& part, std::vector<fs::path>& files) {
  std::error_code ignored;
  if (fs::exists(part, ignored)) {
    if (!is_record_name(part) || fs::is_directory(part, ignored)) {
      return Error{ErrorCode::usage, part.string(), "is no .rec; several files are read as one when all of them are"};
    }
    files.push_back(part);
    return {};
  }
  if (part.filename().string().find_first_of("*?[") == std::string::npos) {
    return Error{ErrorCode::not_found, part.string(), "does not exist"};
  }
  OCTET_TRY(const auto names, record_names(part.parent_path(), part.filename().c_str()));
  if (names.empty()) return Error{ErrorCode::not_found, part.string(), "matches no .rec file"};
  for (const std::string& name : names) files.push_back(part.parent_path() / name);
  return {};
}

/// Names the files from the folder that holds all of them.
Result<RecordFiles> named(std::vector<fs::path> files) {
  std::set<fs::path> seen;
  for (fs::path& file : files) {
    std::error_code failed;
    fs::path whole = fs::absolute(file, failed).lexically_normal();
    if (failed) return Error{ErrorCode::io, file.string(), "cannot be examined: " + failed.message()};
    if (!seen.insert(whole).second) return Error{ErrorCode::usage, file.string(), "is named twice"};
    file = std::move(whole);
  }
  RecordFiles result;
  result.several = true;
  result.folder = files.front().parent_path();
  for (const fs::path& file : files) {
    while (std::mismatch(result.folder.begin(), result.folder.end(), file.begin(), file.end()).first !=
           result.folder.end()) {
      result.folder = result.folder.parent_path();
    }
  }
  for (const fs::path& file : files) result.names.push_back(file.lexically_relative(result.folder).string());
  return result;
}

}  // namespace

fs::path RecordFiles::file_of(std::string_view key) const {
  // What stands behind the name, a number, "@<offset>" or "line N", has no colon.
  return several ? folder / key.substr(0, key.rfind(':')) : path(0);
}

Result<RecordFiles> find_record_files(const SourceOptions& options) {
  const fs::path& data = options.data;
  std::error_code ignored;
  if (fs::is_directory(data, ignored)) {
    OCTET_TRY(auto names, record_names(data, "*"));
    if (names.empty()) return RecordFiles{};
    const auto pictures = open_directory(options);  // come first
    if (pictures) return RecordFiles{};
    if (pictures.error().code != ErrorCode::not_found) return pictures.error();
    return RecordFiles{data, std::move(names), true};
  }
  if (fs::exists(data, ignored)) {
    if (!is_record_name(data)) return RecordFiles{};
    return RecordFiles{data.parent_path(), {data.filename().string()}, false};
  }
  const std::string text = data.string();
  if (text.find_first_of(";*?[") == std::string::npos) return RecordFiles{};
  std::vector<fs::path> files;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(';', start), text.size());
    if (end > start) OCTET_CHECK(add_files(text.substr(start, end - start), files));
    start = end + 1;
  }
  if (files.empty()) return RecordFiles{};
  return named(std::move(files));
}

}  // namespace octet
