// Resize and crop of a picture that is decoded already: shorter side to 256, crop of 224, on one core.
#include <benchmark/benchmark.h>
#include <cstdint>
#include <vector>

#include "octet/loader/resize.h"

namespace {

using octet::Interpolation;
using octet::Size;

constexpr std::size_t kRowBytes = 672;  // 224 pixels

void resize(benchmark::State& state, Size src, Interpolation method) {
  const std::vector<std::uint8_t> pixels(static_cast<std::size_t>(src.width * src.height * 3) + octet::kRowPadding, 77);
  std::vector<std::uint8_t> slot(kRowBytes * 224);
  octet::Preprocess preprocess;
  preprocess.width = preprocess.height = 224;
  preprocess.resize_short = 256;
  octet::Resizer resizer;
  for ([[maybe_unused]] auto _ : state) {
    const auto geometry = octet::plan_geometry(src, preprocess);
    resizer.start(method, src, geometry->steps[0], geometry->crop, 3);
    const octet::Window from = resizer.source();
    std::uint8_t* dst = slot.data();
    for (std::int64_t y = from.y; y < from.y + from.height; ++y) {
      resizer.push(pixels.data() + (y * src.width + from.x) * 3);
      for (; resizer.ready(); dst += kRowBytes) resizer.emit(dst);
    }
    benchmark::DoNotOptimize(slot.data());
  }
  state.SetItemsProcessed(state.iterations());
}

void Nearest500x375(benchmark::State& state) { resize(state, {500, 375}, Interpolation::nearest); }
void Bilinear500x375(benchmark::State& state) { resize(state, {500, 375}, Interpolation::bilinear); }
void Bilinear1600x1200(benchmark::State& state) { resize(state, {1600, 1200}, Interpolation::bilinear); }
void BilinearUp200x150(benchmark::State& state) { resize(state, {200, 150}, Interpolation::bilinear); }
void Area500x375(benchmark::State& state) { resize(state, {500, 375}, Interpolation::area); }
void Cubic500x375(benchmark::State& state) { resize(state, {500, 375}, Interpolation::cubic); }
void Lanczos500x375(benchmark::State& state) { resize(state, {500, 375}, Interpolation::lanczos4); }

BENCHMARK(Nearest500x375)->Unit(benchmark::kMicrosecond);
BENCHMARK(Bilinear500x375)->Unit(benchmark::kMicrosecond);
BENCHMARK(Bilinear1600x1200)->Unit(benchmark::kMicrosecond);
BENCHMARK(BilinearUp200x150)->Unit(benchmark::kMicrosecond);
BENCHMARK(Area500x375)->Unit(benchmark::kMicrosecond);
BENCHMARK(Cubic500x375)->Unit(benchmark::kMicrosecond);
BENCHMARK(Lanczos500x375)->Unit(benchmark::kMicrosecond);

}  // namespace
