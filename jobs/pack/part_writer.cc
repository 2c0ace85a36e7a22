#include "octet/jobs/pack/part_writer.h"

#include <array>     // std::array
#include <charconv>  // std::to_chars
#include <utility>   // std::move

#include "octet/graph/digest.h"
#include "octet/loader/record_files.h"
#include "octet/loader/text_lines.h"

namespace octet {
namespace {

/// As printf's %f, whatever the locale.
void append_label(float label, std::string& line) {
  std::array<char, 64> digits{};  // a float has at most 39 digits before the point
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<double>(label),
                                 std::chars_format::fixed, 6);
  line.append(digits.data(), end.ptr);
}

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code ignored;
  return std::filesystem::equivalent(a, b, ignored);
}

Error would_overwrite(const std::filesystem::path& path) {
  return {ErrorCode::usage, path.string(), "is what is being read and would be overwritten: choose another output"};
}

}  // namespace

std::uint64_t payload_digest(std::span<const std::uint8_t> payload) {
  const std::string hex = digest(std::as_bytes(payload));
  std::uint64_t value = 0;
  std::from_chars(hex.data(), hex.data() + std::min<std::size_t>(16, hex.size()), value, 16);
  return value;
}

Result<std::string> list_line(std::uint64_t id, std::span<const float> labels, const std::string& path) {
  if (path.find_first_of("\t\n\r") != std::string::npos) {
    return Error{ErrorCode::bad_record, {}, "the path holds a TAB or a line end, which a list cannot hold"};
  }
  std::string line = std::to_string(id) + "\t";
  for (const float label : labels) {
    append_label(label, line);
    line += '\t';
  }
  if (labels.empty()) line += "-1.000000\t";
  line += path;
  if (line.size() > kMaxLineBytes) return Error{ErrorCode::bad_record, {}, "the list's line would pass 1 MiB"};
  return line + "\n";
}

Result<PartWriter> PartWriter::create(const PackOptions& options, const PackPart& part) {
  const std::filesystem::path& data = options.stream.source.data;
  std::filesystem::path stem = std::filesystem::path(options.output).replace_extension();
  stem += part.suffix;
  const auto beside = [&](const char* extension) {
    std::filesystem::path path = stem;
    path += extension;
    return path;
  };
  PartWriter writer;
  const std::filesystem::path list = beside(".lst");
  if (options.list_only) {
    if (same_file(list, data)) return would_overwrite(list);
    writer.part_.file.path = writer.part_.list = list;
  } else {
    writer.keep_digests_ = options.verify;
    writer.part_.file.path = beside(".rec");
    writer.part_.index = beside(".idx");
    OCTET_TRY(const RecordFiles records, find_record_files(options.stream.source));
    for (std::size_t i = 0; i < records.names.size(); ++i) {
      if (same_file(writer.part_.file.path, records.path(i))) return would_overwrite(records.path(i));
    }
    if (records.empty() && !same_file(list, data)) writer.part_.list = list;
    OCTET_TRY(writer.records_, RecordWriter::create(writer.part_.file.path, writer.part_.index));
  }
  if (!writer.part_.list.empty()) {
    OCTET_TRY(writer.list_, OutputFile::create(writer.part_.list));
  }
  return writer;
}

Result<void> PartWriter::add(const PackedEntry& entry) {
  ++part_.file.records;
  if (records_) {
    OCTET_CHECK(records_->append_payload(entry.payload, entry.id));
    if (keep_digests_) part_.digests.push_back(entry.digest);
  }
  return list_ ? list_->write(entry.line) : Result<void>();
}

Result<WrittenPart> PartWriter::close() {
  if (list_) OCTET_CHECK(list_->sync());
  if (records_) OCTET_CHECK(records_->close());
  if (list_) OCTET_CHECK(list_->commit());
  std::error_code failed;
  part_.file.bytes = std::filesystem::file_size(part_.file.path, failed);
  if (failed) return Error{ErrorCode::io, part_.file.path.string(), "cannot be examined: " + failed.message()};
  return std::move(part_);
}

}  // namespace octet
