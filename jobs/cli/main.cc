// octet: the command line.
#include <malloc.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <sstream>
#include <thread>

#include "octet/graph/version.h"
#include "octet/jobs/cli/command.h"

namespace octet::cli {
namespace {

constexpr Command kCommands[] = {
    {"calibrate", "make an INT8 model from an FP32 model and sample pictures", calibrate_options, calibrate_command},
    {"score", "score every picture of a folder, list or record file", score_options, score_command},
    {"merge", "the shards of a scoring job to its final files", merge_options, merge_command},
    {"run", "calibrate, score and evaluate in one job: octet run JOB.ini", run_options, run_command, "job"},
    {"submit", "a job file on a Slurm cluster: octet submit JOB.ini", submit_options, submit_command, "job"},
    {"status", "how far a job is: octet status JOB.ini (or its output folder)", status_options, status_command, "job"},
    {"evaluate", "accuracy on labelled pictures, and against a second model", evaluate_options, evaluate_command},
    {"bench", "images per second of loader, executor and both", bench_options, bench_command},
    {"deploy", "SSD training symbol to the network that detects", deploy_options, deploy_command},
    {"inspect", "the network before and after fusion and quantisation", inspect_options, inspect_command},
    {"pack", "pictures into .rec, .idx and .lst", pack_options, pack_command},
    {"draw", "pictures with their boxes or labels, two models side by side", draw_options, draw_command},
    {"report", "a page about a scored job", report_options, report_command},
    {"validate", "whether the output of a job is whole", validate_options, validate_command},
};

void print_overview(std::ostream& out) {
  out << "octet " << kVersion << ": scores large sets of images with INT8 convolutional networks on CPUs\n\n"
      << "usage: octet COMMAND [options]      octet COMMAND --help tells all      octet --version\n\n";
  for (const Command& command : kCommands) {
    out << "  " << command.name << std::string(12 - command.name.size(), ' ') << command.summary << '\n';
  }
  out << "\nexit codes: 0 done; 64 usage; 65 too many bad images; 66 input missing; 70 internal; 73 cannot write;\n"
         "74 I/O error; 75 stopped by a signal, run again; 78 model or configuration invalid\n";
}

int fail(std::string_view command, const Error& error) {
  std::cerr << "octet " << command << ": " << to_string(error) << '\n';
  if (error.code == ErrorCode::usage) std::cerr << "octet " << command << " --help lists the options\n";
  return exit_code(error.code);
}

int run(const Command& command, Arguments arguments) {
  const po::options_description options = command.options();
  std::string job_file;
  if (!command.operand.empty() && !arguments.empty() && !arguments.front().starts_with('-')) {
    if (command.name == "run") {
      job_file = arguments.front();
      arguments.erase(arguments.begin());
    } else {
      arguments.front() = "--" + std::string(command.operand) + "=" + arguments.front();
    }
  }
  auto values = job_file.empty() ? parse_arguments(arguments, options) : parse_job_file(job_file, arguments, options);
  if (!values) return fail(command.name, values.error());
  if (values->count("help") != 0) {
    std::ostringstream text;
    text << options;  // begins with an empty line where the options come in groups
    const std::string lines = text.str();
    std::cout << "usage: octet " << command.name << (command.operand.empty() ? "" : " JOB.ini") << " [options]\n"
              << command.summary << "\n\n"
              << lines.substr(std::min(lines.find_first_not_of('\n'), lines.size()));
    return kDone;
  }
  const Result<ExitCode> done = command.run(*values);
  return done ? *done : fail(command.name, done.error());
}

int main(int argc, char** argv) {
  Arguments arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    print_overview(std::cerr);
    return kUsage;
  }
  const std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (name == "--help" || name == "-h" || name == "help") {
    print_overview(std::cout);
    return kDone;
  }
  if (name == "--version") {
    std::cout << "octet " << kVersion << '\n';
    return kDone;
  }
  for (const Command& command : kCommands) {
    if (command.name == name) return run(command, std::move(arguments));
  }
  std::cerr << "octet: there is no command '" << name << "'\n\n";
  print_overview(std::cerr);
  return kUsage;
}

}  // namespace
}  // namespace octet::cli

int main(int argc, char** argv) {
  // File buffers and pictures come and go by the million: fixed thresholds give them back to the system each time,
  // where glibc's growing ones leave holes that make memory creep up with the number of images.
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  mallopt(M_TRIM_THRESHOLD, 128 * 1024);
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  try {
    return octet::cli::main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "octet: internal error: " << error.what() << '\n';
    return octet::cli::kInternal;
  }
}
