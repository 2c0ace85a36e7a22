#include "octet/jobs/pack/order.h"

#include <algorithm>  // std::min, std::swap
#include <random>     // std::mt19937_64
#include <utility>    // std::move

#include "octet/jobs/stage/entry_counter.h"
#include "octet/loader/record_files.h"

namespace octet {
namespace {

/// 0 .. bound - 1, evenly: the standard's distributions differ from library to library.
std::uint64_t below(std::uint64_t bound, std::mt19937_64& random) {
  const std::uint64_t rest = (std::uint64_t{0} - bound) % bound;  // 2^64 modulo bound
  while (true) {
    const std::uint64_t drawn = random();
    if (drawn >= rest) return drawn % bound;
  }
}

/// floor(size * ratio), where a ratio such as 0.3 is a little less than it says.
std::uint64_t share(std::uint64_t size, double ratio) {
  return std::min(size, static_cast<std::uint64_t>(static_cast<double>(size) * ratio + 1e-9));
}

}  // namespace

std::vector<PackPart> plan_parts(std::uint64_t total, const PackOptions& options) {
  const auto chunks = static_cast<std::uint64_t>(options.chunks);
  const std::uint64_t size = total / chunks + (total % chunks != 0 ? 1 : 0);
  std::vector<PackPart> parts;
  for (std::uint64_t i = 0; i < chunks; ++i) {
    const std::string suffix = chunks > 1 ? "_" + std::to_string(i) : "";
    const std::uint64_t begin = std::min(i * size, total);
    const std::uint64_t end = std::min(begin + size, total);
    if (options.train_ratio >= 1) {
      parts.push_back({suffix, begin, end});
      continue;
    }
    const bool val = options.train_ratio + options.test_ratio < 1 - 1e-9;
    const std::uint64_t test_end = std::min(begin + share(size, options.test_ratio), end);
    const std::uint64_t train_end = val ? std::min(test_end + share(size, options.train_ratio), end) : end;
    if (options.test_ratio > 0) parts.push_back({suffix + "_test", begin, test_end});
    parts.push_back({suffix + "_train", test_end, train_end});
    if (val) parts.push_back({suffix + "_val", train_end, end});
  }
  return parts;
}

Result<EntryOrder> EntryOrder::create(const PackOptions& options, std::unique_ptr<Source> source) {
  EntryOrder order(options, std::move(source));
  if (!options.shuffle) return order;
  if (reads_records(options.stream.source)) {
    return Error{ErrorCode::usage, {}, "only a folder or a list can be shuffled, not a record file"};
  }
  while (true) {
    OCTET_TRY(auto entry, order.next_wanted());
    if (!entry) break;
    order.shuffled_.push_back(*std::move(entry));
  }
  order.held_ = true;
  std::mt19937_64 random(options.seed);
  for (std::size_t i = order.shuffled_.size(); i > 1; --i) {
    std::swap(order.shuffled_[i - 1], order.shuffled_[below(i, random)]);
  }
  return order;
}

Result<std::optional<Entry>> EntryOrder::next_wanted() {
  const StreamOptions& stream = options_.stream;
  if (stream.control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
  OCTET_TRY(auto entry, source_->next());
  if (!entry || (stream.limit > 0 && entry->index >= stream.limit)) return std::optional<Entry>();
  return entry;
}

Result<std::optional<Entry>> EntryOrder::next() {
  if (!held_) return next_wanted();
  if (options_.stream.control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
  if (position_ == shuffled_.size()) return std::optional<Entry>();
  return std::optional(std::move(shuffled_[position_++]));
}

std::optional<std::uint64_t> EntryOrder::size() const {
  if (held_) return shuffled_.size();
  return expected_entries(options_.stream, *source_);
}

Result<std::uint64_t> EntryOrder::count() {
  if (const auto known = size()) return *known;
  std::uint64_t entries = 0;
  while (true) {
    OCTET_TRY(const auto entry, next_wanted());
    if (!entry) break;
    ++entries;
  }
  OCTET_CHECK(source_->rewind());
  return entries;
}

bool reads_records(const SourceOptions& source) {
  const auto files = find_record_files(source);
  return files && !files->empty();
}

}  // namespace octet
