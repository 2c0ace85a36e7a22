#include "loader/make_image.h"

#include <algorithm>
#include <cmath>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>
#include <cstring>
#include <random>

#include <jpeglib.h>
#include <png.h>

#include "support/npy.h"

namespace octet::test {
namespace {

void write_pixels(jpeg_compress_struct& cinfo, const Picture& picture) {
  const auto stride = static_cast<std::size_t>(picture.size.width * picture.channels);
  while (cinfo.next_scanline < cinfo.image_height) {
    auto* row = const_cast<JSAMPLE*>(picture.pixels.data() + cinfo.next_scanline * stride);
    jpeg_write_scanlines(&cinfo, &row, 1);
  }
}

void set_colour(jpeg_compress_struct& cinfo, const JpegSpec& spec) {
  if (spec.colour == 1) jpeg_set_colorspace(&cinfo, JCS_RGB);
  if (spec.colour == 2) jpeg_set_colorspace(&cinfo, JCS_YCCK);
  for (int i = 0; i < cinfo.num_components; ++i) {
    const bool luma = i == 0 || i == 3;
    cinfo.comp_info[i].h_samp_factor = luma ? spec.luma_h : spec.chroma_h;
    cinfo.comp_info[i].v_samp_factor = luma ? spec.luma_v : spec.chroma_v;
  }
  if (!spec.adobe) cinfo.write_Adobe_marker = FALSE;
}

}  // namespace

Picture make_picture(Size size, int channels, std::uint32_t seed) {
  Picture picture{size, channels, ByteVector(static_cast<std::size_t>(size.width * size.height * channels))};
  std::mt19937 random(seed);
  auto* dst = picture.pixels.data();
  for (std::int64_t y = 0; y < size.height; ++y) {
    for (std::int64_t x = 0; x < size.width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const double fx = static_cast<double>(x) * (0.21 + 0.1 * c);
        const double fy = static_cast<double>(y) * (0.13 + 0.05 * c);
        const double noise = static_cast<double>(random() % 31) - 15;
        const double value = 128 + 60 * std::sin(fx) + 50 * std::cos(fy + 0.07 * fx) + noise;
        *dst++ = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
      }
    }
  }
  return picture;
}

ByteVector make_jpeg(const Picture& picture, const JpegSpec& spec) {
  jpeg_compress_struct cinfo{};
  jpeg_error_mgr error{};
  cinfo.err = jpeg_std_error(&error);  // exits on an error: a defect of the test
  jpeg_create_compress(&cinfo);
  unsigned char* buffer = nullptr;
  unsigned long bytes = 0;
  jpeg_mem_dest(&cinfo, &buffer, &bytes);
  cinfo.image_width = static_cast<JDIMENSION>(picture.size.width);
  cinfo.image_height = static_cast<JDIMENSION>(picture.size.height);
  cinfo.input_components = picture.channels;
  cinfo.in_color_space = picture.channels == 1 ? JCS_GRAYSCALE : picture.channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&cinfo);
  jpeg_set_quality(&cinfo, spec.quality, TRUE);
  set_colour(cinfo, spec);
  cinfo.restart_in_rows = spec.restart_rows;
  cinfo.arith_code = spec.arithmetic ? TRUE : FALSE;
  std::vector<jpeg_scan_info> scans;
  if (spec.progressive) jpeg_simple_progression(&cinfo);
  if (spec.separate_scans) {
    for (int i = 0; i < cinfo.num_components; ++i) scans.push_back({1, {i, 0, 0, 0}, 0, 63, 0, 0});
  }
  if (spec.single_scans > 0) {
    scans.push_back({3, {0, 1, 2, 0}, 0, 0, 0, 0});
    for (int i = 0; i < 3; ++i) {
      for (int k = 1; k <= spec.single_scans; ++k) scans.push_back({1, {i, 0, 0, 0}, k, k, 0, 0});
    }
  }
  if (!scans.empty()) {
    cinfo.scan_info = scans.data();
    cinfo.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&cinfo, TRUE);
  write_pixels(cinfo, picture);
  jpeg_finish_compress(&cinfo);
  ByteVector jpeg(buffer, buffer + bytes);
  jpeg_destroy_compress(&cinfo);
  std::free(buffer);
  return jpeg;
}

