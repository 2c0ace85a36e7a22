// How the parsers hand over what they read.
#pragma once

#include <string>         // std::string
#include <unordered_map>  // std::unordered_map
#include <utility>        // std::move

#include "octet/jobs/annotations.h"

namespace octet {

inline constexpr std::size_t kMaxAnnotationName = 4096;

/// Fills Annotations. Not thread-safe.
class AnnotationsBuilder {
 public:
  explicit AnnotationsBuilder(bool stems) { result_.stems_ = stems; }
  /// false when the name is taken.
  bool add(const std::string& name, ImageTruth truth);
  void set_category(int id, std::int64_t category) { result_.categories_[id] = category; }
  [[nodiscard]] std::vector<ImageTruth>& images() { return result_.images_; }
  [[nodiscard]] Annotations take() { return std::move(result_); }

 private:
  Annotations result_;
};

/// Class ids by label; the first of equal ones.
std::unordered_map<std::string, int> ids_by_label(std::span<const std::string> labels);

Result<Annotations> load_coco(const std::filesystem::path& file, std::span<const std::string> labels);
Result<Annotations> load_voc(const std::filesystem::path& folder, std::span<const std::string> labels);

}  // namespace octet
