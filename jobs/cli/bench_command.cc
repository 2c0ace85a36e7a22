// octet bench: images per second.
#include <iostream>

#include "octet/jobs/bench.h"
#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/console.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/report.h"

namespace octet::cli {
namespace {

void print(const BenchReport& report) {
  std::cout << report.model << ", " << report.isa << '\n';
  Table runs({"precision", "workers", "batch", "images/s", "limit", "steps alone", "latency ms", "one picture ms"});
  for (const BenchRun& run : report.runs) {
    runs.add({run.precision, std::to_string(run.threads), std::to_string(run.batch),
              fixed(run.executor_images_per_s, 1), fixed(run.limit_images_per_s, 1), fixed(run.steps_images_per_s, 1),
              fixed(run.latency_ms, 3), fixed(run.single_ms, 3)});
  }
  runs.print(std::cout);
  for (const Speedup& s : speedups(report)) {
    if (s.fusion <= 0 || s.int8 <= 0) continue;
    std::cout << s.threads << (s.threads == 1 ? " worker" : " workers") << ": fusion " << fixed(s.fusion, 2)
              << "x, INT8 " << fixed(s.int8, 2) << "x, both " << fixed(s.both, 2) << "x of unfused FP32\n";
  }
  if (!report.pipeline.empty()) {
    std::cout << "\nimages/s of loader, executor and the whole pipeline; its share of what the other two add up to:\n";
    Table pipeline({"workers", "loader", "executor", "pipeline", "share"});
    for (const PipelineRun& run : report.pipeline) {
      pipeline.add({std::to_string(run.threads), fixed(run.loader_images_per_s, 1), fixed(run.executor_images_per_s, 1),
                    fixed(run.pipeline_images_per_s, 1), fixed(run.of_parts, 3)});
    }
    pipeline.print(std::cout);
  }
  if (report.layers.empty()) return;
  Table layers({"precision", "layer", "operator", "implementation", "images", "us/image", "alone", "GOP/s"});
  for (const LayerTime& layer : report.layers) {
    const double rate = layer.microseconds > 0 ? layer.step.operations / layer.microseconds / 1000 : 0;
    layers.add({layer.precision, layer.step.name, layer.step.op, layer.step.implementation,
                std::to_string(layer.step.images), fixed(layer.microseconds, 2), fixed(layer.alone_microseconds, 2),
                rate > 0 ? fixed(rate, 1) : ""});
  }
  std::cout << '\n';
  layers.print(std::cout);
}

}  // namespace

po::options_description bench_options() {
  po::options_description bench("Measurement");
  auto add = bench.add_options();
  add("batch", po::value<std::int64_t>()->default_value(0)->value_name("N"),
      "images computed together in INT8; 0: chosen");
  add("repeats", po::value<int>()->default_value(5)->value_name("N"), "the median of so many measurements");
  add("seconds", po::value<double>()->default_value(0.5)->value_name("S"), "least duration of each");
  add("layers", po::bool_switch(), "the time of each layer");
  add_pin_option(bench);
  po::options_description options;
  options.add(model_options())
      .add(symbol_options())
      .add(data_options())
      .add(bench)
      .add(decoder_options())
      .add(common_options());
  return options;
}

Result<ExitCode> bench_command(const po::variables_map& values) {
  BenchOptions options;
  OCTET_TRY(const ModelArguments model, model_or_symbol(values));
  options.model = model.path;
  options.load = model.load;
  OCTET_TRY(options.decoder, decoder_options(values));
  if (given<std::string>(values, "data")) {
    OCTET_TRY(options.source, source_options(values));
  }
  if (const int streams = values["streams"].as<int>(); streams != 0) options.threads = {streams};
  if (const std::int64_t batch = values["batch"].as<std::int64_t>(); batch != 0) options.batches = {batch};
  OCTET_TRY(options.pinning, parse_pinning(values["pin"].as<std::string>()));
  options.repeats = values["repeats"].as<int>();
  options.seconds_per_repeat = values["seconds"].as<double>();
  options.layers = values["layers"].as<bool>();
  OCTET_TRY(options.control, job_control(values));
  OCTET_TRY(const BenchReport report, bench(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(report) << '\n';
  } else {
    print(report);
  }
  return kDone;
}

}  // namespace octet::cli
