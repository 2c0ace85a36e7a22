// Decoded pictures of the test assets, and models scored on them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "octet/calibrator/calibrate.h"
#include "octet/executor/plan.h"
#include "octet/graph/model.h"

namespace octet::test {

/// Pictures without border, u8 NHWC, one behind the other.
struct Pictures {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;  ///< one a picture
  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(height * width * channels); }
  [[nodiscard]] std::size_t count() const { return labels.size(); }
};

/// Decodes the pictures that `folder`/labels.lst lists, as `preprocess` says. Throws on failure.
Pictures load_pictures(const std::filesystem::path& folder, const Preprocess& preprocess);

/// `count` colour pictures of random bytes, always the same; all of class 0.
Pictures noise(std::size_t count, std::int64_t size);

/// The pictures i for which keep(i).
Pictures select(const Pictures& all, const std::function<bool(std::size_t)>& keep);

/// Hands the pictures out, `at_most` at a time.
PictureSource source_of(const Pictures& pictures, std::int64_t at_most = 1000);

/// First output of every picture. Throws on failure.
std::vector<std::vector<float>> run(const std::shared_ptr<const Plan>& plan, const Pictures& pictures);

/// Index of the largest output.
int best_class(const std::vector<float>& outputs);

/// Percentages over `pictures`.
struct Accuracy {
  double top1_f32 = 0, top1_int8 = 0, agreement = 0;
};
Accuracy compare(const std::vector<std::vector<float>>& f32, const std::vector<std::vector<float>>& int8,
                 const std::vector<int>& labels);

/// The optimised FP32 plan of a model.
std::shared_ptr<const Plan> float_plan(const Model& model);

}  // namespace octet::test
