#include <algorithm>
#include <limits>

#include "octet/loader/record_files.h"
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

/// Which entries of a file of `own` bytes belong to a shard of `all` bytes, `before` of which are in the files before
/// it.
class ByteRange {
 public:
  ByteRange(const Shard& shard, std::uint64_t own, std::uint64_t all, std::uint64_t before)
      : shard_(shard),
        own_(own),
        before_(before),
        begin_(boundary(shard.index, all)),
        end_(boundary(shard.index + 1, all)) {}

  [[nodiscard]] bool holds(std::uint64_t offset) const noexcept {
    return place(offset) >= begin_ && !is_behind(offset);
  }
  [[nodiscard]] bool is_behind(std::uint64_t offset) const noexcept { return place(offset) >= end_; }
  /// For entry `position`, which has no place in the file.
  [[nodiscard]] bool deals(std::uint64_t position) const noexcept { return position % shard_.count == shard_.index; }
  [[nodiscard]] bool is_whole() const noexcept { return shard_.count == 1; }

 private:
  /// In all files; what lies behind the file's end counts as its end.
  [[nodiscard]] std::uint64_t place(std::uint64_t offset) const noexcept { return before_ + std::min(offset, own_); }
  /// bytes * index / count, which may not fit 64 bits on the way.
  [[nodiscard]] std::uint64_t boundary(std::uint64_t index, std::uint64_t bytes) const noexcept {
    const std::uint64_t count = shard_.count;
    const __uint128_t product = static_cast<__uint128_t>(bytes) * index;
    return index == count ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(product / count);
  }

  Shard shard_;
  std::uint64_t own_, before_, begin_, end_;
};

class RecordSource final : public Source {
 public:
  RecordSource(RecordReader reader, const ByteRange& range) : reader_(std::move(reader)), range_(range) {}

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
  IndexedRecordSource(RecordReader reader, LineReader index, const ByteRange& range)
      : reader_(std::move(reader)), index_(std::move(index)), range_(range) {}

