#include "octet/jobs/slurm.h"

#include <algorithm>  // std::all_of
#include <string_view>
#include <utility>  // std::move, std::pair

#include "octet/graph/file_io.h"
#include "octet/graph/output_file.h"
#include "octet/graph/version.h"
#include "octet/jobs/program.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxJobFileBytes = 1 << 20;
constexpr std::uint64_t kMaxShards = 10'000;

// Slurm signals the processes of a task in several ways: all of them or the shell alone. The shell hands every one on
// as SIGUSR1, so that octet, which takes the first of each kind as a polite request, never sees one kind twice.
constexpr std::string_view kAttend = R"(
child= stopped=
trap 'stopped=yes; [ -z "$child" ] || kill -USR1 "$child" 2>/dev/null' TERM INT USR1

# Runs a command; ends the task when it fails, back into the queue when it was stopped.
attend() {
  local code
  "$@" &
  child=$!
  [ -z "$stopped" ] || kill -USR1 "$child" 2>/dev/null
  while wait "$child"; code=$?; kill -0 "$child" 2>/dev/null; do :; done
  wait "$child"
  code=$?
  child=
  [ -z "$stopped" ] || [ "$code" -le 128 ] || code=75
  [ "$code" -ne 75 ] || scontrol requeue "$SLURM_JOB_ID" || true
  [ "$code" -eq 0 ] || exit "$code"
}
)";

/// For a shell, whatever is in it.
std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

/// For a path in a line of #SBATCH, where % begins a replacement.
std::string sbatch_path(const fs::path& path) {
  std::string text;
  for (const char c : path.string()) text.append(c == '%' ? 2 : 1, c);
  return "\"" + text + "\"";
}

bool is_plain_line(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '"' && c != '\\'; });
}

Result<void> check_slurm_options(const SlurmOptions& options) {
  const auto wrong = [](const std::string& message) { return Error{ErrorCode::usage, {}, message}; };
  if (options.shards < 1 || options.shards > kMaxShards) {
    return wrong("the number of shards must be 1 to " + std::to_string(kMaxShards));
  }
  if (options.cpus < 1 || options.cpus > 1024) return wrong("the CPUs of a task must be 1 to 1024");
  for (const fs::path& path : {options.output, options.folder, options.program}) {
    if (!path.is_absolute()) return wrong("'" + path.string() + "' is no absolute path");
    if (!is_plain_line(path.string())) return wrong("sbatch cannot take the path '" + path.string() + "'");
  }
  for (const std::string* text : {&options.partition, &options.account, &options.qos, &options.constraint,
                                  &options.time, &options.memory, &options.max_bad}) {
    if (!is_plain_line(*text)) return wrong("sbatch cannot take the value '" + *text + "'");
  }
  return {};
}

/// The script's first lines: what sbatch reads.
std::string sbatch_lines(const SlurmOptions& options, const std::string& stage) {
  const bool array = stage == "score";
  std::string text = "#!/bin/bash\n";
  const auto add = [&](const std::string& option) { text += "#SBATCH --" + option + "\n"; };
  add("job-name=octet-" + stage);
  if (array) {
    add("array=0-" + std::to_string(options.shards - 1) +
        (options.at_once > 0 ? "%" + std::to_string(options.at_once) : ""));
  }
  add("chdir=" + ("\"" + options.folder.string() + "\""));
  std::string log = sbatch_path(options.output / "slurm" / stage);
  log.insert(log.size() - 1, array ? "-%A_%a.log" : "-%j.log");
  add("output=" + log);
  add("open-mode=append");
  add("requeue");
  add("kill-on-invalid-dep=yes");
  add("signal=B:USR1@90");
  add("ntasks=1");
  add("cpus-per-task=" + std::to_string(options.cpus));
  const std::pair<const char*, const std::string*> values[] = {
      {"partition", &options.partition},   {"account", &options.account}, {"qos", &options.qos},
      {"constraint", &options.constraint}, {"time", &options.time},       {"mem", &options.memory}};
  for (const auto& [name, value] : values) {
    if (!value->empty()) add(std::string(name) + "=\"" + *value + "\"");
  }
  return text;
}

std::string stage_command(const SlurmOptions& options, const std::string& stage) {
  if (stage == "merge") {
    return "attend \"$octet\" merge --shards " + shell_quoted(options.output.string()) +
           (options.max_bad.empty() ? "" : " --max-bad " + shell_quoted(options.max_bad)) + "\n";
  }
  return "attend \"$octet\" run \"$job\" --only " + stage +
         (stage == "score" ? " --shard auto/" + std::to_string(options.shards) : "") + " --streams " +
         std::to_string(options.cpus) + "\n";
}

Result<std::string> submitted_id(const std::vector<std::string>& command) {
  OCTET_TRY(const ProgramResult result, run_program(command));
  if (result.exit_code != 0) {
    return Error{ErrorCode::io, command.back(), "sbatch refuses it: " + result.messages};
  }
  return result.output.substr(0, result.output.find_first_of(";\n"));  // "17" or "17;cluster"
}

}  // namespace

Result<std::vector<SlurmStage>> slurm_stages(const SlurmOptions& options) {
  OCTET_CHECK(check_slurm_options(options));
  std::vector<SlurmStage> stages;
  for (const char* name : {"calibrate", "score", "merge", "evaluate"}) {
    const std::string stage = name;
    if (stage == "evaluate" && !options.evaluate) continue;
    std::string text = sbatch_lines(options, stage);
    text += "\n# Written by octet " + std::string(kVersion) + ". Safe to run again: what is done is not done twice.\n";
    text += "octet=" + shell_quoted(options.program.string()) + "\n";
    text += "job=" + shell_quoted((options.output / "slurm" / "job.ini").string()) + "\n";
    text += kAttend;
    text += "\n" + stage_command(options, stage);
    stages.push_back({stage, options.output / "slurm" / (stage + ".sh"), std::move(text)});
  }
  return stages;
}

std::vector<std::string> sbatch_command(const std::vector<SlurmStage>& stages, std::size_t i) {
  std::vector<std::string> command{"sbatch", "--parsable"};
  if (i > 0) command.push_back("--dependency=afterok:" + stages[i - 1].job_id);
  command.push_back(stages[i].script.string());
  return command;
}

Result<std::vector<SlurmStage>> submit_to_slurm(const SlurmOptions& options) {
  OCTET_TRY(std::vector<SlurmStage> stages, slurm_stages(options));
  OCTET_TRY(const std::string job, read_text_file(options.job_file, kMaxJobFileBytes));
  OCTET_CHECK(make_folder(options.output / "slurm"));
  OCTET_CHECK(write_file(options.output / "slurm" / "job.ini", job));
  for (const SlurmStage& stage : stages) OCTET_CHECK(write_file(stage.script, stage.text));
  for (std::size_t i = 0; i < stages.size(); ++i) {
    auto id = submitted_id(sbatch_command(stages, i));
    if (!id) {
      std::vector<std::string> cancel{"scancel"};
      for (std::size_t k = 0; k < i; ++k) cancel.push_back(stages[k].job_id);
      if (i > 0) static_cast<void>(run_program(cancel));
      return std::move(id).error();
    }
    stages[i].job_id = *std::move(id);
  }
  return stages;
}

}  // namespace octet