ByteVector make_png(const Picture& picture, const PngSpec& spec) {
  ByteVector png;
  png_structp write = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(write);
  const auto append = [](png_structp self, png_bytep data, std::size_t count) {
    auto* out = static_cast<ByteVector*>(png_get_io_ptr(self));
    out->insert(out->end(), data, data + count);
  };
  png_set_write_fn(write, &png, append, [](png_structp) {});
  const int type =
      (picture.channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY) | (spec.alpha ? PNG_COLOR_MASK_ALPHA : 0);
  const auto width = static_cast<std::size_t>(picture.size.width);
  const auto height = static_cast<std::size_t>(picture.size.height);
  png_set_IHDR(write, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), spec.bit_depth, type,
               spec.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(write, info);
  std::vector<ByteVector> rows(height);
  std::vector<png_bytep> pointers;
  std::mt19937 random(7);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint8_t* pixel = picture.at(static_cast<std::int64_t>(x), static_cast<std::int64_t>(y));
      for (int c = 0; c < picture.channels + (spec.alpha ? 1 : 0); ++c) {
        const auto value = c < picture.channels ? pixel[c] : static_cast<std::uint8_t>(random());
        rows[y].push_back(spec.bit_depth < 8 ? static_cast<std::uint8_t>(value >> (8 - spec.bit_depth)) : value);
        if (spec.bit_depth == 16) rows[y].push_back(static_cast<std::uint8_t>(random()));
      }
    }
    pointers.push_back(rows[y].data());
  }
  if (spec.bit_depth < 8) png_set_packing(write);
  png_write_image(write, pointers.data());
  png_write_end(write, info);
  png_destroy_write_struct(&write, &info);
  return png;
}

Picture decode_whole(const ByteVector& jpeg, int channels, const JpegReading& reading) {
  jpeg_decompress_struct cinfo{};
  jpeg_error_mgr error{};
  cinfo.err = jpeg_std_error(&error);
  jpeg_create_decompress(&cinfo);
  jpeg_mem_src(&cinfo, jpeg.data(), static_cast<unsigned long>(jpeg.size()));
  jpeg_read_header(&cinfo, TRUE);
  cinfo.out_color_space = channels == 3 ? JCS_EXT_RGB : channels == 1 ? JCS_GRAYSCALE : JCS_CMYK;
  cinfo.do_fancy_upsampling = reading.fancy ? TRUE : FALSE;
  cinfo.scale_denom = reading.scale_denominator;
  jpeg_start_decompress(&cinfo);
  Picture picture{{cinfo.output_width, cinfo.output_height}, channels, {}};
  const std::size_t stride = std::size_t{cinfo.output_width} * static_cast<std::size_t>(channels);
  picture.pixels.resize(stride * cinfo.output_height);
  while (cinfo.output_scanline < cinfo.output_height) {
    JSAMPROW row = picture.pixels.data() + cinfo.output_scanline * stride;
    jpeg_read_scanlines(&cinfo, &row, 1);
  }
  jpeg_finish_decompress(&cinfo);
  jpeg_destroy_decompress(&cinfo);
  return picture;
}

std::vector<ByteVector> record_images(const std::filesystem::path& path, std::size_t count) {
  std::vector<ByteVector> images;
  const auto file = read_file(path);
  if (!file) return images;
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, file->data() + at, sizeof value);
    return value;
  };
  constexpr std::size_t header = 8 + 24;  // magic and length; flag, label, two ids
  for (std::size_t at = 0; at + header <= file->size() && images.size() < count;) {
    const std::size_t length = word(at + 4) & 0x1FFFFFFF;
    const std::size_t skip = header + 4 * std::size_t{word(at + 8)};  // further labels
    if (word(at) != 0xCED7230A || at + 8 + length > file->size() || skip > 8 + length) break;
    const auto* begin = file->data() + at;
    images.emplace_back(begin + skip, begin + 8 + length);
    at += 8 + (length + 3) / 4 * 4;
  }
  return images;
}

}  // namespace octet::test
