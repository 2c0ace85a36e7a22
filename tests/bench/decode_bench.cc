// Images per second of one core: plain libjpeg, the decoder, and the resize alone. On the labelled
// photographs of $OCTET_ASSETS (or ../shared/assets); those that need them are skipped without.
#include <benchmark/benchmark.h>
#include <cmath>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <jpeglib.h>

#include "octet/loader/decoder.h"
#include "octet/loader/resize.h"
#include "octet/loader/source.h"

namespace {

using octet::Preprocess;
using octet::Size;
using octet::Window;
using Bytes = std::vector<std::uint8_t>;

std::vector<Bytes> load(const std::string& name) {
  const char* set = std::getenv("OCTET_ASSETS");  // NOLINT(concurrency-mt-unsafe): before any thread starts
  const std::filesystem::path folder = set != nullptr ? set : OCTET_SOURCE_DIR "/../shared/assets";
  std::vector<Bytes> images;
  auto source = octet::Source::open({.data = folder / name});
  if (!source) return images;
  Bytes buffer;
  for (auto entry = (*source)->next(); entry && *entry; entry = (*source)->next()) {
    if (!(*entry)->image) continue;
    const auto bytes = (*entry)->image->read(buffer);
    if (bytes) images.emplace_back(bytes->begin(), bytes->end());
  }
  return images;
}

/// Decodes all of a JPEG to RGB with libjpeg's defaults; `pixels` is reused.
Size decode_whole(const Bytes& jpeg, Bytes& pixels) {
  jpeg_decompress_struct cinfo{};
  jpeg_error_mgr error{};
  cinfo.err = jpeg_std_error(&error);
  jpeg_create_decompress(&cinfo);
  jpeg_mem_src(&cinfo, jpeg.data(), jpeg.size());
  jpeg_read_header(&cinfo, TRUE);
  cinfo.out_color_space = JCS_EXT_RGB;
  jpeg_start_decompress(&cinfo);
  const Size size{cinfo.output_width, cinfo.output_height};
  const std::size_t stride = std::size_t{cinfo.output_width} * 3;
  pixels.resize(stride * cinfo.output_height + octet::kRowPadding);
  while (cinfo.output_scanline < cinfo.output_height) {
    JSAMPROW row = pixels.data() + stride * cinfo.output_scanline;
    jpeg_read_scanlines(&cinfo, &row, 1);
  }
  jpeg_finish_decompress(&cinfo);
  jpeg_destroy_decompress(&cinfo);
  return size;
}

const std::vector<Bytes>& originals() {
  static const std::vector<Bytes> images = load("images/imagenet300/labels.lst");
  return images;
}

const std::vector<Bytes>& stored256() {
  static const std::vector<Bytes> images = load("rec/imagenet300_256_q95.rec");
  return images;
}

bool absent(benchmark::State& state, const std::vector<Bytes>& images) {
  if (images.empty()) state.SkipWithError("test assets are absent: set OCTET_ASSETS");
  return images.empty();
}

void whole_decode(benchmark::State& state, const std::vector<Bytes>& images) {
  if (absent(state, images)) return;
  Bytes pixels;
  for ([[maybe_unused]] auto _ : state) {
    for (const Bytes& image : images) {
      decode_whole(image, pixels);
      benchmark::DoNotOptimize(pixels.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(images.size()));
}

Preprocess crop(std::int64_t side, std::int64_t resize_short) {
  Preprocess p;
  p.width = p.height = side;
  p.resize_short = resize_short;
  return p;
}

void decoder(benchmark::State& state, const std::vector<Bytes>& images, const Preprocess& preprocess) {
  if (absent(state, images)) return;
  octet::Decoder decoder;
  Bytes slot(octet::slot_bytes(preprocess, {}));
  for ([[maybe_unused]] auto _ : state) {
    for (const Bytes& image : images) {
      if (!decoder.decode(image, preprocess, {}, slot)) return state.SkipWithError("an image cannot be decoded");
      benchmark::DoNotOptimize(slot.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(images.size()));
}

constexpr std::size_t kRowBytes = 672;  // 224 pixels

/// Resize and crop of a picture that is decoded already: shorter side `resize_short`, crop 224.
void resize(benchmark::State& state, Size src, std::int64_t resize_short, octet::Interpolation method) {
  const Bytes pixels(static_cast<std::size_t>(src.width * src.height * 3) + octet::kRowPadding, 77);
  Bytes slot(kRowBytes * 224);
  const Preprocess preprocess = crop(224, resize_short);
  octet::Resizer resizer;
  for ([[maybe_unused]] auto _ : state) {
    const auto geometry = octet::plan_geometry(src, preprocess);
    resizer.start(method, src, geometry->steps[0], geometry->crop, 3);
    const Window from = resizer.source();
    std::uint8_t* dst = slot.data();
    for (std::int64_t y = from.y; y < from.y + from.height; ++y) {
      resizer.push(pixels.data() + (y * src.width + from.x) * 3);
      for (; resizer.ready(); dst += kRowBytes) resizer.emit(dst);
    }
    benchmark::DoNotOptimize(slot.data());
  }
  state.SetItemsProcessed(state.iterations());
}

void WholeDecodeOriginals(benchmark::State& state) { whole_decode(state, originals()); }
void DecoderOriginals(benchmark::State& state) { decoder(state, originals(), crop(224, 256)); }
void WholeDecodeStored256(benchmark::State& state) { whole_decode(state, stored256()); }
void DecoderStored256(benchmark::State& state) { decoder(state, stored256(), crop(224, 0)); }
void DecoderStored256To299(benchmark::State& state) { decoder(state, stored256(), crop(299, 0)); }
void Resize500x375(benchmark::State& state) { resize(state, {500, 375}, 256, octet::Interpolation::bilinear); }
void Resize1600x1200(benchmark::State& state) { resize(state, {1600, 1200}, 256, octet::Interpolation::bilinear); }
void ResizeArea500x375(benchmark::State& state) { resize(state, {500, 375}, 256, octet::Interpolation::area); }
void ResizeCubic500x375(benchmark::State& state) { resize(state, {500, 375}, 256, octet::Interpolation::cubic); }

BENCHMARK(WholeDecodeOriginals)->Unit(benchmark::kMillisecond);
BENCHMARK(DecoderOriginals)->Unit(benchmark::kMillisecond);
BENCHMARK(WholeDecodeStored256)->Unit(benchmark::kMillisecond);
BENCHMARK(DecoderStored256)->Unit(benchmark::kMillisecond);
BENCHMARK(DecoderStored256To299)->Unit(benchmark::kMillisecond);
BENCHMARK(Resize500x375)->Unit(benchmark::kMicrosecond);
BENCHMARK(Resize1600x1200)->Unit(benchmark::kMicrosecond);
BENCHMARK(ResizeArea500x375)->Unit(benchmark::kMicrosecond);
BENCHMARK(ResizeCubic500x375)->Unit(benchmark::kMicrosecond);

}  // namespace
