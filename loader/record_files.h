// Which record files a source's `data` names: one, or several that are read one behind the other.
#pragma once

#include <filesystem>   // std::filesystem::path
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/result.h"
#include "octet/loader/source.h"

namespace octet {

struct RecordFiles {
  std::filesystem::path folder;    ///< the deepest one that holds all of them
  std::vector<std::string> names;  ///< relative to it, with '/', in the order of reading; empty: data is something else
  bool several = false;            ///< keys begin with the file's name, and be it one file that a pattern matched

  [[nodiscard]] bool empty() const noexcept { return names.empty(); }
  [[nodiscard]] std::filesystem::path path(std::size_t i) const { return folder / names[i]; }
  /// The file that holds the entry with this key.
  [[nodiscard]] std::filesystem::path file_of(std::string_view key) const;
};

/// Looks at the file system as SourceOptions::data says; the data itself is not read. Error(not_found) for a pattern
/// without files and for a file of several that does not exist; Error(usage) for one named twice, or not named .rec.
Result<RecordFiles> find_record_files(const SourceOptions& options);

}  // namespace octet
