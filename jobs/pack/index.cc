#include "octet/graph/output_file.h"
#include "octet/jobs/pack.h"
#include "octet/jobs/pack/order.h"
#include "octet/jobs/stage/entry_counter.h"
#include "octet/loader/record_files.h"
#include "octet/loader/record_io.h"

namespace octet {
namespace {

/// The index's line of a record; an Error when it has none.
Result<std::string> index_line(const RecordOrDamage& item, const InputFile& file) {
  if (const auto* damage = std::get_if<DamagedPlace>(&item)) {
    return Error{ErrorCode::bad_record, file.where(damage->offset), damage->problem};
  }
  const auto& record = *std::get_if<RawRecord>(&item);
  const auto header = parse_header(record.payload.bytes);
  if (!header) return Error{ErrorCode::bad_record, file.where(record.offset), header.error().message};
  return std::to_string(header->id) + "\t" + std::to_string(record.offset) + "\n";
}

}  // namespace

Result<PackSummary> rebuild_index(const StreamOptions& stream) {
  OCTET_CHECK(check_stream_options(stream));
  const std::filesystem::path& data = stream.source.data;
  OCTET_TRY(const RecordFiles files, find_record_files(stream.source));
  if (files.empty() || files.several)
    return Error{ErrorCode::usage, data.string(), "is not named .rec: it has no index"};
  const std::filesystem::path path =
      stream.source.index.empty() ? std::filesystem::path(data).replace_extension(".idx") : stream.source.index;
  OCTET_TRY(RecordReader reader, RecordReader::open(data));
  if (reader.file().size() == 0) return Error{ErrorCode::not_found, data.string(), "holds no records"};
  OCTET_TRY(OutputFile index, OutputFile::create(path));
  EntryCounter counter(stream, std::nullopt);
  ProgressMeter meter(stream.control, "index", std::nullopt);
  PackedFile file{path};
  for (std::uint64_t position = 0;; ++position) {
    if (stream.control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    OCTET_TRY(const auto item, reader.next());
    if (!item) break;
    const auto line = index_line(*item, reader.file());
    if (line) {
      OCTET_CHECK(index.write(*line));
      ++file.records;
    }
    OCTET_CHECK(counter.add(position, "record " + std::to_string(position), line ? nullptr : &line.error()));
    meter.add(1, line ? 0 : 1);
  }
  OCTET_CHECK(counter.finish());
  file.bytes = index.size();
  OCTET_CHECK(index.commit());
  meter.finish();
  PackSummary summary;
  summary.stream = counter.summary(meter.seconds());
  summary.bytes = file.bytes;
  summary.files.push_back(std::move(file));
  return summary;
}

}  // namespace octet
