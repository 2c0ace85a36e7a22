#include "octet/jobs/c_api/failure.h"
#include "octet/jobs/c_api/octet_c.h"
#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/score.h"

namespace octet::c_api {
namespace {

Result<CalibrationMode> mode_of(int mode) {
  switch (mode) {
    case OCTET_AUTO: return CalibrationMode::automatic;
    case OCTET_NAIVE: return CalibrationMode::naive;
    case OCTET_ENTROPY: return CalibrationMode::entropy;
    case OCTET_PERCENTILE: return CalibrationMode::percentile;
    case OCTET_MSE: return CalibrationMode::mse;
  }
  return Error{ErrorCode::usage, "mode", "there is none of number " + std::to_string(mode)};
}

/// What both jobs take.
template <class Job>
Result<void> check_paths(const Job* job) {
  OCTET_CHECK(given(job, "job"));
  OCTET_CHECK(given(job->model, "model"));
  OCTET_CHECK(given(job->data, "data"));
  return given(job->output, "output");
}

Result<void> calibrate(const octet_calibration* job) {
  OCTET_CHECK(check_paths(job));
  CalibrateOptions options;
  OCTET_TRY(options.calibration.mode, mode_of(job->mode));
  options.model = job->model;
  options.source.data = job->data;
  options.output = job->output;
  if (job->report != nullptr) options.reports.emplace_back(job->report);
  if (job->samples > 0) options.samples = job->samples;
  if (job->fraction != 0) options.fraction = job->fraction;
  options.threads = job->threads;
  OCTET_CHECK(calibrate_model(options));
  return {};
}

Result<void> score_data(const octet_scoring* job) {
  OCTET_CHECK(check_paths(job));
  ScoreOptions options;
  options.model = job->model;
  options.stream.source.data = job->data;
  options.output = job->output;
  if (job->top_k != 0) options.top_k = job->top_k;
  options.stream.threads = job->threads;
  options.stream.batch = job->batch;
  OCTET_CHECK(score(options));
  return {};
}

}  // namespace
}  // namespace octet::c_api

int octet_calibrate(const octet_calibration* calibration) {
  return octet::c_api::status([&] { return octet::c_api::calibrate(calibration); });
}

int octet_score(const octet_scoring* scoring) {
  return octet::c_api::status([&] { return octet::c_api::score_data(scoring); });
}
