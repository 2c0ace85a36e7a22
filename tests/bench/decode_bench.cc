// Images per second of one core: plain libjpeg and the decoder. On the labelled photographs of
// $OCTET_ASSETS (or ../shared/assets); without them all is skipped.
#include <benchmark/benchmark.h>
#include <algorithm>
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

/// The limit of the decoder: libjpeg and the resize in a bare loop over the same rows and columns, with
/// the same DCT and upsampling, one decompressor for all pictures; no limits, no damage found, no border.
class BareLoop {
 public:
  BareLoop() {
    cinfo_.err = jpeg_std_error(&error_);
    jpeg_create_decompress(&cinfo_);
  }
  ~BareLoop() { jpeg_destroy_decompress(&cinfo_); }
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  void decode(const Bytes& jpeg, const Preprocess& preprocess, std::uint8_t* dst) {
    jpeg_mem_src(&cinfo_, jpeg.data(), jpeg.size());
    jpeg_read_header(&cinfo_, TRUE);
    cinfo_.out_color_space = JCS_EXT_RGB;
    const Size stored{cinfo_.image_width, cinfo_.image_height};
    const auto geometry = octet::plan_geometry(stored, preprocess);
    const bool resized = geometry->count > 0;
    Window window = geometry->crop;
    if (resized) {
      resizer_.start(preprocess.interpolation, stored, geometry->steps[0], geometry->crop, 3);
      window = resizer_.source();
    }
    start(window);
    const std::size_t row_bytes = static_cast<std::size_t>(preprocess.width) * 3;
    JSAMPROW row = row_.data();
    for (std::int64_t y = 0; y < window.height; ++y) {
      jpeg_read_scanlines(&cinfo_, &row, 1);
      if (!resized) {
        std::memcpy(dst, row_.data() + skip_, row_bytes);
        dst += row_bytes;
        continue;
      }
      resizer_.push(row_.data() + skip_);
      for (; resizer_.ready(); dst += row_bytes) resizer_.emit(dst);
    }
    jpeg_abort_decompress(&cinfo_);
  }

 private:
  /// Up to the first row of the window. Upsampling needs its neighbours, so a few pixels more are decoded.
  void start(const Window& window) {
    constexpr std::int64_t margin = 4;
    const std::int64_t left = std::max<std::int64_t>(window.x - margin, 0);
    const std::int64_t right = std::min<std::int64_t>(window.x + window.width + margin, cinfo_.image_width);
    auto x = static_cast<JDIMENSION>(left);
    auto width = static_cast<JDIMENSION>(right - left);
    jpeg_start_decompress(&cinfo_);
    jpeg_crop_scanline(&cinfo_, &x, &width);
    skip_ = (static_cast<std::size_t>(window.x) - x) * 3;
    row_.resize(std::size_t{width} * 3 + octet::kRowPadding);
    if (window.y > margin) jpeg_skip_scanlines(&cinfo_, static_cast<JDIMENSION>(window.y - margin));
    JSAMPROW row = row_.data();
    while (cinfo_.output_scanline < window.y) jpeg_read_scanlines(&cinfo_, &row, 1);
  }

  jpeg_decompress_struct cinfo_{};
  jpeg_error_mgr error_{};
  octet::Resizer resizer_;
  Bytes row_;
  std::size_t skip_ = 0;
};

void bare_loop(benchmark::State& state, const std::vector<Bytes>& images, const Preprocess& preprocess) {
  if (absent(state, images)) return;
  BareLoop loop;
  Bytes slot(octet::slot_bytes(preprocess, {}));
  for ([[maybe_unused]] auto _ : state) {
    for (const Bytes& image : images) {
      loop.decode(image, preprocess, slot.data());
      benchmark::DoNotOptimize(slot.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(images.size()));
}

void WholeDecodeOriginals(benchmark::State& state) { whole_decode(state, originals()); }
void DecoderOriginals(benchmark::State& state) { decoder(state, originals(), crop(224, 256)); }
void BareLoopOriginals(benchmark::State& state) { bare_loop(state, originals(), crop(224, 256)); }
void WholeDecodeStored256(benchmark::State& state) { whole_decode(state, stored256()); }
void DecoderStored256(benchmark::State& state) { decoder(state, stored256(), crop(224, 256)); }
void BareLoopStored256(benchmark::State& state) { bare_loop(state, stored256(), crop(224, 256)); }
void DecoderStored256To299(benchmark::State& state) { decoder(state, stored256(), crop(299, 0)); }

BENCHMARK(WholeDecodeOriginals)->Unit(benchmark::kMillisecond);
BENCHMARK(DecoderOriginals)->Unit(benchmark::kMillisecond);
BENCHMARK(BareLoopOriginals)->Unit(benchmark::kMillisecond);
BENCHMARK(WholeDecodeStored256)->Unit(benchmark::kMillisecond);
BENCHMARK(DecoderStored256)->Unit(benchmark::kMillisecond);
BENCHMARK(BareLoopStored256)->Unit(benchmark::kMillisecond);
BENCHMARK(DecoderStored256To299)->Unit(benchmark::kMillisecond);

}  // namespace
