// Labelled objects from files beside the pictures: COCO JSON and Pascal VOC XML.
#pragma once

#include <cstdint>        // std::int64_t
#include <filesystem>     // std::filesystem::path
#include <optional>       // std::optional
#include <span>           // std::span
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <unordered_map>  // std::unordered_map
#include <vector>         // std::vector

#include "octet/jobs/ground_truth.h"

namespace octet {

/// Objects by the name of their picture. Immutable once loaded; reading is thread-safe.
class Annotations {
 public:
  /// A file: COCO JSON. A folder: Pascal VOC XML, one NAME.xml a picture, at any depth (the folder
  /// "Annotations" inside it alone, when there is one). `labels`: the model's class names.
  ///
  /// COCO's categories become classes by name; when none of the names is a label, or the model has
  /// none, in order of their ids: class 0 is the lowest. VOC's become classes by name; without labels,
  /// by sorted name. An object whose name is no label is an error. Corners of VOC become pixels
  /// counted from 0 (less 1, each); a picture's size is the one in its file, if any.
  ///
  /// Errors: not_found, io; invalid_config with file:offset, or file and element, for what is not of
  /// the form (among them an object of an unknown picture or category, a number missing or not
  /// finite, the same picture twice); limit for an XML file above 1 MiB, a name above 4 KiB, or JSON
  /// nested deeper than 64.
  static Result<Annotations> load(const std::filesystem::path& path, std::span<const std::string> labels);

  /// The picture of an entry's key: by the whole name, else by its last component (VOC: both without
  /// the extension). nullptr when there is none or when several end alike.
  [[nodiscard]] const ImageTruth* find(std::string_view key) const;
  /// COCO's category of a class; nullopt when the class has none.
  [[nodiscard]] std::optional<std::int64_t> category(int id) const;
  [[nodiscard]] std::size_t pictures() const noexcept { return images_.size(); }

 private:
  friend class AnnotationsBuilder;
  static constexpr std::size_t ambiguous = static_cast<std::size_t>(-1);

  bool stems_ = false;  // names are without extension
  std::vector<ImageTruth> images_;
  std::unordered_map<std::string, std::size_t> names_, last_components_;
  std::unordered_map<int, std::int64_t> categories_;
};

}  // namespace octet
