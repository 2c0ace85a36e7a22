#include <algorithm>  // std::sort
#include <cmath>      // std::isfinite
#include <fstream>    // std::ifstream
#include <limits>     // std::numeric_limits
#include <nlohmann/json.hpp>

#include "octet/jobs/annotations/builder.h"

namespace octet {
namespace {

using Json = nlohmann::json;

struct Category {
  std::int64_t id = 0;
  std::string name;
  bool used = false;
  int label = -1;  // class
};

struct Object {
  std::int64_t image = 0, category = 0;
  TruthBox box;
};

/// What an element of one of the three lists says; only the members that are read.
struct Element {
  std::optional<std::int64_t> id, image_id, category_id;
  std::optional<double> width, height, area;
  std::optional<std::string> file_name, name;
  bool crowd = false;
  std::vector<double> bbox;
};

/// What is kept of the file.
struct Content {
  std::vector<std::pair<std::string, ImageTruth>> images;
  std::vector<Object> objects;
  std::vector<Category> categories;
  bool has_images = false, has_annotations = false;
};

/// Takes the parser's events. Segmentations, of which such files mostly consist, pass by unstored.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] Content& content() { return content_; }

  bool null() override { return scalar(); }
  bool boolean(bool value) override {
    if (in_member() && key_ == "iscrowd") element_.crowd = value;
    return scalar();
  }
  bool number_integer(std::int64_t value) override { return integer(value); }
  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return real(static_cast<double>(value));
    }
    return integer(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string& /*text*/) override { return real(value); }
  bool string(std::string& value) override;
  bool binary(Json::binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*size*/) override;
  bool key(std::string& value) override;
  bool end_object() override;
  bool start_array(std::size_t /*size*/) override;
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*why*/) override {
    if (!error_) {
      error_ = Error{ErrorCode::invalid_config, file_ + ":" + std::to_string(position), "not valid JSON"};
    }
    return false;
  }

 private:
  enum class Section : std::uint8_t { none, images, annotations, categories };

  // Depths: 1 the file's object, 2 a list, 3 an element of it, 4 a member's own list.
  [[nodiscard]] bool in_element() const { return section_ != Section::none && depth_ >= 3; }
  [[nodiscard]] bool in_member() const { return in_element() && depth_ == 3; }
  // A value that is neither object nor list must not stand in for an element.
  bool scalar() { return section_ == Section::none || depth_ != 2 || fail("is no object"); }
  bool integer(std::int64_t value);
  bool real(double value);
  bool finish();
  bool take_image();
  bool take_object();
  bool take_category();
  bool fail(const std::string& what, ErrorCode code = ErrorCode::invalid_config);
  bool deeper() { return ++depth_ <= 64 || fail("is nested too deeply", ErrorCode::limit); }

  const std::string file_;
  std::optional<Error> error_;
  Content content_;
  int depth_ = 0;
  Section section_ = Section::none;
  std::string key_;        // of the element's member
  std::size_t count_ = 0;  // elements of the section so far
  Element element_;
};

bool Reader::fail(const std::string& what, ErrorCode code) {
  static constexpr const char* names[] = {"", " images", " annotations", " categories"};
  std::string where = file_;
  if (section_ != Section::none) {
    where += names[static_cast<std::size_t>(section_)];
    where += "[" + std::to_string(count_) + "]";
  }
  error_ = Error{code, where, what};
  return false;
}

bool Reader::start_object(std::size_t /*size*/) {
  if (!deeper()) return false;
  if (depth_ == 2) section_ = Section::none;  // a member of the file that is no list
  if (section_ != Section::none && depth_ == 3) element_ = Element{};
  if (in_element() && depth_ == 4 && key_ == "bbox") return fail("bbox is no list");
  return true;
}

