#include "octet/loader/record_io.h"
#include "octet/loader/sources.h"
#include "octet/loader/text_lines.h"

namespace octet {
namespace {

const std::vector<std::string>& no_classes() {
  static const std::vector<std::string> none;
  return none;
}

std::string place_key(std::uint64_t offset) { return std::string("@").append(std::to_string(offset)); }

/// Key, labels and image of a record. A record that cannot be used keeps as much of them as it has.
Entry entry_of(RawRecord record, const InputFile& file) {
  Entry entry;
  const auto refuse = [&](Error error) {
    error.where = file.where(record.offset);
    entry.image = std::move(error);
    return std::move(entry);
  };
  entry.key = place_key(record.offset);
  const auto header = parse_header(record.payload.bytes);
  if (!header) return refuse(header.error());
  entry.key = std::to_string(header->id);
  entry.id = header->id;
  auto labels = parse_labels(*header, record.payload.bytes);
  if (!labels) return refuse(labels.error());
  entry.labels = *std::move(labels);
  const std::span<const std::uint8_t> image = image_of(*header, record.payload.bytes);
  if (image.empty()) return refuse({ErrorCode::bad_record, "", "the record has no image bytes"});
  entry.image = ImageBytes::from_memory(std::move(record.payload.owner), image);
  return entry;
}

class RecordSource final : public Source {
 public:
  explicit RecordSource(RecordReader reader) : reader_(std::move(reader)) {}

  Result<std::optional<Entry>> next() override {
    OCTET_TRY(std::optional<RecordOrDamage> item, reader_.next());
    if (!item) return std::optional<Entry>();
    Entry entry;
    if (auto* record = std::get_if<RawRecord>(&*item)) {
      entry = entry_of(std::move(*record), reader_.file());
    } else if (const auto* damage = std::get_if<DamagedPlace>(&*item)) {
      entry.key = place_key(damage->offset);
      entry.image = Error{ErrorCode::bad_record, reader_.file().where(damage->offset),
                          damage->problem + "; " + std::to_string(damage->bytes) + " bytes skipped"};
    }
    entry.index = position_++;
    return std::optional(std::move(entry));
  }

  Result<void> rewind() override {
    reader_.rewind();
    position_ = 0;
    return {};
  }

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return std::nullopt; }
  [[nodiscard]] const std::vector<std::string>& classes() const override { return no_classes(); }

 private:
  RecordReader reader_;
  std::uint64_t position_ = 0;
};

/// Records in the order of the index.
class IndexedRecordSource final : public Source {
 public:
  IndexedRecordSource(RecordReader reader, LineReader index, std::uint64_t size)
      : reader_(std::move(reader)), index_(std::move(index)), size_(size) {}

  Result<std::optional<Entry>> next() override {
    OCTET_TRY(const std::optional<TextLine> line, index_.next());
    if (!line) return std::optional<Entry>();
    OCTET_TRY(Entry entry, entry_at(*line));
    entry.index = position_++;
    return std::optional(std::move(entry));
  }

  Result<void> rewind() override {
    index_.rewind();
    position_ = 0;
    return {};
  }

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }
  [[nodiscard]] const std::vector<std::string>& classes() const override { return no_classes(); }

 private:
  Result<Entry> entry_at(const TextLine& line) {
    Entry entry;
    entry.key = std::string("line ").append(std::to_string(line.number));
    const auto refuse = [&](std::string problem) {
      entry.image = Error{ErrorCode::bad_record, index_.where(line), std::move(problem)};
      return std::move(entry);
    };
    const std::string_view text = trimmed(line.text);
    const std::size_t key_end = text.find_first_of(" \t");
    if (line.too_long || key_end == std::string_view::npos) return refuse("the line is not a key and an offset");
    const std::string_view key = text.substr(0, key_end);
    const std::string_view offset_text = trimmed(text.substr(key_end));
    if (!parse_u64(key)) return refuse("the key is not a number: " + std::string(key.substr(0, 40)));
    entry.key = key;
    const auto offset = parse_u64(offset_text);
    if (!offset) return refuse("the offset is not a number: " + std::string(offset_text.substr(0, 40)));
    OCTET_TRY(RecordOrDamage item, reader_.read_at(*offset));
    if (const auto* damage = std::get_if<DamagedPlace>(&item)) {
      return refuse("offset " + std::string(offset_text) + " of " + reader_.file().path().filename().string() + ": " +
                    damage->problem);
    }
    entry = entry_of(std::move(*std::get_if<RawRecord>(&item)), reader_.file());
    entry.key = key;
    return entry;
  }

  RecordReader reader_;
  LineReader index_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_records(const SourceOptions& options) {
  OCTET_TRY(RecordReader reader, RecordReader::open(options.data));
  if (reader.file().size() == 0) return Error{ErrorCode::not_found, options.data.string(), "holds no records"};
  return std::unique_ptr<Source>(std::make_unique<RecordSource>(std::move(reader)));
}

Result<std::unique_ptr<Source>> open_indexed_records(const SourceOptions& options) {
  std::filesystem::path path = options.index;
  if (path.empty()) path = std::filesystem::path(options.data).replace_extension(".idx");
  OCTET_TRY(RecordReader reader, RecordReader::open(options.data));
  OCTET_TRY(LineReader index, LineReader::open(path));
  std::uint64_t lines = 0;
  while (true) {
    OCTET_TRY(const std::optional<TextLine> line, index.next());
    if (!line) break;
    ++lines;
  }
  if (lines == 0) return Error{ErrorCode::not_found, path.string(), "holds no index entries"};
  index.rewind();
  return std::unique_ptr<Source>(std::make_unique<IndexedRecordSource>(std::move(reader), std::move(index), lines));
}

}  // namespace octet
