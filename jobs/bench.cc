#include "octet/jobs/bench.h"

#include <algorithm>  // std::max
#include <map>        // std::map
#include <utility>    // std::move

#include "octet/calibrator/calibrate.h"
#include "octet/graph/passes.h"
#include "octet/jobs/stage/bench_lanes.h"
#include "octet/jobs/stage/bench_pictures.h"
#include "octet/jobs/stage/guarded.h"
#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

constexpr std::int64_t quick_sample = 8;  // pictures for an INT8 graph whose speed alone counts

struct Candidate {
  std::string precision;
  Graph graph;
  Model model;  ///< for the pipeline
};

Result<Model> quantised(const Model& model, const BenchPictures& pictures) {
  std::int64_t given = 0;
  const auto source = [&](std::span<std::uint8_t> slots, std::int64_t count) -> Result<std::int64_t> {
    const std::int64_t n = std::min(count, quick_sample - given);
    pictures.copy(static_cast<std::size_t>(given), {},
                  slots.first(static_cast<std::size_t>(n) * pictures.slot_bytes()));
    given += n;
    return n;
  };
  OCTET_TRY(auto calibrated, calibrate(model, {}, source));
  return std::move(calibrated.model);
}

Result<std::vector<Candidate>> candidates(const BenchOptions& options, const Model& model,
                                          const BenchPictures& pictures) {
  std::vector<Candidate> all;
  if (model.graph.quantized()) {
    all.push_back({"int8", model.graph, model});
    return all;
  }
  if (options.f32_unfused) {
    Graph unfused = model.graph;
    OCTET_CHECK(remove_dead_nodes(unfused));
    all.push_back({"f32-unfused", std::move(unfused), model});
  }
  if (options.f32) {
    Graph fused = model.graph;
    OCTET_CHECK(optimize(fused));
    all.push_back({"f32", std::move(fused), model});
  }
  if (options.int8 || !options.int8_model.empty()) {
    Result<Model> int8 = options.int8_model.empty() ? quantised(model, pictures) : load_model(options.int8_model);
    if (!int8) return int8.error();
    all.push_back({"int8", int8->graph, *int8});
  }
  return all;
}

// One configuration to measure with the pixels in its plan's layout.
struct Subject {
  std::unique_ptr<BenchLanes> lanes;
  std::vector<std::uint8_t> pixels;
  const Candidate* candidate = nullptr;
  int threads = 1;
};

std::vector<std::uint8_t> pixels_for(const Plan& plan, const BenchPictures& pictures) {
  const auto batch = static_cast<std::size_t>(plan.batch());
  const std::size_t count = (std::max<std::size_t>(pictures.count(), batch) + batch - 1) / batch * batch;
  std::vector<std::uint8_t> pixels(count * plan.input().bytes());
  pictures.copy(0, plan.input().border, pixels);
  return pixels;
}

Result<std::vector<Subject>> subjects(const BenchOptions& options, const std::vector<Candidate>& all,
                                      const std::vector<int>& threads, const BenchPictures& pictures) {
  std::vector<Subject> subjects;
  for (const Candidate& candidate : all) {
    const bool int8 = candidate.precision == "int8";
    for (const std::int64_t batch : int8 && !options.batches.empty() ? options.batches : std::vector<std::int64_t>{0}) {
      PlanOptions plan_options;
      plan_options.batch = batch;
      OCTET_TRY(const auto plan, Plan::compile(candidate.graph, plan_options));
      for (const int count : threads) {
        Subject subject;
        OCTET_TRY(subject.lanes, BenchLanes::create(candidate.precision, plan, count, options.pinning));
        subject.pixels = pixels_for(*plan, pictures);
        subject.candidate = &candidate;
        subject.threads = count;
        subjects.push_back(std::move(subject));
      }
    }
  }
  return subjects;
}

Result<std::vector<int>> thread_counts(const BenchOptions& options) {
  OCTET_TRY(const auto workers, Workers::create(0));
  std::vector<int> counts = options.threads;
  if (counts.empty()) {
    counts = {1};
    if (workers->threads() > 1) counts.push_back(workers->threads());
  }
  for (const int count : counts) {
    if (count < 1 || count > 1024) return Error{ErrorCode::usage, {}, "the number of threads must be 1 to 1024"};
  }
  return counts;
}

Result<void> check_options(const BenchOptions& options) {
  const auto bad = [](const char* message) { return Error{ErrorCode::usage, {}, message}; };
  if (options.repeats < 1) return bad("the number of repeats must be at least 1");
  if (!(options.seconds_per_repeat > 0 && options.seconds_per_repeat <= 3600)) {
    return bad("the seconds of a repeat must be above 0 and at most 3600");
  }
  for (const std::int64_t batch : options.batches) {
    if (batch < 0) return bad("the batch must not be negative");
  }
  return {};
}

