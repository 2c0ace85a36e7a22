#include "octet/jobs/cli/exit_code.h"

namespace octet::cli {

ExitCode exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::usage: return kUsage;
    case ErrorCode::not_found: return kInputMissing;
    case ErrorCode::cannot_write: return kCannotWrite;
    case ErrorCode::io:
    case ErrorCode::bad_record: return kIoError;
    case ErrorCode::bad_image: return kTooManyBad;
    case ErrorCode::invalid_model:
    case ErrorCode::invalid_config:
    case ErrorCode::limit:  // of a model or description: a picture's is bad_image where it ends a job
    case ErrorCode::unsupported: return kInvalidConfig;
    case ErrorCode::cancelled: return kStopped;
    case ErrorCode::internal: return kInternal;
  }
  return kInternal;
}

}  // namespace octet::cli
