#include <limits>

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

/// Which entries of a file of `bytes` bytes belong to a shard.
class ByteRange {
 public:
  ByteRange(const Shard& shard, std::uint64_t bytes)
      : shard_(shard), begin_(boundary(shard.index, bytes)), end_(boundary(shard.index + 1, bytes)) {}

  [[nodiscard]] bool holds(std::uint64_t offset) const noexcept { return offset >= begin_ && offset < end_; }
  [[nodiscard]] bool is_behind(std::uint64_t offset) const noexcept { return offset >= end_; }
  /// For entry `position`, which has no place in the file.
  [[nodiscard]] bool deals(std::uint64_t position) const noexcept { return position % shard_.count == shard_.index; }
  [[nodiscard]] bool is_whole() const noexcept { return shard_.count == 1; }

 private:
  /// bytes * index / count, which may not fit 64 bits on the way.
  [[nodiscard]] std::uint64_t boundary(std::uint64_t index, std::uint64_t bytes) const noexcept {
    const std::uint64_t count = shard_.count;
    const __uint128_t product = static_cast<__uint128_t>(bytes) * index;
    return index == count ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(product / count);
  }

  Shard shard_;
  std::uint64_t begin_, end_;
};

class RecordSource final : public Source {
 public:
  RecordSource(RecordReader reader, const Shard& shard)
      : reader_(std::move(reader)), range_(shard, reader_.file().size()) {}

  Result<std::optional<Entry>> next() override {
    while (!range_.is_behind(reader_.offset())) {
      OCTET_TRY(std::optional<RecordOrDamage> item, reader_.next());
      if (!item) break;
      const std::uint64_t index = position_++;
      const std::uint64_t offset = std::visit([](const auto& place) { return place.offset; }, *item);
      if (!range_.holds(offset)) continue;
      Entry entry = entry_from(std::move(*item));
      entry.index = index;
      entry.offset = offset;
      entry.next = {position_, reader_.offset(), 0};
      return std::optional(std::move(entry));
    }
    return std::optional<Entry>();
  }

  Result<void> seek(const SourcePosition& position) override {
    reader_.seek(position.offset);
    position_ = position.index;
    return {};
  }

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return std::nullopt; }
  [[nodiscard]] std::uint64_t passed() const override { return position_; }
  [[nodiscard]] const std::vector<std::string>& classes() const override { return no_classes(); }

 private:
  Entry entry_from(RecordOrDamage item) {
    if (auto* record = std::get_if<RawRecord>(&item)) return entry_of(std::move(*record), reader_.file());
    const auto& damage = *std::get_if<DamagedPlace>(&item);
    Entry entry;
    entry.key = place_key(damage.offset);
    entry.image = Error{ErrorCode::bad_record, reader_.file().where(damage.offset),
                        damage.problem + "; " + std::to_string(damage.bytes) + " bytes skipped"};
    return entry;
  }

  RecordReader reader_;
  ByteRange range_;
  std::uint64_t position_ = 0;
};

/// A line of an .idx; the problem when it is none.
struct IndexLine {
  std::string key;
  std::uint64_t offset = 0;
  std::string problem = {};
};

IndexLine parse_index_line(const TextLine& line) {
  IndexLine parsed{std::string("line ").append(std::to_string(line.number))};
  const auto refuse = [&parsed](std::string problem) {
    parsed.problem = std::move(problem);
    return std::move(parsed);
  };
  const std::string_view text = trimmed(line.text);
  const std::size_t key_end = text.find_first_of(" \t");
  if (line.too_long || key_end == std::string_view::npos) return refuse("the line is not a key and an offset");
  const std::string_view key = text.substr(0, key_end);
  const std::string_view offset_text = trimmed(text.substr(key_end));
  if (!parse_u64(key)) return refuse("the key is not a number: " + std::string(key.substr(0, 40)));
  parsed.key = key;
  const auto offset = parse_u64(offset_text);
  if (!offset) return refuse("the offset is not a number: " + std::string(offset_text.substr(0, 40)));
  parsed.offset = *offset;
  return parsed;
}

/// Records in the order of the index.
class IndexedRecordSource final : public Source {
 public:
  IndexedRecordSource(RecordReader reader, LineReader index, const Shard& shard)
      : reader_(std::move(reader)), index_(std::move(index)), range_(shard, reader_.file().size()) {}

  /// Reads the index through once.
  Result<void> count() {
    while (true) {
      OCTET_TRY(const std::optional<TextLine> line, index_.next());
      if (!line) break;
      ++lines_;
      if (range_.is_whole() || is_mine(parse_index_line(*line), lines_ - 1)) ++size_;
    }
    return seek({});
  }
  [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }

  Result<std::optional<Entry>> next() override {
    while (true) {
      OCTET_TRY(const std::optional<TextLine> line, index_.next());
      if (!line) return std::optional<Entry>();
      const std::uint64_t index = position_++;
      const IndexLine place = parse_index_line(*line);
      if (!is_mine(place, index)) continue;
      OCTET_TRY(Entry entry, entry_at(place, *line));
      entry.index = index;
      entry.next = {position_, index_.offset(), line->number};
      return std::optional(std::move(entry));
    }
  }

  Result<void> seek(const SourcePosition& position) override {
    index_.seek(position.offset, position.line);
    position_ = position.index;
    return {};
  }

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return size_; }
  [[nodiscard]] std::uint64_t passed() const override { return position_; }
  [[nodiscard]] const std::vector<std::string>& classes() const override { return no_classes(); }

 private:
  [[nodiscard]] bool is_mine(const IndexLine& place, std::uint64_t position) const noexcept {
    return place.problem.empty() ? range_.holds(place.offset) : range_.deals(position);
  }

  Result<Entry> entry_at(const IndexLine& place, const TextLine& line) {
    Entry entry;
    entry.key = place.key;
    const auto refuse = [&](std::string problem) {
      entry.image = Error{ErrorCode::bad_record, index_.where(line), std::move(problem)};
      return std::move(entry);
    };
    if (!place.problem.empty()) return refuse(place.problem);
    OCTET_TRY(RecordOrDamage item, reader_.read_at(place.offset));
    if (const auto* damage = std::get_if<DamagedPlace>(&item)) {
      entry.offset = place.offset;
      return refuse("offset " + std::to_string(place.offset) + " of " + reader_.file().path().filename().string() +
                    ": " + damage->problem);
    }
    entry = entry_of(std::move(*std::get_if<RawRecord>(&item)), reader_.file());
    entry.key = place.key;
    entry.offset = place.offset;
    return entry;
  }

  RecordReader reader_;
  LineReader index_;
  ByteRange range_;
  std::uint64_t lines_ = 0, size_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_records(const SourceOptions& options) {
  OCTET_TRY(RecordReader reader, RecordReader::open(options.data));
  if (reader.file().size() == 0) return Error{ErrorCode::not_found, options.data.string(), "holds no records"};
  return std::unique_ptr<Source>(std::make_unique<RecordSource>(std::move(reader), options.shard));
}

Result<std::unique_ptr<Source>> open_indexed_records(const SourceOptions& options) {
  std::filesystem::path path = options.index;
  if (path.empty()) path = std::filesystem::path(options.data).replace_extension(".idx");
  OCTET_TRY(RecordReader reader, RecordReader::open(options.data));
  OCTET_TRY(LineReader index, LineReader::open(path));
  auto source = std::make_unique<IndexedRecordSource>(std::move(reader), std::move(index), options.shard);
  OCTET_CHECK(source->count());
  if (source->lines() == 0) return Error{ErrorCode::not_found, path.string(), "holds no index entries"};
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace octet
