// Pictures with what one model or two say of them, and a page that compares: what `octet draw` runs.
#pragma once

#include <filesystem>   // std::filesystem::path
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/jobs/score.h"
#include "octet/loader/encoder.h"

namespace octet {

/// "jpeg" or "png"; else Error(usage).
Result<ImageFormat> parse_image_format(std::string_view text);

struct DrawOptions {
  std::filesystem::path model;  ///< prefix
  LoadOptions load;
  std::filesystem::path against;  ///< prefix of a second model; empty: none
  LoadOptions against_load;
  StreamOptions stream;
  std::filesystem::path output;  ///< folder; made when absent
  ImageFormat format = ImageFormat::jpeg;
  float min_score = 0.3F;  ///< detections below are not drawn
  int top_k = 5;           ///< classes a picture, 1 to 20
};

struct DrawSummary {
  StreamSummary stream;
  std::vector<std::string> models;  ///< names
  std::uint64_t drawn = 0;          ///< pictures written
  /// Of these, where the models differ in kind: another best class, or a box that only one has or names so.
  std::uint64_t differing = 0;
  std::filesystem::path page;  ///< index.html
};

/// Scores every entry with both models on the same pixels and writes for each one picture: boxes with
/// labels, or the best classes with their scores, one panel a model side by side. Names are
/// NNNNNN-KEY.jpg (or .png), with the entry's index and what is safe of its key. Then index.html,
/// which names every picture, largest difference first, and every bad entry with its error.
/// Each file appears complete or not at all, the page last. Memory holds the page's text and the
/// pictures under way. Errors beyond those of scoring: usage (a detector against a classifier).
Result<DrawSummary> draw(const DrawOptions& options);

}  // namespace octet
