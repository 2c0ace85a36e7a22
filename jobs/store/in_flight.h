// Which pictures are being decoded, in a file that outlives the process: who was it when it died?
#pragma once

#include <atomic>         // std::atomic
#include <cstdint>        // std::uint64_t
#include <filesystem>     // std::filesystem::path
#include <functional>     // std::function
#include <memory>         // std::unique_ptr
#include <shared_mutex>   // std::shared_mutex
#include <unordered_map>  // std::unordered_map

#include "octet/loader/source.h"

namespace octet {

/// Each entry is noted in a mapped file while it is decoded: no call of the system, and the page stays when the
/// process is killed. A later process reads it. An entry that crashed it (see mark_crash), or had been
/// decoded for a second or more when it was killed, is a suspect; when that happens to it again in the next process, it
/// is refused. An entry that a quick kill hit by chance is refused after four times in a row. Suspects
/// are decoded while nothing else is, so that the second time names one alone. Thread-safe but for beat().
class InFlight {
 public:
  /// Reads what the process before left in `file` and begins anew. Errors: those of write_file.
  static Result<std::unique_ptr<InFlight>> open(const std::filesystem::path& file);
  ~InFlight();
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  /// Calls `decode` with the entry noted; Error(bad_image) without calling it when it is to be refused.
  Result<void> pass(const Entry& entry, const std::function<Result<void>()>& decode);
  /// For one thread, some 20 times a second: from it a later process knows how long an entry had taken. Seconds in
  /// which it was not called do not count (a machine that was suspended, or too busy for both threads).
  void beat() noexcept;
  /// The job is done: removes the file.
  void close();

  /// For handlers of SIGSEGV and the like (async-signal-safe): what this thread decodes is the cause.
  static void mark_crash() noexcept;

 private:
  struct Page;
  InFlight(std::filesystem::path file, Page* page, bool mapped);
  Result<void> recall(const Page& page);

  std::filesystem::path file_;
  Page* page_;
  bool mapped_;
  std::uint64_t last_beat_ms_ = 0;
  std::unordered_map<std::uint64_t, int> suspects_;  // index -> points; not changed after open()
  std::shared_mutex alone_;                          // only used when there are suspects
};

}  // namespace octet
