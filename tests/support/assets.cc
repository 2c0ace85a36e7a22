#include "support/assets.h"

#include <cstdlib>

namespace octet::test {

std::filesystem::path assets() {
  const char* set = std::getenv("OCTET_ASSETS");  // NOLINT(concurrency-mt-unsafe): tests do not change the environment
  const std::filesystem::path folder = set != nullptr ? set : OCTET_SOURCE_DIR "/../shared/assets";
  return std::filesystem::is_directory(folder) ? folder : std::filesystem::path();
}

}  // namespace octet::test
