#include "octet/jobs/store/segments.h"

#include <algorithm>  // std::any_of
#include <array>      // std::array
#include <charconv>   // std::from_chars
#include <cstdio>     // std::snprintf
#include <utility>    // std::move

#include "octet/graph/file_io.h"
#include "octet/graph/model.h"  // file_digest
#include "octet/jobs/writers/number_text.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_named_failures = 10;
constexpr std::chrono::milliseconds segment_tick{50};
constexpr std::size_t block_bytes = std::size_t{256} << 10U;  // written at a time
constexpr std::size_t most_waiting = std::size_t{2} << 20U;   // bytes that wait for a slow disk

std::string segment_name(std::uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "segment-%06llu", static_cast<unsigned long long>(number));
  return name;
}

Error damaged_segment(const fs::path& file, const char* what) {
  return {ErrorCode::io, file.string(), std::string("the segment is damaged: ") + what};
}

bool is_intact(const fs::path& folder, const SegmentInfo& segment) {
  std::error_code failed;
  if (fs::file_size(folder / segment.name, failed) != segment.bytes || failed) return false;
  const auto sha256 = file_digest(folder / segment.name);
  return sha256 && *sha256 == segment.sha256;
}

}  // namespace

Result<void> SegmentReader::load(const SegmentInfo& segment) {
  const fs::path file = folder_ / segment.name;
  OCTET_TRY(text_, read_text_file(file, segment.bytes));
  if (text_.size() != segment.bytes || digest(bytes_of(text_)) != segment.sha256) {
    return damaged_segment(file, "its bytes are not those that the manifest tells of");
  }
  rest_ = text_;
  return {};
}

Result<std::optional<StoredEntry>> SegmentReader::next() {
  while (rest_.empty()) {
    if (segment_ == manifest_.segments.size()) return std::optional<StoredEntry>();
    OCTET_CHECK(load(manifest_.segments[segment_++]));
  }
  const auto broken = [&] { return damaged_segment(folder_ / manifest_.segments[segment_ - 1].name, "no entry"); };
  const std::size_t head = rest_.find('\n');
  if (head == std::string_view::npos) return broken();
  std::array<std::uint64_t, 4> numbers{};
  const char* at = rest_.data();
  for (std::uint64_t& number : numbers) {
    const auto read = std::from_chars(at, rest_.data() + head, number);
    if (read.ec != std::errc()) return broken();
    at = read.ptr + (&number == &numbers.back() ? 0 : 1);
  }
  rest_.remove_prefix(head + 1);
  const auto take = [this](std::uint64_t bytes) {
    const std::string_view text = rest_.substr(0, bytes);
    rest_.remove_prefix(text.size());
    return text;
  };
  StoredEntry entry{numbers[0], take(numbers[1]), take(numbers[2]), take(numbers[3])};
  if (entry.record.size() != numbers[1] || entry.detections.size() != numbers[2] ||
      entry.quarantine.size() != numbers[3]) {
    return broken();
  }
  return std::optional(entry);
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::open(SegmentOptions options) {
  OCTET_CHECK(make_folder(job_folder(options.output)));
  OCTET_TRY(FileLock lock, FileLock::acquire(job_folder(options.output) / "lock"));
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(std::move(options), std::move(lock)));
  OCTET_CHECK(writer->begin());
  return writer;
}

/// Whether the job that was found is gone on with.
Result<bool> SegmentWriter::matches(const Result<std::optional<Manifest>>& found) const {
  if (options_.resume == Resume::never) return false;
  if (!found) return options_.resume == Resume::replace ? Result<bool>(false) : Result<bool>(found.error());
  if (!*found) {
    if (options_.resume != Resume::required) return false;
    return Error{ErrorCode::not_found, options_.output.string(), "holds no job to go on with"};
  }
  std::string why = differences((*found)->identity, options_.job.identity);
  const Shard &stored = (*found)->shard, &wanted = options_.job.shard;
  if (stored != wanted) {
    const auto name = [](const Shard& shard) {
      return std::to_string(shard.index) + "/" + std::to_string(shard.count);
    };
    why += (why.empty() ? "shard is " : "; shard is ") + name(wanted) + ", not " + name(stored);
  }
  if (options_.resume == Resume::replace) return why.empty() && !(*found)->end;
  if (why.empty()) return true;
  return Error{ErrorCode::invalid_config, options_.output.string(),
               "holds another job: " + why + "; --resume=no begins anew"};
}

void SegmentWriter::keep_intact(Manifest found) {
  manifest_.end = found.end;
  const bool kept = !found.end || found.end->segments_kept;
  for (SegmentInfo& segment : found.segments) {
    if (kept && !is_intact(job_folder(options_.output), segment)) {
      manifest_.end.reset();
      return;
    }
    named_failures_ += segment.first_failed.size();
    manifest_.segments.push_back(std::move(segment));
  }
}

Result<void> SegmentWriter::begin() {
  auto found = read_manifest(options_.output);
  OCTET_TRY(const bool goes_on, matches(found));
  manifest_ = options_.job;
  if (goes_on) keep_intact(**std::move(found));
  std::string text = manifest_line(manifest_);
  for (const SegmentInfo& segment : manifest_.segments) text += manifest_line(segment);
  if (manifest_.end) text += manifest_line(*manifest_.end);
  // Anew, whatever was there: its last line may be cut off.
  OCTET_CHECK(write_file(manifest_file(options_.output), text));
  clear_away();
  OCTET_TRY(log_, AppendFile::open(manifest_file(options_.output)));
  segments_begun_ = manifest_.segments.size();
  thread_ = std::thread([this] { run(); });
  return {};
}

