// SHA-256 in lower-case hex.
#pragma once

#include <cstddef>  // std::byte
#include <span>     // std::span
#include <string>   // std::string

#include "octet/graph/model.h"  // file_digest

namespace octet {

/// Of bytes in memory; an empty string should the library have no SHA-256. See also file_digest.
std::string digest(std::span<const std::byte> bytes);

}  // namespace octet
