#include "octet/jobs/stage/batch.h"

#include <algorithm>  // std::clamp
#include <new>        // std::bad_alloc
#include <utility>    // std::move

namespace octet {
namespace {

constexpr std::size_t block_bytes = std::size_t{8} << 20U;

}  // namespace

Schedule::Schedule(std::vector<std::size_t> slot_bytes, std::size_t capacity, std::size_t max_batches)
    : slot_bytes_(std::move(slot_bytes)), capacity_(capacity), max_batches_(max_batches) {
  batches_.reserve(max_batches);
  free_.reserve(max_batches);
}

std::uint64_t Schedule::number() {
  const std::lock_guard lock(mutex_);
  return next_++;
}

void Schedule::admit(const Entry& entry, std::uint64_t sequence, std::vector<Ticket>& decode) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace_back(entry, sequence);
  try {
    assign(decode);
  } catch (...) {
    // A mini-batch that could not be allocated now may be needed no more: others come back.
    if (batches_.size() > free_.size()) return;
    waiting_.pop_back();
    throw;
  }
}

void Schedule::decoded(const Ticket& ticket, std::vector<Batch*>& run) {
  const std::lock_guard lock(mutex_);
  Batch& batch = *ticket.batch;
  ++batch.decoded;
  --decoding_;
  if (batch.closed && batch.decoded == batch.assigned) run.push_back(&batch);
  if (decoding_ == 0 && open_ != nullptr) {
    run.push_back(open_);
    close();
  }
}

void Schedule::release(Batch& batch, std::vector<Ticket>& decode) {
  const std::lock_guard lock(mutex_);
  batch.assigned = batch.decoded = 0;
  batch.closed = false;
  free_.push_back(&batch);
  assign(decode);
}

void Schedule::reset() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
  free_.clear();
  for (const auto& batch : batches_) {
    batch->assigned = batch->decoded = 0;
    batch->closed = false;
    for (Slot& slot : batch->slots) slot = Slot{};
    free_.push_back(batch.get());
  }
  open_ = nullptr;
  decoding_ = 0;
  next_ = 0;
}

void Schedule::assign(std::vector<Ticket>& decode) {
  decode.reserve(decode.size() + waiting_.size());
  while (!waiting_.empty()) {
    Batch* batch = open_batch();
    if (batch == nullptr) return;
    Slot& slot = batch->slots[batch->assigned];
    slot.entry = std::move(waiting_.front().first);
    slot.sequence = waiting_.front().second;
    slot.info = {};
    slot.error.reset();
    waiting_.pop_front();
    decode.push_back({batch, batch->assigned++});
    ++decoding_;
    if (batch->assigned == capacity_) close();
  }
}

/// Several mini-batches share a block: blocks are of huge pages, whole ones.
std::unique_ptr<Batch> Schedule::new_batch() {
  auto batch = std::make_unique<Batch>();
  batch->slot_bytes = slot_bytes_;
  batch->slots.resize(capacity_);
  std::size_t all = 0;
  for (const std::size_t bytes : slot_bytes_) all += aligned(bytes * capacity_);
  if (fresh_.size() < all) {
    const std::size_t count = std::clamp<std::size_t>(block_bytes / all, 1, max_batches_ - batches_.size());
    Result<Memory> block = Memory::create(count * all);
    if (!block) throw std::bad_alloc();
    memory_.push_back(*std::move(block));
    fresh_ = {reinterpret_cast<std::uint8_t*>(memory_.back().data()), count * all};
  }
  for (const std::size_t bytes : slot_bytes_) {
    batch->pixels.push_back(fresh_.first(bytes * capacity_));
    fresh_ = fresh_.subspan(aligned(bytes * capacity_));
  }
  return batch;
}

Batch* Schedule::open_batch() {
  if (open_ != nullptr) return open_;
  if (free_.empty()) {
    if (batches_.size() == max_batches_) return nullptr;
    batches_.push_back(new_batch());
    free_.push_back(batches_.back().get());
  }
  open_ = free_.back();
  free_.pop_back();
  return open_;
}

void Schedule::close() {
  open_->closed = true;
  open_ = nullptr;
}

}  // namespace octet
