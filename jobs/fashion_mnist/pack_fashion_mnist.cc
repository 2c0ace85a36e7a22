// Packs Fashion-MNIST's pictures (IDX files, unzipped) as grey JPEGs, for the quickstart: into a record file with its
// index (OUT.rec, OUT.idx), or into a folder with one sub-folder per class (OUT/<class>/NNNNN.jpg).
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <vector>

#include "octet/loader/encoder.h"
#include "octet/loader/record_io.h"

namespace {

std::vector<std::uint8_t> read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw octet::Failure({octet::ErrorCode::not_found, path, "cannot be read"});
  return {std::istreambuf_iterator<char>(file), {}};
}

std::uint32_t big_endian(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes.at(at + i);
  return value;
}

struct Pictures {
  std::vector<std::uint8_t> images, labels;
  std::size_t count = 0;
  unsigned width = 0, height = 0;

  [[nodiscard]] std::span<const std::uint8_t> jpeg(std::size_t i, octet::Encoder& encoder) const {
    const std::size_t bytes = std::size_t{width} * height;
    return encoder.encode(std::span(images).subspan(16 + i * bytes, bytes), {width, height}, octet::Color::gray)
        .value();
  }
  [[nodiscard]] unsigned label(std::size_t i) const { return labels[8 + i]; }
};

Pictures read_pictures(const char* images_path, const char* labels_path) {
  Pictures pictures{.images = read_file(images_path), .labels = read_file(labels_path)};
  pictures.count = big_endian(pictures.images, 4);
  pictures.height = big_endian(pictures.images, 8);
  pictures.width = big_endian(pictures.images, 12);
  if (big_endian(pictures.images, 0) != 0x803 ||
      pictures.images.size() != 16 + pictures.count * pictures.width * pictures.height) {
    throw octet::Failure({octet::ErrorCode::invalid_config, images_path, "is not an IDX file of grey pictures"});
  }
  if (big_endian(pictures.labels, 0) != 0x801 || pictures.labels.size() != 8 + pictures.count) {
    throw octet::Failure({octet::ErrorCode::invalid_config, labels_path, "does not hold one label per picture"});
  }
  return pictures;
}

void pack_records(const Pictures& pictures, const std::filesystem::path& out) {
  auto encoder = octet::Encoder::create({}).value();
  auto writer = octet::RecordWriter::create(out, std::filesystem::path(out).replace_extension(".idx")).value();
  for (std::size_t i = 0; i < pictures.count; ++i) {
    const float label = static_cast<float>(pictures.label(i));
    writer.append(i, {&label, 1}, pictures.jpeg(i, encoder)).value();
  }
  writer.close().value();
}

void pack_folder(const Pictures& pictures, const std::filesystem::path& out) {
  auto encoder = octet::Encoder::create({}).value();
  for (std::size_t i = 0; i < pictures.count; ++i) {
    const auto folder = out / std::to_string(pictures.label(i));
    std::filesystem::create_directories(folder);
    char name[32];
    std::snprintf(name, sizeof name, "%05zu.jpg", i);
    const auto jpeg = pictures.jpeg(i, encoder);
    std::ofstream file(folder / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(jpeg.data()), static_cast<std::streamsize>(jpeg.size()));
    if (!file.flush())
      throw octet::Failure({octet::ErrorCode::cannot_write, (folder / name).string(), "cannot be written"});
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4 && argc != 5) {
    std::cerr << "usage: pack_fashion_mnist IMAGES-IDX LABELS-IDX OUT.rec|OUT-FOLDER [COUNT]\n";
    return 64;
  }
  Pictures pictures = read_pictures(argv[1], argv[2]);
  if (argc == 5) pictures.count = std::min<std::size_t>(pictures.count, std::stoul(argv[4]));
  const std::filesystem::path out = argv[3];
  if (out.extension() == ".rec") {
    pack_records(pictures, out);
  } else {
    pack_folder(pictures, out);
  }
  std::cout << pictures.count << " pictures of " << pictures.width << "x" << pictures.height << " packed\n";
} catch (const std::exception& error) {
  std::cerr << "pack_fashion_mnist: " << error.what() << '\n';
  return 1;
}
