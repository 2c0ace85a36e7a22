#include "octet/jobs/writers/detection_files.h"

#include <algorithm>  // std::count
#include <charconv>   // std::from_chars
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

Result<std::int64_t> coco_image_id(const std::string& key, const Annotations* annotations) {
  if (annotations != nullptr) {
    const ImageTruth* const truth = annotations->find(key);
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

std::optional<std::int64_t> coco_category(int id, const Annotations* annotations) {
  if (annotations != nullptr) return annotations->category(id);
  return static_cast<std::int64_t>(id) + 1;
}

Result<void> append_coco_lines(const Record& record, const Annotations* annotations, std::string& lines) {
  OCTET_TRY(const std::int64_t image, coco_image_id(record.key, annotations));
  for (const Detection& found : usable(record)) {
    const auto category = coco_category(found.id, annotations);
    if (!category) continue;
    append_number(found.id, lines);
    lines += " {\"image_id\":";
    append_number(image, lines);
    lines += ",\"category_id\":";
    append_number(*category, lines);
    const char* between = ",\"bbox\":[";
    for (const float value : {found.xmin, found.ymin, found.xmax - found.xmin, found.ymax - found.ymin}) {
      lines += between;
      append_number(value, lines);
      between = ",";
    }
    lines += "],\"score\":";
    append_number(found.score, lines);
    lines += "}\n";
  }
  return {};
}

void append_voc_lines(const Record& record, std::string& lines) {
  std::string image(stem_of(record.key));
  for (char& character : image) {
    if (static_cast<unsigned char>(character) <= ' ') character = '_';
  }
  const auto pixel = [](float corner, std::int64_t side) {
    return std::clamp(corner + 1, 1.0F, std::max(1.0F, static_cast<float>(side)));
  };
  for (const Detection& found : usable(record)) {
    append_number(found.id, lines);
    lines += ' ';
    lines += image;
    for (const float value : {found.score, pixel(found.xmin, record.width), pixel(found.ymin, record.height),
                              pixel(found.xmax, record.width), pixel(found.ymax, record.height)}) {
      lines += ' ';
      append_number(value, lines);
    }
    lines += '\n';
  }
}

class CocoFile final : public DetectionFiles {
 public:
  explicit CocoFile(OutputFile file) : file_(std::move(file)) {}

  Result<void> write(int /*id*/, std::string_view text) override {
    OCTET_CHECK(file_.write(first_ ? "[\n" : ",\n"));
    first_ = false;
    return file_.write(text);
  }

  Result<void> commit() override {
    OCTET_CHECK(file_.write(first_ ? "[]\n" : "\n]\n"));
    return file_.commit();
  }

 private:
  OutputFile file_;
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

  Result<void> write(int id, std::string_view text) override {
    OCTET_CHECK(open(id));
    OCTET_CHECK(files_.at(id).write(text));
    return files_.at(id).write("\n");
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
};

}  // namespace

Result<std::unique_ptr<DetectionFiles>> DetectionFiles::create(OutputFormat format, const std::filesystem::path& folder,
                                                               std::span<const std::string> labels) {
  if (format == OutputFormat::coco) {
    OCTET_TRY(auto file, OutputFile::create(folder / coco_name));
    return std::unique_ptr<DetectionFiles>(std::make_unique<CocoFile>(std::move(file)));
  }
  if (format == OutputFormat::voc) {
    auto files = std::make_unique<VocFiles>(folder, labels);
    OCTET_CHECK(files->open_all());
    return std::unique_ptr<DetectionFiles>(std::move(files));
  }
  return Error{ErrorCode::usage, {}, "only the formats coco and voc have files of detections"};
}

Result<void> DetectionFiles::write(std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    int id = 0;
    const auto [at, failed] = std::from_chars(line.data(), line.data() + line.size(), id);
    const auto head = static_cast<std::size_t>(at - line.data());
    if (failed != std::errc() || id < 0 || head >= line.size()) {
      return Error{ErrorCode::io, {}, "a stored detection is damaged"};
    }
    OCTET_CHECK(write(id, line.substr(head + 1)));
  }
  return {};
}

Result<void> append_detection_lines(OutputFormat format, const Record& record, const Annotations* annotations,
                                    std::string& lines) {
  if (!record.outcomes) return {};
  if (format == OutputFormat::coco) return append_coco_lines(record, annotations, lines);
  if (format == OutputFormat::voc) append_voc_lines(record, lines);
  return {};
}

std::string_view detection_files_name(OutputFormat format) noexcept {
  return format == OutputFormat::coco ? coco_name : "comp4_det_test_*.txt";
}

}  // namespace octet
