// Records as text.
#pragma once

#include <cstdint>      // std::uint8_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/executor/plan.h"
#include "octet/graph/result.h"
#include "octet/jobs/record.h"

namespace octet {

enum class OutputFormat : std::uint8_t {
  jsonl,
  csv,
  coco,  ///< jsonl, and detections as COCO results (see DetectionFiles)
  voc,   ///< jsonl, and detections as VOC's comp4 files
};

/// "jsonl", "csv", "coco" or "voc"; else Error(usage).
Result<OutputFormat> parse_output_format(std::string_view text);
std::string_view to_string(OutputFormat format) noexcept;
/// Name of the file with all records: "scores.csv", or "scores.jsonl" for the other formats.
std::string_view output_name(OutputFormat format) noexcept;

/// What stands before the first record: CSV's line of column names; nothing for JSON Lines.
std::string_view header_text(OutputFormat format) noexcept;

/// Appends the record (its first outcome) to `text`, with the line end. Always valid UTF-8: bytes
/// that are not become U+FFFD. Numbers are the shortest that read back to the same float; values
/// that are not finite are null (JSON) or empty (CSV). A class without a name
/// has no label.
///   JSON Lines: {"index":17,"key":"a.jpg","predictions":[{"id":281,"label":"tabby","score":0.71}]}
///               or "detections":[{"id","label","score","box":[xmin,ymin,xmax,ymax]}]
///               or "features":{"fc6":[0.5,0.25]}: for each of `outputs` its values, row-major
///               or "error":{"code":"bad_image","message":"..."}
///   CSV (no features): index,key,rank,id,label,score,xmin,ymin,xmax,ymax,error: one line per prediction or
///               detection, one line for an entry without any.
void append_record(OutputFormat format, const Record& record, std::span<const std::string> labels, std::string& text,
                   std::span<const OutputLayout> outputs = {});

/// Appends `text` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string_view text, std::string& json);

}  // namespace octet
