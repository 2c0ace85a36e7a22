#include "octet/jobs/writers/detection_files.h"

#include <algorithm>  // std::count
#include <cmath>      // std::isfinite
#include <map>        // std::map
#include <utility>    // std::move

#include "octet/graph/output_file.h"
#include "octet/jobs/writers/number_text.h"

namespace octet {
namespace {

constexpr std::string_view coco_name = "coco_results.json";
constexpr std::string_view voc_prefix = "comp4_det_test_";

// The last component without its extension.
std::string_view stem_of(std::string_view key) {
  if (const std::size_t slash = key.rfind('/'); slash != std::string_view::npos) key.remove_prefix(slash + 1);
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? key : key.substr(0, dot);
}

bool is_finite(const Detection& found) {
  return std::isfinite(found.score) && std::isfinite(found.xmin) && std::isfinite(found.ymin) &&
         std::isfinite(found.xmax) && std::isfinite(found.ymax);
}

// The detections that can be written.
std::vector<Detection> usable(const Record& record) {
  std::vector<Detection> found;
  if (!record.outcomes || record.outcomes->empty()) return found;
  for (const Detection& one : record.outcomes->front().detections) {
    if (one.id >= 0 && is_finite(one)) found.push_back(one);
  }
  return found;
}

class CocoFile final : public DetectionFiles {
 public:
  CocoFile(OutputFile file, const Annotations* annotations) : file_(std::move(file)), annotations_(annotations) {}

  Result<void> write(const Record& record) override {
    if (!record.outcomes) return {};
    OCTET_TRY(const std::int64_t image, image_id(record.key));
    text_.clear();
    for (const Detection& found : usable(record)) {
      const auto category = category_of(found.id);
      if (!category) continue;
      text_ += first_ ? "[\n{\"image_id\":" : ",\n{\"image_id\":";
      first_ = false;
      append_number(image, text_);
      text_ += ",\"category_id\":";
      append_number(*category, text_);
      const char* between = ",\"bbox\":[";
      for (const float value : {found.xmin, found.ymin, found.xmax - found.xmin, found.ymax - found.ymin}) {
        text_ += between;
        append_number(value, text_);
        between = ",";
      }
      text_ += "],\"score\":";
      append_number(found.score, text_);
      text_ += '}';
    }
    return file_.write(text_);
  }

  Result<void> commit() override {
    OCTET_CHECK(file_.write(first_ ? "[]\n" : "\n]\n"));
    return file_.commit();
  }

 private:
  [[nodiscard]] Result<std::int64_t> image_id(const std::string& key) const {
    if (annotations_ != nullptr) {
      const ImageTruth* const truth = annotations_->find(key);
      if (truth != nullptr && truth->id) return *truth->id;
      return Error{ErrorCode::usage, key, "has no image id in the annotations"};
    }
    const std::string_view stem = stem_of(key);
    std::int64_t id = 0;
    const auto [at, failed] = std::from_chars(stem.data(), stem.data() + stem.size(), id);
    if (failed == std::errc() && at == stem.data() + stem.size() && id >= 0) return id;
    return Error{ErrorCode::usage, key,
                 "its name is not a number, which COCO results need as the image's id: give the annotations"};
  }

  [[nodiscard]] std::optional<std::int64_t> category_of(int id) const {
    if (annotations_ != nullptr) return annotations_->category(id);
    return static_cast<std::int64_t>(id) + 1;
  }

  OutputFile file_;
  const Annotations* annotations_;
  std::string text_;
  bool first_ = true;
};

class VocFiles final : public DetectionFiles {
 public:
  VocFiles(std::filesystem::path folder, std::span<const std::string> labels)
      : folder_(std::move(folder)), labels_(labels) {}

  Result<void> open_all() {
    for (std::size_t i = 0; i < labels_.size(); ++i) OCTET_CHECK(open(static_cast<int>(i)));
    return {};
  }

  Result<void> write(const Record& record) override {
    std::string image(stem_of(record.key));
    for (char& character : image) {
      if (static_cast<unsigned char>(character) <= ' ') character = '_';
    }
    const auto pixel = [](float corner, std::int64_t side) {
      return std::clamp(corner + 1, 1.0F, std::max(1.0F, static_cast<float>(side)));
    };
    for (const Detection& found : usable(record)) {
      OCTET_CHECK(open(found.id));
      text_ = image;
      for (const float value : {found.score, pixel(found.xmin, record.width), pixel(found.ymin, record.height),
                                pixel(found.xmax, record.width), pixel(found.ymax, record.height)}) {
        text_ += ' ';
        append_number(value, text_);
      }
      text_ += '\n';
      OCTET_CHECK(files_.at(found.id).write(text_));
    }
    return {};
  }

  Result<void> commit() override {
    for (auto& [id, file] : files_) OCTET_CHECK(file.sync());  // what can fail comes before the first name
    for (auto& [id, file] : files_) OCTET_CHECK(file.commit());
    return {};
  }

 private:
  [[nodiscard]] std::string name_of(int id) const {
    const auto at = static_cast<std::size_t>(id);
    if (at >= labels_.size() || labels_[at].empty() || std::count(labels_.begin(), labels_.end(), labels_[at]) > 1) {
      return std::string("class").append(std::to_string(id));
    }
    std::string name = labels_[at];
    for (char& character : name) {
      if (character == '/' || character == '\0') character = '_';
    }
    return name;
  }

  Result<void> open(int id) {
    if (files_.count(id) != 0) return {};
    OCTET_TRY(auto file, OutputFile::create(folder_ / (std::string(voc_prefix) + name_of(id) + ".txt")));
    files_.emplace(id, std::move(file));
    return {};
  }

  const std::filesystem::path folder_;
  const std::span<const std::string> labels_;
  std::map<int, OutputFile> files_;
  std::string text_;
};

}  // namespace

Result<std::unique_ptr<DetectionFiles>> DetectionFiles::create(OutputFormat format, const std::filesystem::path& folder,
                                                               std::span<const std::string> labels,
                                                               const Annotations* annotations) {
  if (format == OutputFormat::coco) {
    OCTET_TRY(auto file, OutputFile::create(folder / coco_name));
    return std::unique_ptr<DetectionFiles>(std::make_unique<CocoFile>(std::move(file), annotations));
  }
  if (format == OutputFormat::voc) {
    auto files = std::make_unique<VocFiles>(folder, labels);
    OCTET_CHECK(files->open_all());
    return std::unique_ptr<DetectionFiles>(std::move(files));
  }
  return Error{ErrorCode::usage, {}, "only the formats coco and voc have files of detections"};
}

std::string_view detection_files_name(OutputFormat format) noexcept {
  return format == OutputFormat::coco ? coco_name : "comp4_det_test_*.txt";
}

}  // namespace octet
