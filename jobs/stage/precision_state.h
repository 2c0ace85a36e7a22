// Where a search for the layers that stay in float has got to: a small file beside the output.
#pragma once

#include <filesystem>  // std::filesystem::path
#include <string>      // std::string

#include "octet/jobs/calibrate_job.h"

namespace octet {

/// What shapes a search, but for the pictures. Error when the model is not there.
Result<std::string> precision_key(const CalibrateOptions& options);

/// PREFIX.precision.json
std::filesystem::path precision_state_file(const std::filesystem::path& output);

/// Steps and ranking as JSON, with `key`, which says what they are of.
Result<void> save_precision_state(const std::filesystem::path& file, const std::string& key,
                                  const PrecisionReport& report);

/// What was saved under the same key; an empty report when there is no such file or it cannot be used.
PrecisionReport load_precision_state(const std::filesystem::path& file, const std::string& key);

}  // namespace octet
