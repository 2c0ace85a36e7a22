// What went wrong, where, in words: the one error type of all layers.
#pragma once

#include <cstdint>      // std::uint8_t
#include <stdexcept>    // std::runtime_error
#include <string>       // std::string
#include <string_view>  // std::string_view

namespace octet {

/// The kinds of failure that callers tell apart. The command line maps them to exit codes.
enum class ErrorCode : std::uint8_t {
  usage,           ///< an option or argument is wrong
  not_found,       ///< an input does not exist or holds nothing to work on
  cannot_write,    ///< an output cannot be created or written
  io,              ///< reading or writing failed half way
  invalid_model,   ///< symbol, parameters or their combination cannot be used
  invalid_config,  ///< a job file, preprocessing description or option set contradicts itself
  bad_record,      ///< a damaged place in a record file, list or index
  bad_image,       ///< one image cannot be decoded
  limit,           ///< a size passes a stated limit
  unsupported,     ///< valid input that this version does not handle
  cancelled,       ///< stopped from outside
  internal,        ///< a defect of octet itself
};

/// The stable lower-case name of a code, for example "bad_image": what output records carry.
std::string_view to_string(ErrorCode code) noexcept;

/// One failure. A plain value: copy, store and compare it freely.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string where;    ///< file, file:offset, file:line, or node; may be empty
  std::string message;  ///< one sentence, lower case, no full stop
};

/// "where: message", or just the message when `where` is empty.
std::string to_string(const Error& error);

/// Thrown by `Result::value()` alone: for callers who prefer exceptions at the outermost level.
class Failure : public std::runtime_error {
 public:
  explicit Failure(Error error);
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

}  // namespace octet
