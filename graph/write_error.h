// The error of a failed system call on a file that is written.
#pragma once

#include <filesystem>  // std::filesystem::path

#include "octet/graph/error.h"

namespace octet {

/// `number` is errno, `what` what could not be done ("cannot create"). cannot_write for what a person can do something
/// about (rights, space, a name in the way), io for the rest.
Error write_error(int number, const std::filesystem::path& path, const char* what);

}  // namespace octet
