// The durable records of a shard while it is being scored.
#pragma once

#include <atomic>              // std::atomic
#include <chrono>              // std::chrono::steady_clock
#include <condition_variable>  // std::condition_variable
#include <cstdint>             // std::uint64_t
#include <filesystem>          // std::filesystem::path
#include <functional>          // std::function
#include <memory>              // std::unique_ptr
#include <mutex>               // std::mutex
#include <optional>            // std::optional
#include <string>              // std::string
#include <string_view>         // std::string_view
#include <thread>              // std::thread
#include <vector>              // std::vector

#include "octet/graph/digest.h"
#include "octet/graph/output_file.h"
#include "octet/jobs/score.h"
#include "octet/jobs/store/lock.h"
#include "octet/jobs/store/manifest.h"

namespace octet {

/// What is kept of one entry. In a segment's file: "<index> <bytes> <bytes> <bytes>\n", then the three texts.
struct StoredEntry {
  std::uint64_t index = 0;
  std::string_view record;      ///< as append_record made it
  std::string_view detections;  ///< see append_detection_lines; may be empty
  std::string_view quarantine;  ///< a line of quarantine.jsonl; empty: a good entry
};

/// Reads the entries of a shard's segments, in order, one segment in memory at a time. Not thread-safe.
class SegmentReader {
 public:
  /// `manifest` must outlive it.
  SegmentReader(std::filesystem::path output, const Manifest& manifest)
      : folder_(job_folder(output)), manifest_(manifest) {}
  /// nullopt at the end. The texts live until the next call. Error(io) when a segment's file is not
  /// what the manifest says.
  Result<std::optional<StoredEntry>> next();

 private:
  Result<void> load(const SegmentInfo& segment);

  std::filesystem::path folder_;
  const Manifest& manifest_;
  std::size_t segment_ = 0;
  std::string text_;
  std::string_view rest_;
};

struct SegmentOptions {
  std::filesystem::path output;  ///< OUT, see manifest.h
  Manifest job;                  ///< identity, shard, format, labels
  Resume resume = Resume::automatic;
  /// A segment becomes durable when its first record is so old or its file so large: the most that a
  /// kill loses is this and what the pipeline holds.
  std::chrono::milliseconds age{2000};
  std::uint64_t bytes = std::uint64_t{8} << 20U;
  std::function<void()> tick;               ///< called some times a second while the writer lives, on its thread
  const std::atomic<bool>* stop = nullptr;  ///< when it becomes true, what is there becomes durable at once
};

/// Writes segments and manifest. Records are gathered in memory, up to 2 MiB; one thread, which mostly sleeps, digests
/// and writes them: neither a slow disk nor a picture that takes long delays the other side. add() is for one thread at
/// a time.
class SegmentWriter {
 public:
  /// Takes the lock, reads the manifest of an earlier process, keeps the longest run of intact segments and clears
  /// away what else that process left. Error(invalid_config) that says what differs when the folder
  /// belongs to another job; see Resume.
  static Result<std::unique_ptr<SegmentWriter>> open(SegmentOptions options);
  /// What was added since the last durable segment is lost without flush().
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  /// What is durable. While records are being added, only between flush() and the next add().
  [[nodiscard]] const Manifest& manifest() const noexcept { return manifest_; }

  /// Adds an entry; `failed` says why it has no record of its own (its `error` is kept), null for a good one. An Error
  /// is that of an earlier write.
  Result<void> add(const StoredEntry& entry, const FailedEntry* failed, const SourcePosition& next);
  /// Makes everything durable.
  Result<void> flush();
  /// The shard is complete and its final files are there: says so in the manifest, and removes the segments' files
  /// unless they are to be kept. After flush().
  Result<void> end(const ShardEnd& end);

 private:
  using Clock = std::chrono::steady_clock;
  struct Open {
    std::string text;  ///< what the thread has not taken yet
    SegmentInfo info;
    Clock::time_point begin;
  };

  SegmentWriter(SegmentOptions options, FileLock lock) : options_(std::move(options)), lock_(std::move(lock)) {}
  Result<void> begin();
  Result<bool> matches(const Result<std::optional<Manifest>>& found) const;
  void keep_intact(Manifest found);
  void clear_away() const;
  void run();
  [[nodiscard]] bool is_due() const;
  [[nodiscard]] bool has_block() const;
  void take_block(std::unique_lock<std::mutex>& lock);
  void take_segment(std::unique_lock<std::mutex>& lock);
  Result<void> write(const std::string& name, const std::string& text);
  Result<void> commit(Open segment);

  SegmentOptions options_;
  FileLock lock_;
  Manifest manifest_;
  std::optional<AppendFile> log_;
  std::size_t named_failures_ = 0;  // of the shard so far
  Clock::time_point last_commit_ = Clock::now();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Open> open_;
  std::uint64_t segments_begun_ = 0;
  bool flushing_ = false, committing_ = false, ending_ = false;
  Result<void> state_;

  std::optional<OutputFile> file_;  // of the open segment; this and what follows is the thread's
  Sha256 sha256_;
  std::string block_;
  std::thread thread_;
};

}  // namespace octet
