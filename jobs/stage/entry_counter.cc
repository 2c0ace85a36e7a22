#include "octet/jobs/stage/entry_counter.h"

#include <algorithm>  // std::min

namespace octet {
namespace {

constexpr std::size_t named_failures = 10;

}  // namespace

Result<void> check_stream_options(const StreamOptions& options) {
  const auto bad = [](const char* message) { return Error{ErrorCode::usage, {}, message}; };
  if (options.batch < 0) return bad("the batch must not be negative");
  if (options.batches_in_flight < 0) return bad("the number of batches in flight must not be negative");
  if (options.max_bad_fraction && !(*options.max_bad_fraction >= 0 && *options.max_bad_fraction <= 1)) {
    return bad("the share of bad entries must be between 0 and 1");
  }
  return {};
}

std::optional<std::uint64_t> expected_entries(const StreamOptions& options, const Source& source) {
  const auto entries = source.size();
  if (!entries || options.limit == 0) return entries;
  if (options.source.shard.count > 1) return std::nullopt;  // which of the first entries are the shard's?
  return std::min(*entries, options.limit);
}

Result<void> EntryCounter::within_shares(bool last) const {
  const bool too_many = options_.max_bad && summary_.failed > *options_.max_bad;
  const std::uint64_t of = last ? summary_.n : total_.value_or(0);
  const bool too_large = options_.max_bad_fraction && (last || total_) &&
                         static_cast<double>(summary_.failed) > *options_.max_bad_fraction * static_cast<double>(of);
  if (!too_many && !too_large) return {};
  std::string message = std::to_string(summary_.failed) + " of the first " + std::to_string(summary_.n) +
                        " entries are bad, more than allowed";
  for (std::size_t i = 0; i < std::min<std::size_t>(3, summary_.first_failed.size()); ++i) {
    message += "; " + summary_.first_failed[i].key + ": " + to_string(summary_.first_failed[i].error);
  }
  return Error{ErrorCode::bad_image, {}, message};
}

Result<void> EntryCounter::add(std::uint64_t index, const std::string& key, const Error* error) {
  ++summary_.n;
  if (error == nullptr) return {};
  ++summary_.failed;
  ++summary_.errors[std::string(to_string(error->code))];
  if (error->code == ErrorCode::bad_record) ++summary_.damaged_places;
  if (summary_.first_failed.size() < named_failures) summary_.first_failed.push_back({index, key, *error, {}, {}});
  if (error->code == ErrorCode::internal) return *error;
  return within_bounds();
}

Result<void> EntryCounter::within_bounds() const {
  if (options_.on_error == OnError::fail && summary_.failed > 0) {
    const FailedEntry& first = summary_.first_failed.front();
    const ErrorCode code = first.error.code == ErrorCode::bad_record ? first.error.code : ErrorCode::bad_image;
    return Error{code, first.key, to_string(first.error)};
  }
  return within_shares(false);
}

StreamSummary EntryCounter::summary(double seconds) const {
  StreamSummary summary = summary_;
  summary.seconds += seconds;
  summary.images_per_s = summary.seconds > 0 ? static_cast<double>(summary.n) / summary.seconds : 0;
  summary.peak_rss_bytes = peak_rss_bytes();
  return summary;
}

}  // namespace octet
