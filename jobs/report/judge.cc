#include "octet/jobs/report/judge.h"

#include <algorithm>  // std::binary_search
#include <utility>    // std::move

#include "octet/calibrator/sample.h"
#include "octet/graph/output_file.h"
#include "octet/jobs/report/calibration_page.h"

namespace octet {
namespace {

constexpr std::uint64_t kDamagePictures = 64;

EvaluateOptions evaluation_of(const CalibrateOptions& options, const std::vector<std::uint64_t>& indices) {
  EvaluateOptions evaluation;
  evaluation.model = options.output;
  evaluation.against = options.model;
  evaluation.against_load = options.load;
  evaluation.against_load.mxnet_int8_as_float = true;
  evaluation.stream.source = options.source;
  evaluation.stream.decoder = options.decoder;
  evaluation.stream.control = options.control;
  evaluation.wanted = [&indices](std::uint64_t index) {
    return std::binary_search(indices.begin(), indices.end(), index);
  };
  return evaluation;
}

}  // namespace

Result<void> check_reports(const CalibrateOptions& options) {
  for (const std::filesystem::path& report : options.reports) {
    if (report.extension() == ".html" || report.extension() == ".json") continue;
    return Error{ErrorCode::usage, report.string(), "a report is a file whose name ends in .html or .json"};
  }
  return {};
}

HeldOut::HeldOut(const CalibrateOptions& options, const Preprocess& preprocess, std::uint64_t population,
                 std::unordered_set<std::uint64_t> used)
    : options_(options), preprocess_(preprocess), used_(std::move(used)) {
  quiet_.stop = options.control.stop;
  const std::uint64_t others = population - std::min<std::uint64_t>(population, used_.size());
  enough_ = others >= enough;
  const std::uint64_t n = enough_ ? others : population;
  const std::vector<std::uint64_t> ranks = sample_indices(n, std::min(n, options.report_pictures), options.seed);
  std::uint64_t rank = 0;
  for (std::uint64_t index = 0; index < population && indices_.size() < ranks.size(); ++index) {
    if (enough_ && used_.contains(index)) continue;
    if (rank++ == ranks[indices_.size()]) indices_.push_back(index);
  }
}

Result<std::int64_t> HeldOut::fill(std::span<std::uint8_t> slots, std::int64_t count) {
  if (!enough_) return std::int64_t{0};
  if (sampler_ == nullptr) {
    OCTET_TRY(source_, Source::open(options_.source));
    std::vector<std::uint64_t> few;
    for (const std::uint64_t at : sample_indices(indices_.size(), kDamagePictures, options_.seed)) {
      few.push_back(indices_[at]);
    }
    sampler_ = std::make_unique<Sampler>(*source_, std::move(few), preprocess_, options_.decoder, quiet_, used_);
  }
  return sampler_->fill(slots, count);
}

Result<void> judge_and_report(const CalibrateOptions& options, const HeldOut& held, CalibrateSummary& summary) {
  OCTET_TRY(const ModelFiles f32, find_model(options.model, options.load.epoch));
  std::error_code failed;
  summary.f32_bytes = std::filesystem::file_size(f32.params, failed);
  if (!failed) summary.int8_bytes = std::filesystem::file_size(summary.params, failed);
  if (failed) return Error{ErrorCode::io, options.output.string(), "the pair's size is unknown: " + failed.message()};
  Judgement& judgement = summary.judgement.emplace();
  judgement.held_out = held.is_enough();
  EvaluateOptions evaluation = evaluation_of(options, held.indices());
  auto judged = evaluate(evaluation);
  if (!judged && judged.error().code == ErrorCode::usage) {
    judgement.without_labels = to_string(judged.error());
    evaluation.ignore_labels = true;
    judged = evaluate(evaluation);
  }
  if (!judged) return std::move(judged).error();
  judgement.evaluation = *std::move(judged);
  for (const std::filesystem::path& report : options.reports) {
    const bool page = report.extension() == ".html";
    OCTET_CHECK(make_folder(report.parent_path()));
    OCTET_CHECK(
        write_file(report, page ? calibration_page(summary, options) : calibration_json(summary, options) + "\n"));
  }
  return {};
}

}  // namespace octet
