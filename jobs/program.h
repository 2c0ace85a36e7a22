// Other programs that jobs run: Graphviz, Slurm's commands.
#pragma once

#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view

#include "octet/graph/result.h"

namespace octet {

struct ProgramResult {
  int exit_code = 0;  ///< 128 + N when signal N ended it
  std::string output, messages;
};

/// Runs a program (found in PATH) with these arguments, the first of which is its name, on `input`,
/// and returns what it wrote on standard output and standard error. Error(not_found) when it is not
/// installed, Error(internal) when it cannot be started. Blocks; thread-safe.
Result<ProgramResult> run_program(std::span<const std::string> arguments, std::string_view input = {});

}  // namespace octet
