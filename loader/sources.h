// The kinds of Source, for Source::open. Each opener returns Error(not_found) when there is no entry.
#pragma once

#include <memory>  // std::unique_ptr

#include "octet/graph/result.h"
#include "octet/loader/source.h"

namespace octet {

/// A .rec, record after record.
Result<std::unique_ptr<Source>> open_records(const SourceOptions& options);
/// A .rec through its .idx, line after line of the .idx, which is streamed.
Result<std::unique_ptr<Source>> open_indexed_records(const SourceOptions& options);
/// A .lst, line after line; streamed.
Result<std::unique_ptr<Source>> open_list(const SourceOptions& options);
/// The image files below a directory. Their names are held in memory: the name's length + 9 bytes each.
Result<std::unique_ptr<Source>> open_directory(const SourceOptions& options);

}  // namespace octet
