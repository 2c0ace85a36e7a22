#include <fcntl.h>   // posix_fadvise
#include <unistd.h>  // close

#include "octet/jobs/pack/part_writer.h"
#include "octet/loader/text_lines.h"

namespace octet {
namespace {

/// Reading back should meet the disk, not the pages that were just written. A hint.
void forget_pages(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
}

Error differs(std::string where, const char* what) {
  return {ErrorCode::io, std::move(where), std::string(what) + "; the files have been removed"};
}

/// Record `position` and its line of the index.
Result<void> compare(const RecordReader& reader, const RawRecord& record, std::uint64_t digest, LineReader& index) {
  if (payload_digest(record.payload.bytes) != digest) {
    return differs(reader.file().where(record.offset), "the record reads back differently from what was written");
  }
  OCTET_TRY(const IRHeader header, parse_header(record.payload.bytes));
  OCTET_TRY(const auto line, index.next());
  if (!line || line->text != std::to_string(header.id) + "\t" + std::to_string(record.offset)) {
    return differs(index.path().string(), "the index reads back differently from what was written");
  }
  return {};
}

Result<void> read_back(const WrittenPart& part, const JobControl& control) {
  forget_pages(part.file.path);
  OCTET_TRY(RecordReader reader, RecordReader::open(part.file.path));
  OCTET_TRY(LineReader index, LineReader::open(part.index));
  ProgressMeter meter(control, "verify", part.digests.size());
  for (const std::uint64_t digest : part.digests) {
    if (control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    OCTET_TRY(const auto item, reader.next());
    const auto* record = item ? std::get_if<RawRecord>(&*item) : nullptr;
    if (record == nullptr) return differs(part.file.path.string(), "records are missing or damaged");
    OCTET_CHECK(compare(reader, *record, digest, index));
    meter.add(1, 0);
  }
  OCTET_TRY(const auto more, reader.next());
  OCTET_TRY(const auto line, index.next());
  if (more || line) return differs(part.file.path.string(), "there is more than what was written");
  meter.finish();
  return {};
}

}  // namespace

Result<void> verify_part(const WrittenPart& part, const JobControl& control) {
  auto verified = read_back(part, control);
  if (!verified && verified.error().code != ErrorCode::cancelled) {
    std::error_code ignored;
    for (const std::filesystem::path& path : {part.file.path, part.index, part.list}) {
      if (!path.empty()) std::filesystem::remove(path, ignored);
    }
  }
  return verified;
}

}  // namespace octet
