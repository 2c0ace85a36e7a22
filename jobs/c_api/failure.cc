#include "octet/jobs/c_api/failure.h"

#include <string>  // std::string

#include "octet/graph/version.h"
#include "octet/jobs/c_api/octet_c.h"

namespace octet::c_api {
namespace {

struct LastFailure {
  std::string text, code;
};

LastFailure& last() noexcept {
  thread_local LastFailure failure;
  return failure;
}

}  // namespace

void keep(const Error& error) noexcept {
  try {
    last() = {to_string(error), std::string(to_string(error.code))};
  } catch (...) {
    last().text.clear();
    last().code = "limit";  // short enough for every string
  }
}

}  // namespace octet::c_api

const char* octet_version(void) { return octet::kVersion.data(); }
const char* octet_error(void) { return octet::c_api::last().text.c_str(); }
const char* octet_error_code(void) { return octet::c_api::last().code.c_str(); }