/// Files that no manifest tells of: of a segment that did not become durable, temporary ones.
void SegmentWriter::clear_away() const {
  std::error_code ignored;
  const bool kept = !manifest_.end || manifest_.end->segments_kept;
  const auto is_known = [&](const std::string& name) {
    if (!name.starts_with("segment-")) return true;
    return kept && std::any_of(manifest_.segments.begin(), manifest_.segments.end(),
                               [&](const SegmentInfo& segment) { return segment.name == name; });
  };
  for (const auto& file : fs::directory_iterator(job_folder(options_.output), ignored)) {
    const std::string name = file.path().filename().string();
    if (name.ends_with(".part") || !is_known(name)) fs::remove(file.path(), ignored);
  }
  for (const auto& file : fs::directory_iterator(options_.output, ignored)) {
    const std::string name = file.path().filename().string();
    const bool ours = name.starts_with("scores.") || name.starts_with("quarantine.") ||
                      name.starts_with("coco_results.") || name.starts_with("comp4_det_test_");
    if (ours && name.ends_with(".part")) fs::remove(file.path(), ignored);
  }
}

SegmentWriter::~SegmentWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> SegmentWriter::add(const StoredEntry& entry, const FailedEntry* failed, const SourcePosition& next) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !state_ || !open_ || open_->text.size() < most_waiting; });
  OCTET_CHECK(state_);
  if (!open_) {
    open_.emplace(Open{{}, {}, Clock::now()});
    open_->info.name = segment_name(segments_begun_++);
  }
  std::string head;
  append_number(entry.index, head);
  for (const std::string_view part : {entry.record, entry.detections, entry.quarantine}) {
    head += ' ';
    append_number(part.size(), head);
  }
  head += '\n';
  std::string& text = open_->text;
  const std::size_t more = head.size() + entry.record.size() + entry.detections.size() + entry.quarantine.size();
  text.reserve(text.size() + more);  // nothing is torn should memory not suffice
  text.append(head).append(entry.record).append(entry.detections).append(entry.quarantine);
  SegmentInfo& info = open_->info;
  info.bytes += more;
  ++info.records;
  info.next = next;
  if (failed != nullptr) {
    ++info.failed;
    ++info.errors[std::string(to_string(failed->error.code))];
    if (named_failures_++ < most_named_failures) info.first_failed.push_back(*failed);
  }
  if (is_due() || has_block()) changed_.notify_all();
  return {};
}

Result<void> SegmentWriter::flush() {
  std::unique_lock lock(mutex_);
  flushing_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !state_ || (!open_ && !committing_); });
  flushing_ = false;
  return state_;
}

Result<void> SegmentWriter::end(const ShardEnd& end) {
  OCTET_CHECK(log_->append(manifest_line(end)));
  manifest_.end = end;
  if (!end.segments_kept) clear_away();
  return {};
}

bool SegmentWriter::is_due() const {
  if (!open_) return false;
  const bool stopped = options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
  return flushing_ || stopped || open_->info.bytes >= options_.bytes || Clock::now() - open_->begin >= options_.age;
}

bool SegmentWriter::has_block() const { return open_ && open_->text.size() >= block_bytes; }

void SegmentWriter::run() {
  std::unique_lock lock(mutex_);
  while (!ending_ && state_) {
    changed_.wait_for(lock, segment_tick, [&] { return ending_ || is_due() || has_block(); });
    if (options_.tick) options_.tick();
    if (ending_) break;
    try {
      if (is_due()) {
        take_segment(lock);
      } else if (has_block()) {
        take_block(lock);
      }
    } catch (const std::exception& unexpected) {  // no memory
      if (!lock.owns_lock()) lock.lock();
      state_ = Error{ErrorCode::limit, {}, unexpected.what()};
    }
    committing_ = false;
    changed_.notify_all();
  }
}

void SegmentWriter::take_block(std::unique_lock<std::mutex>& lock) {
  const std::string name = open_->info.name;
  block_.clear();
  block_.swap(open_->text);
  changed_.notify_all();
  lock.unlock();
  Result<void> written = write(name, block_);
  lock.lock();
  if (!written) state_ = std::move(written);
}

void SegmentWriter::take_segment(std::unique_lock<std::mutex>& lock) {
  Open segment = std::move(*open_);
  open_.reset();
  committing_ = true;
  changed_.notify_all();
  lock.unlock();
  Result<void> committed = commit(std::move(segment));
  lock.lock();
  if (!committed) state_ = std::move(committed);
}

Result<void> SegmentWriter::write(const std::string& name, const std::string& text) {
  if (!file_) {
    OCTET_TRY(file_, OutputFile::create(job_folder(options_.output) / name));
    sha256_ = Sha256();
  }
  sha256_.add(text);
  return file_->write(text);
}

Result<void> SegmentWriter::commit(Open segment) {
  OCTET_CHECK(write(segment.info.name, segment.text));
  segment.info.sha256 = sha256_.hex();
  OCTET_CHECK(file_->commit());
  file_.reset();
  const auto now = Clock::now();
  segment.info.seconds = std::chrono::duration<double>(now - std::exchange(last_commit_, now)).count();
  segment.info.committed =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  OCTET_CHECK(log_->append(manifest_line(segment.info)));
  manifest_.segments.push_back(std::move(segment.info));
  return {};
}

}  // namespace octet
