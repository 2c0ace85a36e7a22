#include "octet/loader/record_io.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace octet {
namespace {

constexpr std::size_t kPartHeadBytes = 8;
/// What read_at() reads at a place that does not follow the last one: a few photos, not a whole chunk.
constexpr std::size_t kJumpBytes = std::size_t{64} << 10;

std::uint32_t load_u32(const std::uint8_t* src) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, src, sizeof(value));
  return value;
}

}  // namespace

std::size_t find_magic(std::span<const std::uint8_t> bytes) noexcept {
  // Runs over every byte of an archive: whole blocks are compared without a branch inside, which
  // compilers turn into vector code.
  constexpr std::size_t kBlockWords = 32;
  constexpr std::size_t kBlockBytes = kBlockWords * 4;
  std::size_t offset = 0;
  for (; bytes.size() - offset >= kBlockBytes; offset += kBlockBytes) {
    std::array<std::uint32_t, kBlockWords> block;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled next
    std::memcpy(block.data(), bytes.data() + offset, kBlockBytes);
    std::uint32_t hit = 0;
    for (const std::uint32_t word : block) hit |= static_cast<std::uint32_t>(word == kRecordMagic);
    if (hit != 0) break;
  }
  for (; bytes.size() - offset >= 4; offset += 4) {
    if (load_u32(bytes.data() + offset) == kRecordMagic) return offset;
  }
  return bytes.size();
}

Result<RecordReader> RecordReader::open(const std::filesystem::path& path, const RecordReaderOptions& options) {
  if (options.chunk_bytes < kPartHeadBytes || options.chunk_bytes % 4 != 0) {
    return Error{ErrorCode::usage, "", "chunk_bytes must be a multiple of 4 and at least 8"};
  }
  OCTET_TRY(InputFile file, InputFile::open(path));
  return RecordReader(std::move(file), options);
}

Result<std::optional<RecordOrDamage>> RecordReader::next() {
  if (position_ >= file().size()) return std::optional<RecordOrDamage>();
  fill_bytes_ = options_.chunk_bytes;
  OCTET_TRY(Attempt attempt, read_record(position_));
  if (attempt.record) {
    position_ = attempt.resume;
    return std::optional<RecordOrDamage>(*std::move(attempt.record));
  }
  OCTET_TRY(const std::uint64_t head, find_head(attempt.resume));
  DamagedPlace damage{position_, head - position_, std::move(attempt.problem)};
  position_ = head;
  return std::optional<RecordOrDamage>(std::move(damage));
}

Result<RecordOrDamage> RecordReader::read_at(std::uint64_t offset) {
  const auto refuse = [offset](std::string problem) { return DamagedPlace{offset, 0, std::move(problem)}; };
  if (offset >= file().size()) {
    return RecordOrDamage(refuse("lies past the end of the file (" + std::to_string(file().size()) + " bytes)"));
  }
  if (offset % 4 != 0) return RecordOrDamage(refuse("is not a multiple of 4, where records start"));
  // An index in file order is read as a stream, any other one record by record.
  fill_bytes_ = offset == last_read_at_end_ ? options_.chunk_bytes : std::min(options_.chunk_bytes, kJumpBytes);
  OCTET_TRY(Attempt attempt, read_record(offset));
  if (!attempt.record) return RecordOrDamage(refuse(std::move(attempt.problem)));
  last_read_at_end_ = attempt.resume;
  return RecordOrDamage(*std::move(attempt.record));
}

Result<RecordReader::Attempt> RecordReader::read_record(std::uint64_t offset) {
  OCTET_TRY(Part part, read_part(offset, true));
  if (!part.problem.empty()) return Attempt{std::nullopt, std::move(part.problem), part.resume};
  if (part.flag == 0) return Attempt{RawRecord{offset, std::move(part.payload)}, "", part.end};

  constexpr std::array<std::uint8_t, 4> kMagicBytes = {0x0A, 0x23, 0xD7, 0xCE};
  auto joined = std::make_shared<std::vector<std::uint8_t>>();
  joined->assign(part.payload.bytes.begin(), part.payload.bytes.end());
  while (part.flag != 3) {
    const std::uint64_t start = part.end;
    OCTET_TRY(part, read_part(start, false));
    if (part.problem.empty() && joined->size() + 4 + part.payload.bytes.size() >= kRecordPayloadLimit) {
      part.problem = "the parts of the record make 512 MiB or more";
      part.resume = part.end;
    }
    if (!part.problem.empty()) return Attempt{std::nullopt, std::move(part.problem), part.resume};
    joined->insert(joined->end(), kMagicBytes.begin(), kMagicBytes.end());
    joined->insert(joined->end(), part.payload.bytes.begin(), part.payload.bytes.end());
  }
  const std::span<const std::uint8_t> bytes(*joined);
  return Attempt{RawRecord{offset, {std::move(joined), bytes}}, "", part.end};
}

