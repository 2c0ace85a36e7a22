#include "octet/jobs/stage/sampler.h"

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>
#include <algorithm>  // std::copy_n
#include <optional>   // std::optional
#include <utility>    // std::move

namespace octet {
namespace {

constexpr std::size_t block = 32;  // candidates decoded together; fixed, because replacements depend on it
constexpr std::size_t named = 10;

}  // namespace

Sampler::Sampler(Source& source, std::vector<std::uint64_t> indices, const Preprocess& preprocess,
                 const DecoderOptions& decoder, const JobControl& control, std::unordered_set<std::uint64_t> never)
    : source_(source),
      indices_(std::move(indices)),
      preprocess_(preprocess),
      decoder_(decoder),
      control_(control),
      meter_(control, "calibrate", indices_.size()),
      tried_(std::move(never)),
      slot_bytes_(slot_bytes(preprocess, {})),
      pixels_(block * slot_bytes_) {}

Result<std::int64_t> Sampler::fill(std::span<std::uint8_t> slots, std::int64_t count) {
  if (count < 0 || slots.size() < static_cast<std::size_t>(count) * slot_bytes_) {
    return Error{ErrorCode::internal, {}, "the room for pictures is too small"};
  }
  std::int64_t filled = 0;
  while (filled < count) {
    if (given_ == ready_ && !ended_) OCTET_CHECK(refill());
    if (given_ == ready_) {
      if (ended_) break;
      continue;
    }
    const auto n = std::min(ready_ - given_, static_cast<std::size_t>(count - filled));
    std::copy_n(pixels_.begin() + static_cast<std::ptrdiff_t>(given_ * slot_bytes_), n * slot_bytes_,
                slots.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(filled) * slot_bytes_));
    given_ += n;
    filled += static_cast<std::int64_t>(n);
  }
  if (filled == 0) meter_.finish();
  return filled;
}

Result<void> Sampler::refill() {
  std::vector<Entry> candidates;
  while (candidates.size() < block) {
    Entry entry;
    OCTET_TRY(const bool found, next_candidate(entry));
    if (!found) {
      ended_ = true;
      break;
    }
    candidates.push_back(std::move(entry));
  }
  decode(candidates);
  return {};
}

Result<bool> Sampler::next_candidate(Entry& found) {
  while (owed_ > 0 || next_index_ < indices_.size()) {
    if (control_.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    OCTET_TRY(auto entry, source_.next());
    if (!entry) {
      if (wrapped_ || owed_ == 0) return false;
      wrapped_ = true;
      next_index_ = indices_.size();
      OCTET_CHECK(source_.rewind());
      continue;
    }
    if (next_index_ < indices_.size() && entry->index >= indices_[next_index_]) {
      ++next_index_;
      ++owed_;
    }
    if (owed_ == 0 || !tried_.insert(entry->index).second) continue;
    --owed_;
    found = std::move(*entry);
    return true;
  }
  return false;
}

void Sampler::decode(std::vector<Entry>& candidates) {
  std::vector<std::optional<Error>> errors(candidates.size());
  tbb::enumerable_thread_specific<DecodeWorker> workers([this] { return DecodeWorker(decoder_); });
  const auto slot = [this](std::size_t i) { return std::span(pixels_).subspan(i * slot_bytes_, slot_bytes_); };
  tbb::parallel_for(std::size_t{0}, candidates.size(), [&](std::size_t i) {
    const Entry& entry = candidates[i];
    if (!entry.image) {
      errors[i] = entry.image.error();
    } else if (auto info = workers.local().decode(*entry.image, preprocess_, {}, slot(i)); !info) {
      errors[i] = info.error();
    }
  });
  given_ = ready_ = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!errors[i]) {
      if (i != ready_) std::copy_n(slot(i).begin(), slot_bytes_, slot(ready_).begin());
      ++ready_;
      const std::vector<float>& labels = candidates[i].labels;
      const bool one = labels.size() == 1 && labels[0] >= 0 && labels[0] < 16777216.0F;
      labels_.push_back(one ? static_cast<std::int32_t>(labels[0]) : -1);
      continue;
    }
    ended_ = false;  // later entries may replace it; if there are none, next_candidate finds the end again
    ++owed_;
    ++unreadable_;
    if (first_unreadable_.size() < named) first_unreadable_.push_back(candidates[i].key + ": " + to_string(*errors[i]));
  }
  meter_.add(ready_, candidates.size() - ready_);
}

}  // namespace octet
