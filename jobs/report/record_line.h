// A line of scores.jsonl, read back.
#pragma once

#include <cstdint>      // std::uint64_t
#include <map>          // std::map
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view

#include "octet/jobs/record.h"

namespace octet {

/// What append_record (writers.h) wrote as JSON Lines. A number that is null there is NaN here.
struct RecordLine {
  struct Failure {
    std::string code, message;
  };
  std::uint64_t index = 0;
  std::string key;
  std::optional<Failure> failure;     ///< set: `outcome` is empty
  Outcome outcome;                    ///< raw outputs of features alone
  std::map<int, std::string> labels;  ///< of the classes that have one
};

/// nullopt when the text is no such line: not JSON, a field that is missing or of another type, or
/// none or two of "predictions", "detections", "features" and "error".
std::optional<RecordLine> parse_record_line(std::string_view text);

}  // namespace octet