bool Reader::start_array(std::size_t /*size*/) {
  if (!deeper()) return false;
  if (depth_ == 1) return fail("is a list, not an object with images, annotations and categories");
  if (section_ != Section::none && depth_ == 3) return fail("is no object");
  if (in_element() && depth_ == 4 && key_ == "bbox") element_.bbox.clear();
  return true;
}

bool Reader::key(std::string& value) {
  if (depth_ == 1) {
    section_ = value == "images"        ? Section::images
               : value == "annotations" ? Section::annotations
               : value == "categories"  ? Section::categories
                                        : Section::none;
    count_ = 0;
    content_.has_images = content_.has_images || section_ == Section::images;
    content_.has_annotations = content_.has_annotations || section_ == Section::annotations;
  } else if (in_member()) {
    key_ = std::move(value);
  }
  return true;
}

bool Reader::string(std::string& value) {
  if (!in_member()) return scalar();
  if (key_ != "file_name" && key_ != "name") return true;
  if (value.size() > kMaxAnnotationName) return fail("a name is too long", ErrorCode::limit);
  (key_ == "name" ? element_.name : element_.file_name) = std::move(value);
  return true;
}

bool Reader::integer(std::int64_t value) {
  if (in_member()) {
    if (key_ == "id") element_.id = value;
    if (key_ == "image_id") element_.image_id = value;
    if (key_ == "category_id") element_.category_id = value;
  }
  return real(static_cast<double>(value));
}

bool Reader::real(double value) {
  if (in_element() && depth_ == 4 && key_ == "bbox") {
    if (element_.bbox.size() == 4) return fail("bbox has more than four numbers");
    element_.bbox.push_back(value);
  } else if (in_member()) {
    if (key_ == "iscrowd") element_.crowd = value != 0;
    if (key_ == "area") element_.area = value;
    if (key_ == "width") element_.width = value;
    if (key_ == "height") element_.height = value;
  }
  return scalar();
}

bool Reader::end_object() {
  const bool element = in_member();
  --depth_;
  return !element || finish();
}

bool Reader::finish() {
  bool good = true;
  if (section_ == Section::images) good = take_image();
  if (section_ == Section::annotations) good = take_object();
  if (section_ == Section::categories) good = take_category();
  ++count_;
  return good;
}

bool Reader::take_image() {
  if (!element_.id) return fail("has no whole number as id");
  if (!element_.file_name || element_.file_name->empty()) return fail("has no file_name");
  const auto positive = [](const std::optional<double>& side) { return side && *side > 0 && *side < 1e9; };
  if (!positive(element_.width) || !positive(element_.height)) return fail("has no width and height");
  ImageTruth truth;
  truth.width = *element_.width;
  truth.height = *element_.height;
  truth.id = *element_.id;
  content_.images.emplace_back(std::move(*element_.file_name), std::move(truth));
  return true;
}

bool Reader::take_object() {
  if (!element_.image_id) return fail("has no whole number as image_id");
  if (!element_.category_id) return fail("has no whole number as category_id");
  if (element_.bbox.size() != 4) return fail("has no bbox of four numbers");
  const std::vector<double>& box = element_.bbox;
  for (const double value : box) {
    if (!(std::abs(value) < 1e9)) return fail("a number of bbox is too large");
  }
  if (box[2] < 0 || box[3] < 0) return fail("bbox has a negative side");
  if (element_.area && !(*element_.area >= 0 && std::isfinite(*element_.area))) return fail("has a negative area");
  Object object;
  object.image = *element_.image_id;
  object.category = *element_.category_id;
  object.box.xmin = box[0];
  object.box.ymin = box[1];
  object.box.xmax = box[0] + box[2];
  object.box.ymax = box[1] + box[3];
  object.box.area = element_.area.value_or(-1);
  object.box.crowd = element_.crowd;
  content_.objects.push_back(object);
  return true;
}

bool Reader::take_category() {
  if (!element_.id) return fail("has no whole number as id");
  if (!element_.name || element_.name->empty()) return fail("has no name");
  content_.categories.push_back({*element_.id, std::move(*element_.name)});
  return true;
}

