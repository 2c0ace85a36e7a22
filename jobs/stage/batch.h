// Mini-batches of slots and the schedule that fills and releases them.
#pragma once

#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint64_t
#include <deque>     // std::deque
#include <memory>    // std::unique_ptr
#include <mutex>     // std::mutex
#include <optional>  // std::optional
#include <span>      // std::span
#include <vector>    // std::vector

#include "octet/executor/memory.h"
#include "octet/jobs/record.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"

namespace octet {

/// An entry on its way through the stage.
struct Slot {
  Entry entry;
  std::uint64_t sequence = 0;
  ImageInfo info;
  std::optional<Error> error;
  Record record;  ///< what leaves; here so that finishing a mini-batch allocates as little as possible
};

/// Slots that are computed together. Allocated once and reused.
struct Batch {
  std::vector<std::span<std::uint8_t>> pixels;  ///< per model, capacity * bytes of a slot; the schedule's
  std::vector<std::size_t> slot_bytes;          ///< per model
  std::vector<Slot> slots;                      ///< capacity
  std::size_t assigned = 0, decoded = 0;        ///< guarded by the schedule's mutex
  bool closed = false;                          ///< takes no more entries; guarded likewise

  [[nodiscard]] std::span<std::uint8_t> slot_pixels(std::size_t model, std::size_t slot) {
    return pixels[model].subspan(slot * slot_bytes[model], slot_bytes[model]);
  }
};

/// One slot that has to be decoded.
struct Ticket {
  Batch* batch = nullptr;
  std::size_t slot = 0;
};

/// Decides which entry goes to which slot and when a mini-batch is due: as soon as it is full, or
/// when nothing admitted waits for its decoding. Entries for which no slot is free wait (encoded)
/// for a released mini-batch. Thread-safe; owns the mini-batches.
class Schedule {
 public:
  /// `slot_bytes`: per model. At most `max_batches` of `capacity` slots are ever allocated.
  Schedule(std::vector<std::size_t> slot_bytes, std::size_t capacity, std::size_t max_batches);

  /// The next sequence number; numbers follow the order of the calls.
  std::uint64_t number();
  /// Takes an entry; appends what is to be decoded now. Throws bad_alloc; the entry is then not in.
  void admit(const Entry& entry, std::uint64_t sequence, std::vector<Ticket>& decode);
  /// The ticket's slot is filled; appends the mini-batches that are due (at most two).
  void decoded(const Ticket& ticket, std::vector<Batch*>& run);
  /// The mini-batch is no longer read; appends what is to be decoded now.
  void release(Batch& batch, std::vector<Ticket>& decode);
  /// Everything back to the start. Only while nothing runs.
  void reset();

 private:
  void assign(std::vector<Ticket>& decode);
  Batch* open_batch();
  std::unique_ptr<Batch> new_batch();
  void close();

  const std::vector<std::size_t> slot_bytes_;
  const std::size_t capacity_, max_batches_;
  std::mutex mutex_;
  std::vector<Memory> memory_;     // pixels, several mini-batches in one
  std::span<std::uint8_t> fresh_;  // what is left of the last one
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<Batch*> free_;
  std::deque<std::pair<Entry, std::uint64_t>> waiting_;  // only while there is no open mini-batch
  Batch* open_ = nullptr;
  std::size_t decoding_ = 0;  // slots assigned and not yet decoded, in all mini-batches
  std::uint64_t next_ = 0;
};

}  // namespace octet
