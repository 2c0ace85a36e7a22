// A small network and small pictures for the tests of jobs.
#pragma once

#include <cstdint>     // std::uint8_t
#include <filesystem>  // std::filesystem::path
#include <memory>      // std::shared_ptr
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/jobs/score_stage.h"

namespace octet::test {

inline constexpr int tiny_classes = 10;

/// 16 x 16 RGB -> normalise, convolution 3x3 stride 2 with 16 filters, relu, convolution 3x3, relu,
/// global pooling, fully connected, softmax. Weights are pseudo-random, the same on every call.
Model tiny_model(std::uint32_t seed = 1);

/// The tiny model compiled; `batch` as in PlanOptions.
std::shared_ptr<const Scorer> tiny_scorer(std::int64_t batch = 0, std::uint32_t seed = 1);

/// Bytes of a colourful JPEG of that size; different seeds give different pictures.
std::vector<std::uint8_t> jpeg(int width, int height, std::uint32_t seed);

/// An entry with such a picture in memory; key "k<index>".
Entry entry(std::uint64_t index, std::vector<std::uint8_t> bytes);

/// A fresh empty folder, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void write_bytes(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes);
std::string read_text(const std::filesystem::path& path);

/// Writes `count` pictures of several sizes into `folder` as NNNN.jpg, with list.lst (labels
/// index % tiny_classes) and pictures.rec beside it. Entry i of all three is the same picture;
/// those whose index is in `bad` are not pictures.
void write_pictures(const std::filesystem::path& folder, int count, const std::vector<int>& bad = {});

}  // namespace octet::test
