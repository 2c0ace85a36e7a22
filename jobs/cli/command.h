// The commands behind `octet COMMAND`.
#pragma once

#include <string_view>  // std::string_view

#include "octet/jobs/cli/arguments.h"
#include "octet/jobs/cli/exit_code.h"

namespace octet::cli {

/// Options of one command and what runs it.
struct Command {
  std::string_view name;
  std::string_view summary;
  po::options_description (*options)();
  Result<ExitCode> (*run)(const po::variables_map& values);
  /// The option that the first argument is the value of, when it begins with no dash; empty: none. Of `run` it
  /// is the job file, whose options are added to those of the command line.
  std::string_view operand = {};
};

po::options_description calibrate_options();
po::options_description score_options();
po::options_description merge_options();
po::options_description run_options();
po::options_description submit_options();
po::options_description status_options();
po::options_description evaluate_options();
po::options_description deploy_options();
po::options_description inspect_options();
po::options_description bench_options();
po::options_description pack_options();
po::options_description draw_options();
po::options_description report_options();
po::options_description validate_options();

Result<ExitCode> calibrate_command(const po::variables_map& values);
Result<ExitCode> score_command(const po::variables_map& values);
Result<ExitCode> merge_command(const po::variables_map& values);
Result<ExitCode> run_command(const po::variables_map& values);
Result<ExitCode> submit_command(const po::variables_map& values);
Result<ExitCode> status_command(const po::variables_map& values);
Result<ExitCode> evaluate_command(const po::variables_map& values);
Result<ExitCode> deploy_command(const po::variables_map& values);
Result<ExitCode> inspect_command(const po::variables_map& values);
Result<ExitCode> bench_command(const po::variables_map& values);
Result<ExitCode> pack_command(const po::variables_map& values);
Result<ExitCode> draw_command(const po::variables_map& values);
Result<ExitCode> report_command(const po::variables_map& values);
Result<ExitCode> validate_command(const po::variables_map& values);

}  // namespace octet::cli
