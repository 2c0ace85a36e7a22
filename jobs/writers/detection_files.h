// Detections in the forms that other evaluation programs read.
#pragma once

#include <filesystem>  // std::filesystem::path
#include <memory>      // std::unique_ptr
#include <span>        // std::span
#include <string>      // std::string

#include "octet/jobs/annotations.h"
#include "octet/jobs/writers.h"

namespace octet {

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
  /// `annotations` may be null and must outlive the object; `labels` likewise must.
  static Result<std::unique_ptr<DetectionFiles>> create(OutputFormat format, const std::filesystem::path& folder,
                                                        std::span<const std::string> labels,
                                                        const Annotations* annotations);
  virtual ~DetectionFiles() = default;
  DetectionFiles(const DetectionFiles&) = delete;
  DetectionFiles& operator=(const DetectionFiles&) = delete;

  virtual Result<void> write(const Record& record) = 0;
  virtual Result<void> commit() = 0;

 protected:
  DetectionFiles() = default;
};

/// "coco_results.json"; "comp4_det_test_*.txt".
std::string_view detection_files_name(OutputFormat format) noexcept;

}  // namespace octet
