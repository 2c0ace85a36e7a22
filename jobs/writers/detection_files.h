// Detections in the forms that other evaluation programs read.
#pragma once

#include <filesystem>   // std::filesystem::path
#include <memory>       // std::unique_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view

#include "octet/jobs/annotations.h"
#include "octet/jobs/writers.h"

namespace octet {

/// Whether detections have files of their own beside the records.
constexpr bool has_detection_files(OutputFormat format) noexcept {
  return format == OutputFormat::coco || format == OutputFormat::voc;
}

/// Files beside the records, which appear when they are complete (the last call is commit()).
/// They have no place for a picture that could not be scored: only the records tell of it.
/// Detections with a corner or score that is not finite are left out. Not thread-safe.
///
/// OutputFormat::coco: coco_results.json, one list of {"image_id", "category_id", "bbox": [x, y,
///   width, height], "score"}. The image's id is the annotations', else the number that the key's
///   last component is without its extension (Error(usage) when there is neither); the category's
///   is the annotations' (a class without one is left out), or class + 1 without annotations.
/// OutputFormat::voc: comp4_det_test_NAME.txt for every class, lines "image score xmin ymin xmax
///   ymax"; image is the key's last component without its extension, blanks replaced by '_';
///   corners are pixels counted from 1, within the picture. NAME is the label, its '/' replaced by
///   '_'; "class<id>" where a class has no label or shares it.
class DetectionFiles {
 public:
  /// `labels` must outlive the object.
  static Result<std::unique_ptr<DetectionFiles>> create(OutputFormat format, const std::filesystem::path& folder,
                                                        std::span<const std::string> labels);
  virtual ~DetectionFiles() = default;
  DetectionFiles(const DetectionFiles&) = delete;
  DetectionFiles& operator=(const DetectionFiles&) = delete;

  /// Takes what append_detection_lines made.
  Result<void> write(std::string_view lines);
  virtual Result<void> commit() = 0;

 protected:
  DetectionFiles() = default;
  /// One detection: `text` is its line in the file of class `id`, or its JSON object.
  virtual Result<void> write(int id, std::string_view text) = 0;
};

/// Appends "<class> <text>\n" for each detection of the record that DetectionFiles will write: all that its files
/// need of the record. `annotations` may be null.
Result<void> append_detection_lines(OutputFormat format, const Record& record, const Annotations* annotations,
                                    std::string& lines);

/// "coco_results.json"; "comp4_det_test_*.txt".
std::string_view detection_files_name(OutputFormat format) noexcept;

}  // namespace octet
