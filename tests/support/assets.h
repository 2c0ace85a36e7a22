// Where the optional test assets are: $OCTET_ASSETS, or ../shared/assets beside the project.
#pragma once

#include <gtest/gtest.h>
#include <filesystem>  // std::filesystem::path

namespace octet::test {

/// The assets folder; an empty path when there is none.
std::filesystem::path assets();

}  // namespace octet::test

/// Skips the running test, saying so plainly, when the assets are absent.
#define OCTET_REQUIRE_ASSETS() \
  if (octet::test::assets().empty()) GTEST_SKIP() << "test assets are absent: set OCTET_ASSETS to run this test"
