#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "octet/graph/output_file.h"
#include "octet/loader/record_io.h"

namespace octet {

class RecordWriter::Impl {
 public:
  Impl(OutputFile records, std::optional<OutputFile> index)
      : records_file_(std::move(records)), index_file_(std::move(index)) {}

  Result<void> append_payload(std::span<const std::uint8_t> payload, std::uint64_t key) {
    if (failed_) return *failed_;
    if (payload.size() >= kRecordPayloadLimit) {
      return Error{ErrorCode::limit, records_file_.path().string(),
                   "a record of " + std::to_string(payload.size()) + " bytes; records are smaller than 512 MiB"};
    }
    const std::uint64_t offset = records_file_.size();
    OCTET_CHECK(note(write_record(payload)));
    if (index_file_) {
      const std::string line = std::to_string(key) + "\t" + std::to_string(offset) + "\n";
      OCTET_CHECK(note(index_file_->write(line)));
    }
    ++records_;
    return {};
  }

  Result<void> append(const IRHeader& header, std::span<const float> labels, std::span<const std::uint8_t> image,
                      std::uint64_t key) {
    const std::uint64_t size = kIRHeaderBytes + labels.size_bytes() + std::uint64_t{image.size()};
    if (size >= kRecordPayloadLimit) {
      return Error{ErrorCode::limit, records_file_.path().string(),
                   "a record of " + std::to_string(size) + " bytes; records are smaller than 512 MiB"};
    }
    OCTET_CHECK(pack_payload(header, labels, image, payload_));
    return append_payload(payload_, key);
  }

  Result<void> close() {
    if (failed_) return *failed_;
    failed_ = Error{ErrorCode::usage, records_file_.path().string(), "the writer has been closed"};
    OCTET_CHECK(records_file_.sync());
    if (!index_file_) return records_file_.commit();
    OCTET_CHECK(index_file_->sync());
    // The old index goes first: a crash in between must not leave it beside the new records.
    std::error_code ignored;
    std::filesystem::remove(index_file_->path(), ignored);
    OCTET_CHECK(records_file_.commit());
    return index_file_->commit();
  }

  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }

 private:
  /// Keeps the first failure: what follows a half-written record would be garbage.
  Result<void> note(Result<void> result) {
    if (!result) failed_ = result.error();
    return result;
  }

  Result<void> write_record(std::span<const std::uint8_t> payload) {
    std::size_t magic = find_magic(payload);
    if (magic == payload.size()) return write_part(0, payload);
    OCTET_CHECK(write_part(1, payload.first(magic)));
    payload = payload.subspan(magic + 4);
    while ((magic = find_magic(payload)) != payload.size()) {
      OCTET_CHECK(write_part(2, payload.first(magic)));
      payload = payload.subspan(magic + 4);
    }
    return write_part(3, payload);
  }

  Result<void> write_part(std::uint32_t flag, std::span<const std::uint8_t> bytes) {
    const std::array<std::uint32_t, 2> words = {kRecordMagic, flag << 29 | static_cast<std::uint32_t>(bytes.size())};
    std::array<std::uint8_t, sizeof(words)> head{};
    std::memcpy(head.data(), words.data(), sizeof(words));
    constexpr std::array<std::uint8_t, 4> kZeros{};
    OCTET_CHECK(records_file_.write(std::as_bytes(std::span(head))));
    OCTET_CHECK(records_file_.write(std::as_bytes(bytes)));
    return records_file_.write(std::as_bytes(std::span(kZeros).first((4 - bytes.size() % 4) % 4)));
  }

  OutputFile records_file_;
  std::optional<OutputFile> index_file_;
  std::optional<Error> failed_;
  std::uint64_t records_ = 0;
  std::vector<std::uint8_t> payload_;  ///< of one record; reused
};

Result<RecordWriter> RecordWriter::create(const std::filesystem::path& path, const std::filesystem::path& index) {
  OCTET_TRY(OutputFile records, OutputFile::create(path));
  std::optional<OutputFile> index_file;
  if (!index.empty()) {
    OCTET_TRY(index_file, OutputFile::create(index));
  }
  return RecordWriter(std::make_unique<Impl>(std::move(records), std::move(index_file)));
}

RecordWriter::RecordWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RecordWriter::~RecordWriter() = default;
RecordWriter::RecordWriter(RecordWriter&&) noexcept = default;
RecordWriter& RecordWriter::operator=(RecordWriter&&) noexcept = default;

Result<void> RecordWriter::append(std::uint64_t id, std::span<const float> labels,
                                  std::span<const std::uint8_t> image) {
  const IRHeader header = header_for(id, labels);
  return impl_->append(header, header.flag == 0 ? std::span<const float>() : labels, image, id);
}

Result<void> RecordWriter::append(const IRHeader& header, std::span<const float> labels,
                                  std::span<const std::uint8_t> image, std::uint64_t key) {
  return impl_->append(header, labels, image, key);
}

Result<void> RecordWriter::append_payload(std::span<const std::uint8_t> payload, std::uint64_t key) {
  return impl_->append_payload(payload, key);
}

std::uint64_t RecordWriter::records() const noexcept { return impl_->records(); }

Result<void> RecordWriter::close() { return impl_->close(); }

}  // namespace octet
