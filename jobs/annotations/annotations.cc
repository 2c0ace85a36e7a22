#include "octet/jobs/annotations.h"

#include <system_error>  // std::error_code

#include "octet/jobs/annotations/builder.h"

namespace octet {
namespace {

std::string_view last_component(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

std::string_view without_extension(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  const std::size_t slash = name.rfind('/');
  const bool extended = dot != std::string_view::npos && (slash == std::string_view::npos || dot > slash);
  return extended ? name.substr(0, dot) : name;
}

}  // namespace

Result<Annotations> Annotations::load(const std::filesystem::path& path, std::span<const std::string> labels) {
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  if (!std::filesystem::exists(status)) return Error{ErrorCode::not_found, path.string(), "does not exist"};
  return std::filesystem::is_directory(status) ? load_voc(path, labels) : load_coco(path, labels);
}

const ImageTruth* Annotations::find(std::string_view key) const {
  if (stems_) key = without_extension(key);
  if (const auto whole = names_.find(std::string(key)); whole != names_.end()) return &images_[whole->second];
  const auto last = last_components_.find(std::string(last_component(key)));
  return last == last_components_.end() || last->second == ambiguous ? nullptr : &images_[last->second];
}

std::optional<std::int64_t> Annotations::category(int id) const {
  const auto found = categories_.find(id);
  if (found == categories_.end()) return std::nullopt;
  return found->second;
}

bool AnnotationsBuilder::add(const std::string& name, ImageTruth truth) {
  const std::size_t at = result_.images_.size();
  if (!result_.names_.emplace(name, at).second) return false;
  const auto [last, fresh] = result_.last_components_.emplace(last_component(name), at);
  if (!fresh) last->second = Annotations::ambiguous;
  result_.images_.push_back(std::move(truth));
  return true;
}

std::unordered_map<std::string, int> ids_by_label(std::span<const std::string> labels) {
  std::unordered_map<std::string, int> ids;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!labels[i].empty()) ids.emplace(labels[i], static_cast<int>(i));
  }
  return ids;
}

}  // namespace octet
