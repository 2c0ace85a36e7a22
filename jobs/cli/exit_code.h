// Exit codes of the command line, as schedulers see them (sysexits.h where it has a fitting one).
#pragma once

#include "octet/graph/error.h"

namespace octet::cli {

enum ExitCode : int {
  kDone = 0,
  kUsage = 64,          ///< an option or argument is wrong
  kTooManyBad = 65,     ///< more bad images than allowed
  kInputMissing = 66,   ///< model or data not found, or nothing in it
  kInternal = 70,       ///< a defect of octet
  kCannotWrite = 73,    ///< an output cannot be created
  kIoError = 74,        ///< reading or writing failed half way
  kStopped = 75,        ///< stopped by a signal; run the same command again
  kInvalidConfig = 78,  ///< model, job file or preprocessing cannot be used
};

ExitCode exit_code(ErrorCode code) noexcept;

}  // namespace octet::cli
