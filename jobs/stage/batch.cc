#include "octet/jobs/stage/batch.h"

#include <algorithm>  // std::clamp, std::any_of
#include <new>        // std::bad_alloc
#include <utility>    // std::move

namespace octet {
namespace {

constexpr std::size_t block_bytes = std::size_t{2} << 20U;

}  // namespace

Schedule::Schedule(std::vector<std::size_t> slot_bytes, std::size_t capacity, std::size_t max_batches,
                   std::size_t places)
    : slot_bytes_(std::move(slot_bytes)), capacity_(capacity), max_batches_(max_batches), places_(places) {
  batches_.reserve(max_batches);
  for (Place& place : places_) place.free.reserve(max_batches);
}

std::uint64_t Schedule::number() {
  const std::lock_guard lock(mutex_);
  return next_++;
}

void Schedule::admit(const Entry& entry, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace_back(entry, sequence);
  ++announced_;
}

std::optional<Ticket> Schedule::take(std::size_t place) {
  const std::lock_guard lock(mutex_);
  --announced_;
  Batch* const batch = open_batch(place % places_.size());
  const bool others_come_back = batch == nullptr && std::any_of(batches_.begin(), batches_.end(),
                                                                [](const auto& used) { return used->assigned > 0; });
  if (others_come_back) {
    ++parked_;
    return std::nullopt;
  }
  Ticket ticket;
  auto& [entry, sequence] = waiting_.front();
  ticket.batch = batch;
  if (batch == nullptr) {
    ticket.entry = std::move(entry);
    ticket.sequence = sequence;
  } else {
    ticket.slot = batch->assigned++;
    Slot& slot = batch->slots[ticket.slot];
    slot.entry = std::move(entry);
    slot.sequence = sequence;
    slot.info = {};
    slot.error.reset();
    ++decoding_;
    if (batch->assigned == capacity_) close(*batch);
  }
  waiting_.pop_front();
  return ticket;
}

void Schedule::decoded(const Ticket& ticket, std::vector<Batch*>& run) {
  const std::lock_guard lock(mutex_);
  Batch& batch = *ticket.batch;
  ++batch.decoded;
  --decoding_;
  if (batch.closed && batch.decoded == batch.assigned) run.push_back(&batch);
  if (decoding_ > 0 || announced_ > 0) return;
  for (const Place& place : places_) {
    if (place.open == nullptr) continue;
    run.push_back(place.open);
    close(*place.open);
  }
}

std::size_t Schedule::release(Batch& batch) {
  const std::lock_guard lock(mutex_);
  batch.assigned = batch.decoded = 0;
  batch.closed = false;
  places_[batch.place].free.push_back(&batch);
  const std::size_t again = std::min(parked_, capacity_);
  parked_ -= again;
  announced_ += again;
  return again;
}

void Schedule::reset() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
  for (Place& place : places_) {
    place.open = nullptr;
    place.free.clear();
  }
  for (const auto& batch : batches_) {
    batch->assigned = batch->decoded = 0;
    batch->closed = false;
    for (Slot& slot : batch->slots) slot = Slot{};
    places_[batch->place].free.push_back(batch.get());
  }
  announced_ = parked_ = decoding_ = 0;
  next_ = 0;
}

/// Small mini-batches of a place share a block.
std::unique_ptr<Batch> Schedule::new_batch(std::size_t place) {
  auto batch = std::make_unique<Batch>();
  batch->place = place;
  batch->slot_bytes = slot_bytes_;
  batch->slots.resize(capacity_);
  std::size_t all = 0;
  for (const std::size_t bytes : slot_bytes_) all += aligned(bytes * capacity_);
  std::span<std::uint8_t>& fresh = places_[place].fresh;
  if (fresh.size() < all) {
    const std::size_t share = (max_batches_ + places_.size() - 1) / places_.size();
    const std::size_t left = std::min(share, max_batches_ - batches_.size());
    const std::size_t count = std::clamp<std::size_t>(block_bytes / all, 1, left);
    Result<Memory> block = Memory::create(count * all);
    if (!block) throw std::bad_alloc();
    memory_.push_back(*std::move(block));
    fresh = {reinterpret_cast<std::uint8_t*>(memory_.back().data()), count * all};
  }
  for (const std::size_t bytes : slot_bytes_) {
    batch->pixels.push_back(fresh.first(bytes * capacity_));
    fresh = fresh.subspan(aligned(bytes * capacity_));
  }
  return batch;
}

Batch* Schedule::free_batch(Place& place) {
  if (place.free.empty()) return nullptr;
  Batch* const batch = place.free.back();
  place.free.pop_back();
  return batch;
}

/// The place's own, one that it has used, a new one; else any, near or far. Null when all are full.
Batch* Schedule::open_batch(std::size_t place) {
  Place& own = places_[place];
  if (own.open == nullptr) own.open = free_batch(own);
  if (own.open == nullptr && batches_.size() < max_batches_) {
    try {
      batches_.push_back(new_batch(place));
      own.open = batches_.back().get();
    } catch (const std::bad_alloc&) {  // there may be others
    }
  }
  for (std::size_t i = 0; i < places_.size() && own.open == nullptr; ++i) own.open = free_batch(places_[i]);
  if (own.open != nullptr) return own.open;
  for (const Place& other : places_) {
    if (other.open != nullptr) return other.open;
  }
  return nullptr;
}

void Schedule::close(Batch& batch) {
  batch.closed = true;
  for (Place& place : places_) {
    if (place.open == &batch) place.open = nullptr;
  }
}

}  // namespace octet