// Configurations take turns, so that a change of the machine's speed meets all of them.
Result<void> measure(const BenchOptions& options, std::vector<Subject>& subjects) {
  const auto steps = static_cast<std::uint64_t>(options.repeats + 1) * subjects.size();
  ProgressMeter meter(options.control, "bench", steps);
  for (Subject& subject : subjects) {
    if (options.control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    OCTET_CHECK(subject.lanes->warm_up(subject.pixels));
    meter.add(1, 0);
  }
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    for (Subject& subject : subjects) {
      if (options.control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
      OCTET_CHECK(subject.lanes->measure(subject.pixels, options.seconds_per_repeat));
      OCTET_CHECK(subject.lanes->measure_single(subject.pixels, options.seconds_per_repeat / 4));
      meter.add(1, 0);
    }
  }
  meter.finish();
  return {};
}

/// Loader, executor and pipeline take turns, as measure() has configurations do.
Result<std::vector<PipelineRun>> measure_pipelines(const BenchOptions& options, const Subject& best,
                                                   const std::vector<int>& threads, const BenchPictures& pictures) {
  PlanOptions plan_options;
  if (!options.batches.empty()) plan_options.batch = options.batches.front();
  OCTET_TRY(const auto scorer, Scorer::create(best.candidate->model, plan_options));
  const auto pixels = pixels_for(*scorer->plan, pictures);
  struct Measured {
    std::unique_ptr<BenchLanes> lanes;
    std::vector<double> loader, executor, pipeline, of_parts;
  };
  std::vector<Measured> all(threads.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    OCTET_TRY(all[i].lanes, BenchLanes::create(best.candidate->precision, scorer->plan, threads[i], options.pinning));
    OCTET_CHECK(all[i].lanes->warm_up(pixels));
  }
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      OCTET_TRY(const double loader, pictures.measure_loader(options, threads[i]));
      OCTET_TRY(const double pipeline, pictures.measure_pipeline(options, threads[i], scorer));
      OCTET_CHECK(all[i].lanes->measure(pixels, options.seconds_per_repeat));
      if (options.control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
      const double executor = all[i].lanes->last_images_per_s();
      all[i].loader.push_back(loader);
      all[i].executor.push_back(executor);
      all[i].pipeline.push_back(pipeline);
      all[i].of_parts.push_back(pipeline * (1 / loader + 1 / executor));
    }
  }
  std::vector<PipelineRun> runs;
  for (std::size_t i = 0; i < all.size(); ++i) {
    runs.push_back(
        {threads[i], median(all[i].loader), median(all[i].executor), median(all[i].pipeline), median(all[i].of_parts)});
  }
  return runs;
}

Result<BenchReport> run(const BenchOptions& options) {
  OCTET_TRY(const Model model, load_model(options.model, options.load));
  OCTET_TRY(const auto pictures, BenchPictures::create(options, model.preprocess));
  OCTET_TRY(const auto threads, thread_counts(options));
  OCTET_TRY(const auto all, candidates(options, model, *pictures));
  OCTET_TRY(auto measured, subjects(options, all, threads, *pictures));
  if (measured.empty()) return Error{ErrorCode::usage, {}, "no precision is left to measure"};
  OCTET_CHECK(measure(options, measured));
  BenchReport report;
  report.isa = effective_isa();
  report.model = model.name;
  const Subject* best = nullptr;
  for (Subject& subject : measured) {
    OCTET_CHECK(subject.lanes->measure_alone(subject.pixels));
    report.runs.push_back(subject.lanes->result());
    const bool faster =
        best == nullptr || report.runs.back().executor_images_per_s >= best->lanes->result().executor_images_per_s;
    if (faster) best = &subject;
    if (!options.layers || subject.threads != threads.front()) continue;
    OCTET_TRY(auto layers, subject.lanes->layers(subject.pixels, options.seconds_per_repeat));
    report.layers.insert(report.layers.end(), layers.begin(), layers.end());
  }
  if (!options.source) return report;
  OCTET_TRY(report.pipeline, measure_pipelines(options, *best, threads, *pictures));
  return report;
}

}  // namespace

std::vector<Speedup> speedups(const BenchReport& report) {
  std::map<int, std::map<std::string, double>> fastest;
  for (const BenchRun& run : report.runs) {
    double& best = fastest[run.threads][run.precision];
    best = std::max(best, run.executor_images_per_s);
  }
  std::vector<Speedup> ratios;
  for (auto& [threads, of] : fastest) {
    const auto ratio = [](double fast, double slow) { return fast > 0 && slow > 0 ? fast / slow : 0; };
    const double unfused = of["f32-unfused"], fused = of["f32"], int8 = of["int8"];
    ratios.push_back({threads, ratio(fused, unfused), ratio(int8, fused), ratio(int8, unfused)});
  }
  return ratios;
}

Result<BenchReport> bench(const BenchOptions& options) {
  OCTET_CHECK(check_options(options));
  return guarded([&] { return run(options); });
}

}  // namespace octet
