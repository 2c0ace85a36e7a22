// The kinds of Source, for Source::open. Each opener returns Error(not_found) when there is no entry.
#pragma once

#include <filesystem>   // std::filesystem::path
#include <memory>       // std::unique_ptr
#include <string_view>  // std::string_view

#include "octet/graph/result.h"
#include "octet/loader/record_files.h"
#include "octet/loader/source.h"

namespace octet {

/// ".rec" and the like, in any case.
bool has_extension(const std::filesystem::path& path, std::string_view extension);

/// A .rec, record after record.
Result<std::unique_ptr<Source>> open_records(const SourceOptions& options);
/// A .rec through its .idx, line after line of the .idx, which is streamed.
Result<std::unique_ptr<Source>> open_indexed_records(const SourceOptions& options);
/// Several .rec files as one, each through its own .idx when use_index is set.
Result<std::unique_ptr<Source>> open_record_files(RecordFiles files, const SourceOptions& options);
/// A .lst, line after line; streamed.
Result<std::unique_ptr<Source>> open_list(const SourceOptions& options);
/// The image files below a directory. Their names are held in memory: the name's length + 9 bytes each.
Result<std::unique_ptr<Source>> open_directory(const SourceOptions& options);

}  // namespace octet
