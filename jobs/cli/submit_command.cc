// octet submit: a job file on a cluster.
#include <iostream>
#include <nlohmann/json.hpp>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/run_command.h"
#include "octet/jobs/slurm.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

Result<SlurmOptions> slurm_options(const po::variables_map& values) {
  SlurmOptions options;
  OCTET_TRY(options.job_file, required(values, "job"));
  if (values["engine"].as<std::string>() != "slurm") {
    return usage("--engine is slurm, not '" + values["engine"].as<std::string>() + "'");
  }
  const auto shards = given<std::uint64_t>(values, "shards");
  if (!shards) return usage("option --shards is missing");
  options.shards = *shards;
  options.cpus = values["cpus"].as<int>();
  options.at_once = values["at-once"].as<std::uint64_t>();
  const std::pair<const char*, std::string*> texts[] = {
      {"partition", &options.partition},   {"account", &options.account}, {"qos", &options.qos},
      {"constraint", &options.constraint}, {"time", &options.time},       {"mem", &options.memory}};
  for (const auto& [name, text] : texts) *text = given<std::string>(values, name).value_or("");

  OCTET_TRY(const auto job, parse_job_file(options.job_file.string(), {}, run_options()));
  if (job.contains("shard") || job.contains("only")) {
    return Error{ErrorCode::invalid_config, options.job_file.string(), "shard and only are for submit to choose"};
  }
  OCTET_TRY(const RunOptions run, run_job_options(job));  // what is wrong with it is better known now than in the queue
  OCTET_TRY(const ModelFiles files, find_model(run.calibrate.model, run.calibrate.load.epoch));
  OCTET_TRY(const auto source, Source::open(run.score.stream.source));
  std::error_code failed;
  options.folder = fs::current_path(failed);
  options.output = fs::absolute(run.score.output, failed).lexically_normal();
  options.program = fs::read_symlink("/proc/self/exe", failed);
  options.max_bad = given<std::string>(job, "max-bad").value_or("");
  options.evaluate = job["evaluate"].as<std::string>() == "yes";
  return options;
}

void print_dry_run(const SlurmOptions& options, std::vector<SlurmStage> stages) {
  std::cout << "# " << (options.output / "slurm" / "job.ini").string() << ": a copy of " << options.job_file.string()
            << "\n\n";
  for (std::size_t i = 0; i < stages.size(); ++i) {
    stages[i].job_id = "$" + stages[i].name;
    std::cout << "# " << stages[i].script.string() << '\n' << stages[i].text << "\n# " << stages[i].name << "=$(";
    const auto command = sbatch_command(stages, i);
    for (std::size_t k = 0; k < command.size(); ++k) std::cout << (k > 0 ? " " : "") << command[k];
    std::cout << ")\n\n";
  }
}

void print_submitted(const SlurmOptions& options, const std::vector<SlurmStage>& stages) {
  for (const SlurmStage& stage : stages) {
    std::cout << stage.name << ": job " << stage.job_id;
    if (stage.name == "score") std::cout << ", tasks 0 to " << options.shards - 1;
    std::cout << '\n';
  }
  std::cout << "logs: " << (options.output / "slurm").string() << '\n';
}

}  // namespace

po::options_description submit_options() {
  po::options_description options("Submission");
  auto add = options.add_options();
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  add("job", text("JOB.ini"), "the job file, as for octet run (also the first argument)");
  add("engine", po::value<std::string>()->default_value("slurm")->value_name("KIND"), "what runs it: slurm");
  add("shards", po::value<std::uint64_t>()->value_name("N"), "parts that are scored side by side, a task each");
  add("cpus", po::value<int>()->default_value(1)->value_name("N"), "CPUs of each task, and octet's workers in it");
  add("at-once", po::value<std::uint64_t>()->default_value(0)->value_name("N"),
      "tasks at a time; 0: as many as the cluster allows");
  add("partition", text("NAME"), "these as sbatch has them");
  add("account", text("NAME"), "");
  add("qos", text("NAME"), "");
  add("constraint", text("FEATURES"), "name one kind of CPU: scores of different instruction sets do not merge");
  add("time", text("LIMIT"), "90 s before it a task stops, and goes on in its next turn");
  add("mem", text("SIZE"), "");
  add("dry-run", po::bool_switch(), "print the scripts; write and submit nothing");
  add("json", po::bool_switch(), "print one JSON object on standard output");
  add("help", "this text");
  return options;
}

Result<ExitCode> submit_command(const po::variables_map& values) {
  OCTET_TRY(const SlurmOptions options, slurm_options(values));
  if (values["dry-run"].as<bool>()) {
    OCTET_TRY(std::vector<SlurmStage> stages, slurm_stages(options));
    print_dry_run(options, std::move(stages));
    return kDone;
  }
  OCTET_TRY(const std::vector<SlurmStage> stages, submit_to_slurm(options));
  if (values["json"].as<bool>()) {
    nlohmann::ordered_json json;
    for (const SlurmStage& stage : stages) json[stage.name] = stage.job_id;
    json["shards"] = options.shards;
    std::cout << json.dump() << '\n';
  } else {
    print_submitted(options, stages);
  }
  return kDone;
}

}  // namespace octet::cli
