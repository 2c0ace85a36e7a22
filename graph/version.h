// The version of octet; CMakeLists.txt reads it from here.
#pragma once

#include <string_view>  // std::string_view

namespace octet {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace octet
