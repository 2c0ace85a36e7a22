#include "octet/jobs/store/shard_choice.h"

#include <charconv>  // std::from_chars
#include <optional>  // std::optional

namespace octet {
namespace {

using Environment = std::function<const char*(const char*)>;

std::optional<std::uint64_t> shard_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || at != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

/// nullopt when the variable is not set; Error(usage) when it is no number.
Result<std::optional<std::uint64_t>> variable(const Environment& environment, const char* name) {
  const char* const text = environment(name);
  if (text == nullptr) return std::optional<std::uint64_t>();
  const auto number = shard_number(text);
  if (number) return number;
  return Error{ErrorCode::usage, {}, std::string(name) + " is not a number: '" + text + "'"};
}

/// A scheduler's array: the names of its variables.
struct ArrayVariables {
  const char* index;
  const char* count;    ///< null: not told
  std::uint64_t first;  ///< the index of the first task
};

Result<Shard> checked_shard(std::uint64_t index, std::uint64_t first, std::uint64_t count, const char* name) {
  if (index >= first && index - first < count) return Shard{index - first, count};
  return Error{
      ErrorCode::usage,
      {},
      std::string(name) + " is " + std::to_string(index) + ", outside the " + std::to_string(count) + " shards"};
}

Result<std::optional<Shard>> slurm_shard(const Environment& environment, std::optional<std::uint64_t> count) {
  OCTET_TRY(const auto id, variable(environment, "SLURM_ARRAY_TASK_ID"));
  if (!id) return std::optional<Shard>();
  std::uint64_t first = 0;
  if (!count) {
    OCTET_TRY(const auto tasks, variable(environment, "SLURM_ARRAY_TASK_COUNT"));
    OCTET_TRY(const auto least, variable(environment, "SLURM_ARRAY_TASK_MIN"));
    OCTET_TRY(const auto most, variable(environment, "SLURM_ARRAY_TASK_MAX"));
    if (!tasks || !least || !most || *most < *least || *most - *least + 1 != *tasks) {
      return Error{ErrorCode::usage,
                   {},
                   "the Slurm array has gaps or does not tell its size: say how many shards there are, --shard auto/N"};
    }
    count = *tasks;
    first = *least;
  }
  OCTET_TRY(const Shard shard, checked_shard(*id, first, *count, "SLURM_ARRAY_TASK_ID"));
  return std::optional(shard);
}

Result<Shard> shard_of_task(const Environment& environment, std::optional<std::uint64_t> count) {
  OCTET_TRY(const auto slurm, slurm_shard(environment, count));
  if (slurm) return *slurm;
  for (const ArrayVariables& array : {ArrayVariables{"JOB_COMPLETION_INDEX", nullptr, 0},
                                      ArrayVariables{"AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", 0},
                                      ArrayVariables{"PARALLEL_SEQ", nullptr, 1}}) {
    OCTET_TRY(const auto index, variable(environment, array.index));
    if (!index) continue;
    if (!count && array.count != nullptr) {
      OCTET_TRY(count, variable(environment, array.count));
    }
    if (count) return checked_shard(*index, array.first, *count, array.index);
    return Error{
        ErrorCode::usage, {}, std::string(array.index) + " does not tell how many shards there are: --shard auto/N"};
  }
  return Error{ErrorCode::usage,
               {},
               "--shard auto finds no array task: none of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, "
               "AWS_BATCH_JOB_ARRAY_INDEX and PARALLEL_SEQ is set"};
}

}  // namespace

Result<ShardChoice> parse_shard(std::string_view text, const Environment& environment) {
  const std::size_t slash = text.find('/');
  const std::string_view first = text.substr(0, slash);
  std::optional<std::uint64_t> count;
  if (slash != std::string_view::npos) count = shard_number(text.substr(slash + 1));
  const bool well_formed = slash == std::string_view::npos || (count && *count > 0);
  if (first == "auto" && well_formed) {
    OCTET_TRY(const Shard shard, shard_of_task(environment, count));
    return ShardChoice{shard, true};
  }
  const auto index = shard_number(first);
  if (index && count && *index < *count) return ShardChoice{{*index, *count}, false};
  return Error{
      ErrorCode::usage, {}, "--shard takes I/N with 0 <= I < N, auto or auto/N, not '" + std::string(text) + "'"};
}

}  // namespace octet
