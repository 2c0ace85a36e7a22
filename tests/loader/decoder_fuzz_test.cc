// Cut and flipped files: always an answer, never a crash; sanitizer builds see every stray read.
#include <gtest/gtest.h>
#include <algorithm>
#include <ctime>
#include <memory>
#include <random>
#include <string>

#include "loader/make_image.h"
#include "octet/loader/decoder.h"

namespace octet::test {
namespace {

/// Decodes under several requests. Bytes lie in a block of their exact size.
class Prober {
 public:
  explicit Prober(bool tolerant, Decoding decoding = Decoding::exact) : decoder_(options(tolerant, decoding)) {
    for (const Color color : {Color::rgb, Color::gray}) {
      Preprocess p;
      p.color = color;
      p.channels = color == Color::gray ? 1 : 3;
      p.width = p.height = 24;
      p.resize_short = 28;
      requests_.push_back(p);
      p.resize_short = 0;
      requests_.push_back(p);
      p.resize = ResizeMode::warp;
      p.interpolation = Interpolation::area;
      requests_.push_back(p);
      p.width = p.height = 8;  // fast decoding scales the picture down itself
      requests_.push_back(p);
    }
  }

  /// The pictures of the requests; an empty one where the file was refused.
  std::vector<ByteVector> probe(const ByteVector& file) {
    const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[file.size()]);
    std::copy(file.begin(), file.end(), bytes.get());
    std::vector<ByteVector> pictures;
    for (const Preprocess& p : requests_) {
      ByteVector slot(slot_bytes(p, border_), 1);
      const auto info = decoder_.decode({bytes.get(), file.size()}, p, border_, slot);
      if (!info && info.error().code == ErrorCode::internal) ADD_FAILURE() << to_string(info.error());
      EXPECT_EQ(slot.front(), 5) << "the border is painted in any case";
      pictures.push_back(info ? std::move(slot) : ByteVector());
    }
    return pictures;
  }

 private:
  static DecoderOptions options(bool tolerant, Decoding decoding) {
    DecoderOptions options;
    options.decoding = decoding;
    options.tolerate = tolerant ? Tolerance::warnings : Tolerance::none;
    options.max_pixels = 1'000'000;
    return options;
  }

  Decoder decoder_;
  std::vector<Preprocess> requests_;
  Border border_{1, 1, 1, 1, {5, 5, 5}};
};

std::vector<ByteVector> jpegs() {
  std::vector<ByteVector> files;
  const Picture picture = make_picture({33, 27}, 3);
  JpegSpec spec;
  spec.quality = 30;
  files.push_back(make_jpeg(picture, spec));
  spec.restart_rows = 1;
  files.push_back(make_jpeg(picture, spec));
  spec.restart_rows = 0;
  spec.progressive = true;
  files.push_back(make_jpeg(picture, spec));
  spec.progressive = false;
  spec.separate_scans = true;
  files.push_back(make_jpeg(picture, spec));
  spec.separate_scans = false;
  spec.arithmetic = true;
  files.push_back(make_jpeg(picture, spec));
  spec.progressive = true;
  files.push_back(make_jpeg(picture, spec));
  JpegSpec cmyk;
  cmyk.quality = 30;
  files.push_back(make_jpeg(make_picture({33, 27}, 4), cmyk));
  files.push_back(make_jpeg(make_picture({33, 27}, 1), cmyk));
  return files;
}

std::vector<ByteVector> pngs() {
  const Picture picture = make_picture({17, 13}, 3);
  return {make_png(picture), make_png(picture, {16, true, true}),
          make_png(make_picture({17, 13}, 1), {2, false, true})};
}

bool refused(const ByteVector& picture) { return picture.empty(); }

ByteVector head(const ByteVector& file, std::size_t length) {
  return {file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length)};
}

/// Where the first scan's header begins, and the last one's.
std::pair<std::size_t, std::size_t> scans(const ByteVector& jpeg) {
  constexpr std::uint8_t marker[] = {0xFF, 0xDA};
  const auto first = std::search(jpeg.begin(), jpeg.end(), marker, marker + 2);
  const auto last = std::find_end(jpeg.begin(), jpeg.end(), marker, marker + 2);
  return {first - jpeg.begin(), last - jpeg.begin()};
}

void expect_refused_or_whole(Decoding decoding) {
  Prober strict(false, decoding);
  for (const ByteVector& jpeg : jpegs()) {
    const auto whole = strict.probe(jpeg);
    ASSERT_TRUE(std::none_of(whole.begin(), whole.end(), refused));
    for (std::size_t length = 0; length < jpeg.size(); ++length) {
      const auto pictures = strict.probe(head(jpeg, length));
      for (std::size_t i = 0; i < pictures.size(); ++i) {
        ASSERT_TRUE(refused(pictures[i]) || pictures[i] == whole[i]) << length << " bytes, request " << i;
      }
    }
  }
}

TEST(DecoderFuzz, ATruncatedJpegIsRefusedOrWholeWhereItIsUsed) { expect_refused_or_whole(Decoding::exact); }
TEST(DecoderFuzz, FastDecodingRefusesOrGivesTheWholeToo) { expect_refused_or_whole(Decoding::fast); }

TEST(DecoderFuzz, ATruncatedJpegIsTakenWhenAskedOnceItsHeaderIsThere) {
  Prober tolerant(true);
  for (const ByteVector& jpeg : jpegs()) {
    const auto [first, last] = scans(jpeg);
    for (std::size_t length = 0; length < jpeg.size(); ++length) {
      const auto pictures = tolerant.probe(head(jpeg, length));
      if (length <= first) {
        ASSERT_TRUE(std::all_of(pictures.begin(), pictures.end(), refused)) << length;
      }
      if (length >= last + 20) {  // a cut inside the header of a later scan is an error
        ASSERT_TRUE(std::none_of(pictures.begin(), pictures.end(), refused)) << length;
      }
    }
  }
}

TEST(DecoderFuzz, ATruncatedPngIsAlwaysRefused) {
  for (const bool tolerant : {false, true}) {
    Prober prober(tolerant);
    for (const ByteVector& png : pngs()) {
      const auto whole = prober.probe(png);
      ASSERT_TRUE(std::none_of(whole.begin(), whole.end(), refused));
      for (std::size_t length = 0; length < png.size(); ++length) {
        const auto pictures = prober.probe(head(png, length));
        ASSERT_TRUE(std::all_of(pictures.begin(), pictures.end(), refused)) << length;
      }
    }
  }
}

/// Flips one to four bytes, `count` times over the files; the slowest picture's seconds of processor time.
double flip(const std::vector<ByteVector>& files, int count, std::uint32_t seed) {
  Prober strict(false);
  Prober tolerant(true);
  std::mt19937 random(seed);
  double slowest = 0;
  for (int i = 0; i < count; ++i) {
    ByteVector file = files[static_cast<std::size_t>(i) % files.size()];
    for (std::uint32_t flips = 1 + random() % 4; flips > 0; --flips) {
      file[random() % file.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
    }
    const std::clock_t start = std::clock();
    (i % 2 == 0 ? strict : tolerant).probe(file);
    slowest = std::max(slowest, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return slowest;
}

TEST(DecoderFuzz, FlippedJpegs) {
  // Only a hang takes so long: a picture here takes well under a millisecond.
  EXPECT_LT(flip(jpegs(), 3000, 20), 20.0);
}

TEST(DecoderFuzz, FlippedPngs) { EXPECT_LT(flip(pngs(), 600, 21), 20.0); }

}  // namespace
}  // namespace octet::test
