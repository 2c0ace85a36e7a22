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
  std::size_t place = 0;                        ///< whose it is, in the arena
  std::size_t assigned = 0, decoded = 0;        ///< guarded by the schedule's mutex
  bool closed = false;                          ///< takes no more entries; guarded likewise

  [[nodiscard]] std::span<std::uint8_t> slot_pixels(std::size_t model, std::size_t slot) {
    return pixels[model].subspan(slot * slot_bytes[model], slot_bytes[model]);
  }
};

/// One slot that has to be decoded. Without a mini-batch when there is no memory for one: then for `entry` to be
/// refused.
struct Ticket {
  Batch* batch = nullptr;
  std::size_t slot = 0;
  Entry entry;
  std::uint64_t sequence = 0;
};

/// Decides which entry goes to which slot and when a mini-batch is due: as soon as it is full, or when nothing admitted
/// waits for its decoding. An entry gets its slot when a thread begins to decode it, in a mini-batch of that thread's
/// place: threads fill and compute mini-batches of their own, whose pixels are in their core's caches and, touched
/// first by them, in memory near it. Only where no mini-batch is left they fill each other's. The caller keeps a task
/// for each entry that it admits; tasks that find no mini-batch are asked for again when one is released. Thread-safe;
/// owns the mini-batches.
class Schedule {
 public:
  /// `slot_bytes`: per model. At most `max_batches` of `capacity` slots are ever allocated, for about as many on each
  /// of `places` (in the arena).
  Schedule(std::vector<std::size_t> slot_bytes, std::size_t capacity, std::size_t max_batches, std::size_t places);

  /// The next sequence number; numbers follow the order of the calls.
  std::uint64_t number();
  /// Takes an entry, for which one take() is to follow. Throws bad_alloc; the entry is then not in.
  void admit(const Entry& entry, std::uint64_t sequence);
  /// The entry that was admitted first, to be decoded by the thread at `place`; nullopt when no slot is free.
  std::optional<Ticket> take(std::size_t place);
  /// The ticket's slot is filled; appends the mini-batches that are due.
  void decoded(const Ticket& ticket, std::vector<Batch*>& run);
  /// The mini-batch is no longer read. Returns how many take() are to follow for it.
  [[nodiscard]] std::size_t release(Batch& batch);
  /// Everything back to the start. Only while nothing runs.
  void reset();

 private:
  /// The mini-batches of one place.
  struct Place {
    Batch* open = nullptr;
    std::vector<Batch*> free;
    std::span<std::uint8_t> fresh;  // what is left of its last block of memory
  };
  Batch* open_batch(std::size_t place);
  Batch* free_batch(Place& place);
  std::unique_ptr<Batch> new_batch(std::size_t place);
  void close(Batch& batch);

  const std::vector<std::size_t> slot_bytes_;
  const std::size_t capacity_, max_batches_;
  std::mutex mutex_;
  std::vector<Memory> memory_;  // pixels, several mini-batches of one place in one
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<Place> places_;
  std::deque<std::pair<Entry, std::uint64_t>> waiting_;  // encoded; as many as the two numbers below together
  std::size_t announced_ = 0;                            // a take() will follow
  std::size_t parked_ = 0;                               // take() found no slot
  std::size_t decoding_ = 0;                             // slots taken and not yet decoded, in all mini-batches
  std::uint64_t next_ = 0;
};

}  // namespace octet
