#include "octet/graph/error.h"

namespace octet {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::usage: return "usage";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::cannot_write: return "cannot_write";
    case ErrorCode::io: return "io";
    case ErrorCode::invalid_model: return "invalid_model";
    case ErrorCode::invalid_config: return "invalid_config";
    case ErrorCode::bad_record: return "bad_record";
    case ErrorCode::bad_image: return "bad_image";
    case ErrorCode::limit: return "limit";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

std::string to_string(const Error& error) {
  return error.where.empty() ? error.message : error.where + ": " + error.message;
}

Failure::Failure(Error error) : std::runtime_error(to_string(error)), error_(std::move(error)) {}

}  // namespace octet
