// How the C functions fail.
#pragma once

#include "octet/graph/result.h"
#include "octet/jobs/stage/guarded.h"

namespace octet::c_api {

/// Keeps the error for this thread's octet_error() and octet_error_code().
void keep(const Error& error) noexcept;

/// What `body` (which returns a Result) returns; nothing of it throws, and an error is kept. `failed` then.
template <class T, class Body>
T or_else(T failed, const Body& body) noexcept {
  auto result = guarded(body);
  if (result) return *std::move(result);
  keep(result.error());
  return failed;
}

/// 0, or 1 with the error kept.
template <class Body>
int status(const Body& body) noexcept {
  const Result<void> result = guarded(body);
  if (result) return 0;
  keep(result.error());
  return 1;
}

/// Error(usage) when an argument that must be there is null.
inline Result<void> given(const void* argument, const char* name) {
  if (argument != nullptr) return {};
  return Error{ErrorCode::usage, name, "is NULL"};
}

}  // namespace octet::c_api