/// Links the three lists.
class Linker {
 public:
  Linker(std::string file, Content& content) : file_(std::move(file)), content_(content) {}

  Result<Annotations> link(std::span<const std::string> labels) {
    OCTET_CHECK(add_images());
    OCTET_CHECK(find_categories());
    OCTET_CHECK(add_objects());
    OCTET_CHECK(choose_classes(labels));
    for (const Category& category : content_.categories) {
      if (category.label >= 0) builder_.set_category(category.label, category.id);
    }
    for (std::size_t i = 0; i < content_.objects.size(); ++i) {
      builder_.images()[image_of_[i]].boxes.push_back(content_.objects[i].box);
      builder_.images()[image_of_[i]].boxes.back().id = content_.categories[category_of_[i]].label;
    }
    return builder_.take();
  }

 private:
  [[nodiscard]] Error bad(const std::string& what) const { return {ErrorCode::invalid_config, file_, what}; }

  Result<void> add_images() {
    for (auto& [name, truth] : content_.images) {
      const std::int64_t id = *truth.id;
      if (!images_.emplace(id, images_.size()).second) return bad("image id " + std::to_string(id) + " occurs twice");
      if (!builder_.add(name, std::move(truth))) return bad("the file_name " + name + " occurs twice");
    }
    return {};
  }

  Result<void> find_categories() {
    std::sort(content_.categories.begin(), content_.categories.end(),
              [](const Category& a, const Category& b) { return a.id < b.id; });
    for (std::size_t i = 0; i < content_.categories.size(); ++i) {
      if (categories_.emplace(content_.categories[i].id, i).second) continue;
      return bad("category id " + std::to_string(content_.categories[i].id) + " occurs twice");
    }
    return {};
  }

  Result<void> add_objects() {
    for (const Object& object : content_.objects) {
      const auto image = images_.find(object.image);
      if (image == images_.end()) return bad("an annotation has the unknown image_id " + std::to_string(object.image));
      const auto category = categories_.find(object.category);
      if (category == categories_.end()) {
        return bad("an annotation has the unknown category_id " + std::to_string(object.category));
      }
      image_of_.push_back(image->second);
      category_of_.push_back(category->second);
      content_.categories[category->second].used = true;
    }
    return {};
  }

  Result<void> choose_classes(std::span<const std::string> labels) {
    const auto ids = ids_by_label(labels);
    bool by_name = false;
    for (Category& category : content_.categories) {
      const auto id = ids.find(category.name);
      if (id == ids.end()) continue;
      category.label = id->second;
      by_name = true;
    }
    for (std::size_t i = 0; i < content_.categories.size(); ++i) {
      Category& category = content_.categories[i];
      if (!by_name && (labels.empty() || i < labels.size())) category.label = static_cast<int>(i);
      if (category.used && category.label < 0) {
        return bad("the category '" + category.name + "' is none of the model's labels");
      }
    }
    return {};
  }

  const std::string file_;
  Content& content_;
  AnnotationsBuilder builder_{false};
  std::unordered_map<std::int64_t, std::size_t> images_, categories_;
  std::vector<std::size_t> image_of_, category_of_;  // of content_.objects
};

}  // namespace

Result<Annotations> load_coco(const std::filesystem::path& file, std::span<const std::string> labels) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return Error{ErrorCode::not_found, file.string(), "cannot be read"};
  Reader reader(file.string());
  const bool parsed = Json::sax_parse(stream, &reader);
  if (reader.error()) return *reader.error();
  if (!parsed || stream.bad()) return Error{ErrorCode::io, file.string(), "cannot be read"};
  if (!reader.content().has_images || !reader.content().has_annotations) {
    return Error{ErrorCode::invalid_config, file.string(), "is no COCO file: it has no images or no annotations"};
  }
  return Linker(file.string(), reader.content()).link(labels);
}

}  // namespace octet