Result<RecordReader::Part> RecordReader::read_part(std::uint64_t offset, bool first) {
  Part part;
  const auto refuse = [&part](std::string problem, std::uint64_t resume) {
    part.problem = std::move(problem);
    part.resume = resume;
    return std::move(part);
  };
  const std::uint64_t left = file().size() - offset;
  if (left < kPartHeadBytes) {
    return refuse(first ? "the file ends inside the head of a record" : "the file ends before the record's last part",
                  file().size());
  }
  OCTET_TRY(const std::span<const std::uint8_t> head, window_.at(offset, kPartHeadBytes, fill_bytes_));
  const std::uint32_t flag_and_length = load_u32(head.data() + 4);
  const std::uint64_t length = flag_and_length & (kRecordPayloadLimit - 1);
  part.flag = flag_and_length >> 29;
  // A part that does not continue the record may be the head of the next one: the search starts at it.
  if (load_u32(head.data()) != kRecordMagic) return refuse("no record starts here", offset + 4);
  if (first && part.flag > 1) {
    return refuse("a part with flag " + std::to_string(part.flag) + " without a first part", offset + 4);
  }
  if (!first && part.flag != 2 && part.flag != 3) {
    return refuse("the record's first part is not followed by its next part", offset);
  }
  const std::uint64_t room = left - kPartHeadBytes;
  if (length > room) {
    return refuse("the record's length " + std::to_string(length) + " passes the end of the file, " +
                      std::to_string(room) + " bytes away",
                  offset + 4);
  }
  part.end = std::min(offset + kPartHeadBytes + (length + 3) / 4 * 4, file().size());
  OCTET_CHECK(read_payload(offset + kPartHeadBytes, length, part));
  return part;
}

Result<void> RecordReader::read_payload(std::uint64_t offset, std::uint64_t length, Part& part) {
  if (length > options_.chunk_bytes) return read_long_payload(offset, length, part);
  OCTET_TRY(const std::span<const std::uint8_t> bytes, window_.at(offset, length, fill_bytes_));
  part.payload = {window_.owner(), bytes.first(length)};
  const std::size_t magic = find_magic(part.payload.bytes);
  if (magic != length) {
    part.problem = "the record's length " + std::to_string(length) + " reaches into another record";
    part.resume = offset + magic;
  }
  return {};
}

Result<void> RecordReader::read_long_payload(std::uint64_t offset, std::uint64_t length, Part& part) {
  // `length` has been checked against the rest of the file; pages are touched only as far as the
  // payload proves to be one.
  auto buffer = std::make_shared_for_overwrite<std::uint8_t[]>(length);
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t step = std::min<std::uint64_t>(options_.chunk_bytes, length - done);
    const std::span<std::uint8_t> piece(buffer.get() + done, step);
    OCTET_CHECK(file().read_at(offset + done, piece));
    const std::size_t magic = find_magic(piece);
    if (magic != step) {
      part.problem = "the record's length " + std::to_string(length) + " reaches into another record";
      part.resume = offset + done + magic;
      return {};
    }
    done += step;
  }
  const std::span<const std::uint8_t> bytes(buffer.get(), length);
  part.payload = {std::move(buffer), bytes};
  return {};
}

Result<std::uint64_t> RecordReader::find_head(std::uint64_t offset) {
  const std::uint64_t size = file().size();
  while (offset < size && size - offset >= kPartHeadBytes) {
    OCTET_TRY(std::span<const std::uint8_t> bytes, window_.at(offset, kPartHeadBytes, fill_bytes_));
    const std::size_t magic = find_magic(bytes);
    if (magic == bytes.size()) {
      // Whole words only: what remains of the last one is seen again from its start.
      offset += bytes.size() / 4 * 4;
      continue;
    }
    offset += magic;
    if (size - offset < kPartHeadBytes) break;
    OCTET_TRY(bytes, window_.at(offset, kPartHeadBytes, fill_bytes_));
    if (load_u32(bytes.data() + 4) >> 29 <= 1) return offset;
    offset += 4;
  }
  return size;
}

}  // namespace octet
