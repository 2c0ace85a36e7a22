#include <cmath>  // std::isfinite

#include "octet/jobs/writers.h"
#include "octet/jobs/writers/number_text.h"
#include "octet/jobs/writers/utf8.h"

namespace octet {
namespace {

void append_score(float value, std::string_view otherwise, std::string& text) {
  if (std::isfinite(value)) {
    append_number(value, text);
  } else {
    text += otherwise;
  }
}

std::string_view label_of(int id, std::span<const std::string> labels) {
  const auto at = static_cast<std::size_t>(id);
  return id >= 0 && at < labels.size() ? std::string_view(labels[at]) : std::string_view();
}

void append_class(int id, float score, std::span<const std::string> labels, std::string& json) {
  json += "{\"id\":";
  append_number(id, json);
  if (const auto label = label_of(id, labels); !label.empty()) {
    json += ",\"label\":";
    append_json_string(label, json);
  }
  json += ",\"score\":";
  append_score(score, "null", json);
}

void append_outcome(const Outcome& outcome, std::span<const std::string> labels, bool detection, std::string& json) {
  json += detection ? ",\"detections\":[" : ",\"predictions\":[";
  const char* comma = "";
  for (const Prediction& prediction : outcome.predictions) {
    json += comma;
    append_class(prediction.id, prediction.score, labels, json);
    json += '}';
    comma = ",";
  }
  for (const Detection& found : outcome.detections) {
    json += comma;
    append_class(found.id, found.score, labels, json);
    json += ",\"box\":[";
    const char* between = "";
    for (const float corner : {found.xmin, found.ymin, found.xmax, found.ymax}) {
      json += between;
      append_score(corner, "null", json);
      between = ",";
    }
    json += "]}";
    comma = ",";
  }
  json += ']';
}

void append_features(const Outcome& outcome, std::span<const OutputLayout> outputs, std::string& json) {
  json += ",\"features\":{";
  std::size_t at = 0;
  for (const OutputLayout& output : outputs) {
    if (at > 0) json += ',';
    append_json_string(output.name, json);
    json += ":[";
    for (std::size_t i = 0; i < output.elements && at < outcome.outputs.size(); ++i, ++at) {
      if (i > 0) json += ',';
      append_score(outcome.outputs[at], "null", json);
    }
    json += ']';
  }
  json += '}';
}

void append_json_line(const Record& record, std::span<const std::string> labels, std::span<const OutputLayout> outputs,
                      std::string& json) {
  json += "{\"index\":";
  append_number(record.index, json);
  json += ",\"key\":";
  append_json_string(record.key, json);
  if (record.outcomes && !record.outcomes->empty()) {
    const Outcome& outcome = record.outcomes->front();
    if (outcome.features) {
      append_features(outcome, outputs, json);
    } else {
      append_outcome(outcome, labels, outcome.detection, json);
    }
  } else {
    const Error error = record.outcomes ? Error{ErrorCode::internal, {}, "no outcome"} : record.outcomes.error();
    json += ",\"error\":{\"code\":";
    append_json_string(to_string(error.code), json);
    json += ",\"message\":";
    append_json_string(to_string(error), json);
    json += '}';
  }
  json += "}\n";
}

// RFC 4180: fields with commas, quotes or line ends are quoted.
void append_csv_field(std::string_view text, std::string& csv) {
  const bool quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
  if (quoted) csv += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_sequence(text.substr(at));
    if (text[at] == '"') csv += '"';
    csv += length == 0 ? utf8_replacement : text.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  if (quoted) csv += '"';
}

void append_csv_start(const Record& record, std::string& csv) {
  append_number(record.index, csv);
  csv += ',';
  append_csv_field(record.key, csv);
  csv += ',';
}

void append_csv_class(std::size_t rank, int id, float score, std::span<const std::string> labels, std::string& csv) {
  append_number(rank, csv);
  csv += ',';
  append_number(id, csv);
  csv += ',';
  append_csv_field(label_of(id, labels), csv);
  csv += ',';
  append_score(score, "", csv);
}

void append_csv_lines(const Record& record, std::span<const std::string> labels, std::string& csv) {
  const bool usable = record.outcomes && !record.outcomes->empty();
  const Outcome none;
  const Outcome& outcome = usable ? record.outcomes->front() : none;
  std::size_t rank = 0;
  for (const Prediction& prediction : outcome.predictions) {
    append_csv_start(record, csv);
    append_csv_class(++rank, prediction.id, prediction.score, labels, csv);
    csv += ",,,,,\n";
  }
  for (const Detection& found : outcome.detections) {
    append_csv_start(record, csv);
    append_csv_class(++rank, found.id, found.score, labels, csv);
    for (const float corner : {found.xmin, found.ymin, found.xmax, found.ymax}) {
      csv += ',';
      append_score(corner, "", csv);
    }
    csv += ",\n";
  }
  if (rank > 0) return;
  append_csv_start(record, csv);
  csv += ",,,,,,,,";
  if (!record.outcomes) append_csv_field(to_string(record.outcomes.error()), csv);
  csv += '\n';
}

}  // namespace

Result<OutputFormat> parse_output_format(std::string_view text) {
  if (text == "jsonl") return OutputFormat::jsonl;
  if (text == "csv") return OutputFormat::csv;
  if (text == "coco") return OutputFormat::coco;
  if (text == "voc") return OutputFormat::voc;
  return Error{ErrorCode::usage, {}, "there is no output format '" + std::string(text) + "': jsonl, csv, coco, voc"};
}

std::string_view to_string(OutputFormat format) noexcept {
  switch (format) {
    case OutputFormat::jsonl: return "jsonl";
    case OutputFormat::csv: return "csv";
    case OutputFormat::coco: return "coco";
    case OutputFormat::voc: return "voc";
  }
  return "jsonl";
}

std::string_view output_name(OutputFormat format) noexcept {
  return format == OutputFormat::csv ? "scores.csv" : "scores.jsonl";
}

std::string_view header_text(OutputFormat format) noexcept {
  return format == OutputFormat::csv ? "index,key,rank,id,label,score,xmin,ymin,xmax,ymax,error\n" : "";
}

void append_json_string(std::string_view text, std::string& json) {
  constexpr std::string_view hex = "0123456789abcdef";
  json += '"';
  for (std::size_t at = 0; at < text.size();) {
    const auto character = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_sequence(text.substr(at));
    if (length == 0) {
      json += utf8_replacement;
    } else if (character < 0x20) {
      json += "\\u00";
      json += hex[character >> 4U];
      json += hex[character & 15U];
    } else {
      if (character == '"' || character == '\\') json += '\\';
      json += text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
  }
  json += '"';
}

void append_record(OutputFormat format, const Record& record, std::span<const std::string> labels, std::string& text,
                   std::span<const OutputLayout> outputs) {
  if (format == OutputFormat::csv) {
    append_csv_lines(record, labels, text);
  } else {
    append_json_line(record, labels, outputs, text);
  }
}

}  // namespace octet
