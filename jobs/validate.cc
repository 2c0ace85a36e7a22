#include "octet/jobs/validate.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "octet/graph/model.h"
#include "octet/jobs/merge.h"
#include "octet/jobs/report/record_line.h"
#include "octet/jobs/store/manifest.h"
#include "octet/jobs/writers.h"
#include "octet/loader/text_lines.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

/// Whether the scores of a list stand best first. Those that are no number may stand anywhere.
template <class List>
bool best_first(const List& list) {
  std::optional<float> before;
  for (const auto& item : list) {
    if (std::isnan(item.score)) continue;
    if (before && item.score > *before) return false;
    before = item.score;
  }
  return true;
}

bool ends_in_line_end(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  in.seekg(-1, std::ios::end);
  return in.get() == '\n';
}

/// Goes through the lines of quarantine.jsonl beside those of scores.jsonl.
class QuarantineCheck {
 public:
  static Result<QuarantineCheck> open(const fs::path& file) {
    std::error_code failed;
    if (!fs::exists(file, failed)) return QuarantineCheck();
    QuarantineCheck check;
    OCTET_TRY(LineReader lines, LineReader::open(file));
    check.lines_.emplace(std::move(lines));
    return check;
  }

  [[nodiscard]] bool present() const noexcept { return lines_.has_value(); }

  Result<void> expect(const RecordLine& failed) {
    if (!lines_) return {};
    OCTET_TRY(const std::optional<TextLine> line, lines_->next());
    if (!line) return problem("the failure of entry " + std::to_string(failed.index) + " is not in it");
    const auto json = nlohmann::json::parse(line->text, nullptr, false);
    const auto is = [&](const char* name, const auto& value) {
      const auto found = json.find(name);
      return found != json.end() && *found == nlohmann::json(value);
    };
    if (json.is_object() && is("index", failed.index) && is("key", failed.key) && is("code", failed.failure->code)) {
      return {};
    }
    return Error{ErrorCode::bad_record, lines_->where(*line),
                 "is not about entry " + std::to_string(failed.index) + ", which failed in the scores"};
  }

  Result<void> finish() {
    if (!lines_) return {};
    OCTET_TRY(const std::optional<TextLine> line, lines_->next());
    if (!line) return {};
    return Error{ErrorCode::bad_record, lines_->where(*line), "is about an entry that did not fail in the scores"};
  }

 private:
  QuarantineCheck() = default;
  [[nodiscard]] Error problem(std::string message) const {
    return {ErrorCode::bad_record, lines_->path().string(), std::move(message)};
  }

  std::optional<LineReader> lines_;
};

Result<void> check_lines(const fs::path& output, ValidateSummary& summary) {
  OCTET_TRY(LineReader lines, LineReader::open(output / output_name(OutputFormat::jsonl)));
  OCTET_TRY(QuarantineCheck quarantine, QuarantineCheck::open(output / quarantine_name));
  std::optional<std::uint64_t> before;
  while (true) {
    OCTET_TRY(const std::optional<TextLine> line, lines.next());
    if (!line) break;
    const auto bad = [&](std::string message) {
      return Error{ErrorCode::bad_record, lines.where(*line), std::move(message)};
    };
    const auto record = parse_record_line(line->text);
    if (!record) return bad("the line is not a record of octet score");
    if (before && record->index <= *before) {
      return bad("index " + std::to_string(record->index) + " comes after " + std::to_string(*before));
    }
    before = record->index;
    if (!best_first(record->outcome.predictions) || !best_first(record->outcome.detections)) {
      return bad("the scores do not stand best first");
    }
    ++summary.n;
    if (!record->failure) continue;
    ++summary.failed;
    OCTET_CHECK(quarantine.expect(*record));
  }
  summary.quarantine = quarantine.present();
  return quarantine.finish();
}

Result<void> check_manifests(const fs::path& output, ValidateSummary& summary) {
  const auto shards = read_shards(output);
  if (!shards && shards.error().code == ErrorCode::not_found) return {};
  if (!shards) return shards.error();
  std::uint64_t records = 0, failed = 0;
  for (const ShardState& shard : *shards) {
    const auto bad = [&](std::string message) {
      return Error{ErrorCode::bad_record, manifest_file(shard.output).string(), std::move(message)};
    };
    if (!shard.manifest || !shard.manifest->end) return bad("the shard is not finished");
    const std::string difference = differences(shards->front().manifest->identity, shard.manifest->identity);
    if (!difference.empty()) return bad("is of another job: " + difference);
    records += shard.manifest->records();
    failed += shard.manifest->failed();
  }
  if (records != summary.n || failed != summary.failed) {
    return Error{ErrorCode::bad_record, output.string(),
                 "the manifests tell of " + std::to_string(records) + " records with " + std::to_string(failed) +
                     " failures, the scores hold " + std::to_string(summary.n) + " with " +
                     std::to_string(summary.failed)};
  }
  summary.shards = shards->size();
  return {};
}

}  // namespace

Result<ValidateSummary> validate(const std::filesystem::path& output) {
  ValidateSummary summary;
  OCTET_CHECK(check_lines(output, summary));
  const fs::path scores = output / output_name(OutputFormat::jsonl);
  if (summary.n > 0 && !ends_in_line_end(scores)) {
    return Error{ErrorCode::bad_record, scores.string(), "the last line is cut off"};
  }
  OCTET_CHECK(check_manifests(output, summary));
  OCTET_TRY(summary.sha256, file_digest(scores));
  return summary;
}

}  // namespace octet