  /// Reads the index through once; `before` lines of other files come before it.
  Result<void> count(std::uint64_t before) {
    while (true) {
      OCTET_TRY(const std::optional<TextLine> line, index_.next());
      if (!line) break;
      ++lines_;
      if (range_.is_whole() || is_mine(parse_index_line(*line), before + lines_ - 1)) ++size_;
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

/// Several record files one behind the other, of which one is open at a time. Positions count the bytes (of the .rec,
/// or of the .idx) of all files before it.
class RecordFilesSource final : public Source {
 public:
  RecordFilesSource(RecordFiles files, const SourceOptions& options)
      : files_(std::move(files)), shard_(options.shard), indexed_(options.use_index) {}

  /// Sizes of all files; with indices, how many entries they have.
  Result<void> measure() {
    for (std::size_t i = 0; i < files_.names.size(); ++i) {
      OCTET_TRY(const std::uint64_t bytes, size_of(files_.path(i)));
      record_bytes_.push_back(record_bytes_.back() + bytes);
      OCTET_TRY(const std::uint64_t read, indexed_ ? size_of(index_of(i)) : Result<std::uint64_t>(bytes));
      read_bytes_.push_back(read_bytes_.back() + read);
    }
    if (!indexed_) {
      if (record_bytes_.back() > 0) return {};
      return Error{ErrorCode::not_found, files_.folder.string(), "its record files hold no records"};
    }
    std::uint64_t lines = 0;
    for (std::size_t i = 0; i < files_.names.size(); ++i) {
      OCTET_TRY(const auto source, open_indexed(i));
      OCTET_CHECK(source->count(lines));
      lines += source->lines();
      size_ += *source->size();
    }
    if (lines > 0) return {};
    return Error{ErrorCode::not_found, files_.folder.string(), "its index files hold no index entries"};
  }

  Result<std::optional<Entry>> next() override {
    for (; at_ < files_.names.size(); ++at_) {
      if (open_ == nullptr) OCTET_CHECK(open({begin_, 0, 0}));
      OCTET_TRY(auto entry, open_->next());
      if (entry) {
        entry->key = files_.names[at_] + ":" + entry->key;
        entry->next.offset += read_bytes_[at_];
        return entry;
      }
      begin_ = open_->passed();
      open_.reset();
    }
    return std::optional<Entry>();
  }

  Result<void> seek(const SourcePosition& position) override {
    // The end of one file is the start of the next; the number of lines is that of the first of them.
    const auto behind = std::lower_bound(read_bytes_.begin() + 1, read_bytes_.end() - 1, position.offset);
    at_ = static_cast<std::size_t>(behind - read_bytes_.begin()) - 1;
    return open({position.index, position.offset - read_bytes_[at_], position.line});
  }

  [[nodiscard]] std::optional<std::uint64_t> size() const override {
    return indexed_ ? std::optional(size_) : std::nullopt;
  }
  [[nodiscard]] std::uint64_t passed() const override { return open_ != nullptr ? open_->passed() : begin_; }
  [[nodiscard]] const std::vector<std::string>& classes() const override { return no_classes(); }

 private:
  static Result<std::uint64_t> size_of(const std::filesystem::path& path) {
    OCTET_TRY(const InputFile file, InputFile::open(path));
    return file.size();
  }

  [[nodiscard]] std::filesystem::path index_of(std::size_t i) const { return files_.path(i).replace_extension(".idx"); }

  Result<RecordReader> reader_of(std::size_t i) const {
    OCTET_TRY(RecordReader reader, RecordReader::open(files_.path(i)));
    if (reader.file().size() == record_bytes_[i + 1] - record_bytes_[i]) return reader;
    return Error{ErrorCode::io, files_.path(i).string(), "its size changed while it was read"};
  }

  [[nodiscard]] ByteRange range_of(std::size_t i) const {
    return {shard_, record_bytes_[i + 1] - record_bytes_[i], record_bytes_.back(), record_bytes_[i]};
  }

  Result<std::unique_ptr<IndexedRecordSource>> open_indexed(std::size_t i) const {
    OCTET_TRY(RecordReader reader, reader_of(i));
    OCTET_TRY(LineReader index, LineReader::open(index_of(i)));
    return std::make_unique<IndexedRecordSource>(std::move(reader), std::move(index), range_of(i));
  }

  /// Goes on in file number at_.
  Result<void> open(const SourcePosition& position) {
    if (indexed_) {
      OCTET_TRY(open_, open_indexed(at_));
    } else {
      OCTET_TRY(RecordReader reader, reader_of(at_));
      open_ = std::make_unique<RecordSource>(std::move(reader), range_of(at_));
    }
    return open_->seek(position);
  }

  const RecordFiles files_;
  const Shard shard_;
  const bool indexed_;
  std::vector<std::uint64_t> record_bytes_{0}, read_bytes_{0};  ///< before each file; the sum at the end
  std::uint64_t size_ = 0;                                      ///< entries of the shard, with indices
  std::size_t at_ = 0;
  std::unique_ptr<Source> open_;  ///< file number at_; null: not yet
  std::uint64_t begin_ = 0;       ///< entries before that file
};

}  // namespace

Result<std::unique_ptr<Source>> open_records(const SourceOptions& options) {
  OCTET_TRY(RecordReader reader, RecordReader::open(options.data));
  if (reader.file().size() == 0) return Error{ErrorCode::not_found, options.data.string(), "holds no records"};
  const std::uint64_t bytes = reader.file().size();
  const ByteRange range(options.shard, bytes, bytes, 0);
  return std::unique_ptr<Source>(std::make_unique<RecordSource>(std::move(reader), range));
}

Result<std::unique_ptr<Source>> open_indexed_records(const SourceOptions& options) {
  std::filesystem::path path = options.index;
  if (path.empty()) path = std::filesystem::path(options.data).replace_extension(".idx");
  OCTET_TRY(RecordReader reader, RecordReader::open(options.data));
  OCTET_TRY(LineReader index, LineReader::open(path));
  const std::uint64_t bytes = reader.file().size();
  const ByteRange range(options.shard, bytes, bytes, 0);
  auto source = std::make_unique<IndexedRecordSource>(std::move(reader), std::move(index), range);
  OCTET_CHECK(source->count(0));
  if (source->lines() == 0) return Error{ErrorCode::not_found, path.string(), "holds no index entries"};
  return std::unique_ptr<Source>(std::move(source));
}

Result<std::unique_ptr<Source>> open_record_files(RecordFiles files, const SourceOptions& options) {
  if (!options.index.empty()) {
    return Error{ErrorCode::usage, options.index.string(), "one index cannot be that of several record files"};
  }
  auto source = std::make_unique<RecordFilesSource>(std::move(files), options);
  OCTET_CHECK(source->measure());
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace octet
