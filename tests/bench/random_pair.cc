// An INT8 pair with random weights, for measuring the command line where no trained network is at hand. Its scores mean
// nothing. random_pair SYMBOL PREFIX
#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "octet/calibrator/calibrate.h"

namespace octet {
namespace {

constexpr std::int64_t kRandomPictures = 8;

Result<void> write_random_pair(const char* symbol, const char* prefix) {
  LoadOptions load;
  load.random_weights = 0;
  OCTET_TRY(const Model model, load_model(symbol, load));
  std::int64_t left = kRandomPictures;
  std::uint32_t state = 1;
  const auto pictures = [&](std::span<std::uint8_t> slots, std::int64_t count) -> Result<std::int64_t> {
    const std::int64_t given = std::min(count, left);
    left -= given;
    for (std::uint8_t& pixel : slots) {
      state = state * 1664525U + 1013904223U;
      pixel = static_cast<std::uint8_t>(state >> 24U);
    }
    return given;
  };
  CalibrationOptions options;
  options.mode = CalibrationMode::naive;
  OCTET_TRY(const CalibratedModel calibrated, calibrate(model, options, pictures));
  return save_model(calibrated.model, prefix);
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("random_pair SYMBOL PREFIX\n", stderr);
    return 64;
  }
  const auto written = octet::write_random_pair(argv[1], argv[2]);
  if (!written) std::fprintf(stderr, "random_pair: %s\n", octet::to_string(written.error()).c_str());
  return written ? 0 : 1;
}
