#include <algorithm>  // std::sort
#include <charconv>   // std::from_chars
#include <cmath>      // std::isfinite
#include <cstring>    // std::strlen
#include <pugixml.hpp>
#include <system_error>  // std::error_code

#include "octet/graph/file_io.h"
#include "octet/jobs/annotations/builder.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_xml_bytes = std::uint64_t{1} << 20U;

struct NamedTruth {
  std::string name;  // the file's, relative and without extension
  ImageTruth truth;
  std::vector<std::string> classes;  // of truth.boxes
};

std::string trimmed_text(const pugi::xml_node& node) {
  const std::string_view text = node.text().get();
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::optional<double> number(const pugi::xml_node& node) {
  const std::string text = trimmed_text(node);
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc() || at != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

Result<void> read_object(const pugi::xml_node& object, const std::string& where, NamedTruth& picture) {
  const std::string place = where + ":" + std::to_string(object.offset_debug());
  const auto bad = [&place](const std::string& what) { return Error{ErrorCode::invalid_config, place, what}; };
  std::string name = trimmed_text(object.child("name"));
  if (name.empty()) return bad("the object has no name");
  if (name.size() > kMaxAnnotationName) return Error{ErrorCode::limit, place, "the object's name is too long"};
  const pugi::xml_node corners = object.child("bndbox");
  double values[4];
  std::size_t count = 0;
  for (const char* corner : {"xmin", "ymin", "xmax", "ymax"}) {
    const auto value = number(corners.child(corner));
    if (!value) return bad("bndbox has no number for " + std::string(corner));
    values[count++] = *value - 1;
  }
  TruthBox box;
  box.xmin = values[0];
  box.ymin = values[1];
  box.xmax = values[2];
  box.ymax = values[3];
  if (box.xmax < box.xmin || box.ymax < box.ymin) return bad("bndbox ends before it begins");
  if (const pugi::xml_node difficult = object.child("difficult")) {
    const auto value = number(difficult);
    if (!value) return bad("difficult is not a number");
    box.difficult = *value > 0;
  }
  picture.truth.boxes.push_back(box);
  picture.classes.push_back(std::move(name));
  return {};
}

Result<NamedTruth> read_xml(const fs::path& file, std::string name) {
  OCTET_TRY(const std::string text, read_text_file(file, max_xml_bytes));
  pugi::xml_document document;
  const auto parsed = document.load_buffer(text.data(), text.size());
  const std::string where = file.string();
  if (!parsed) {
    return Error{ErrorCode::invalid_config, where + ":" + std::to_string(parsed.offset),
                 std::string("not valid XML: ") + parsed.description()};
  }
  const pugi::xml_node root = document.child("annotation");
  if (!root) return Error{ErrorCode::invalid_config, where, "has no element 'annotation'"};
  NamedTruth picture{std::move(name), {}, {}};
  picture.truth.width = number(root.child("size").child("width")).value_or(0);
  picture.truth.height = number(root.child("size").child("height")).value_or(0);
  if (!(picture.truth.width > 0 && picture.truth.height > 0)) picture.truth.width = picture.truth.height = 0;
  for (const pugi::xml_node& object : root.children("object")) OCTET_CHECK(read_object(object, where, picture));
  return picture;
}

Result<std::vector<fs::path>> xml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    std::error_code ignored;
    if (at->path().extension() == ".xml" && at->is_regular_file(ignored)) files.push_back(at->path());
  }
  if (failed) return Error{ErrorCode::io, folder.string(), "cannot be read: " + failed.message()};
  if (files.empty()) return Error{ErrorCode::not_found, folder.string(), "holds no .xml files"};
  std::sort(files.begin(), files.end());
  return files;
}

// Without labels: sorted names are the classes.
std::vector<std::string> names_of(const std::vector<NamedTruth>& pictures) {
  std::vector<std::string> names;
  for (const NamedTruth& picture : pictures) names.insert(names.end(), picture.classes.begin(), picture.classes.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

Result<Annotations> load_voc(const fs::path& given, std::span<const std::string> labels) {
  std::error_code ignored;
  const fs::path inner = given / "Annotations";
  const fs::path folder = fs::is_directory(inner, ignored) ? inner : given;
  OCTET_TRY(const std::vector<fs::path> files, xml_files(folder));
  std::vector<NamedTruth> pictures;
  for (const fs::path& file : files) {
    OCTET_TRY(NamedTruth picture, read_xml(file, file.lexically_relative(folder).replace_extension().generic_string()));
    pictures.push_back(std::move(picture));
  }
  const std::vector<std::string> own = labels.empty() ? names_of(pictures) : std::vector<std::string>();
  const auto ids = ids_by_label(labels.empty() ? own : labels);
  AnnotationsBuilder builder(true);
  for (NamedTruth& picture : pictures) {
    for (std::size_t i = 0; i < picture.classes.size(); ++i) {
      const auto id = ids.find(picture.classes[i]);
      if (id == ids.end()) {
        return Error{ErrorCode::invalid_config, (folder / (picture.name + ".xml")).string(),
                     "'" + picture.classes[i] + "' is none of the model's labels"};
      }
      picture.truth.boxes[i].id = id->second;
    }
    builder.add(picture.name, std::move(picture.truth));
  }
  return builder.take();
}

}  // namespace octet
