#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "octet/loader/sources.h"

namespace octet {
namespace {

constexpr std::array<std::string_view, 5> kExtensions = {".jpg", ".jpeg", ".jpe", ".jfif", ".png"};

bool is_image_name(std::string_view name, std::span<const std::string> extensions) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  const auto same = [&](char found, char wanted) { return lower(found) == lower(wanted); };
  return std::any_of(extensions.begin(), extensions.end(), [&](std::string_view extension) {
    // A file named ".png" has that name and no extension.
    if (name.size() <= extension.size()) return false;
    const std::string_view end = name.substr(name.size() - extension.size());
    return std::equal(end.begin(), end.end(), extension.begin(), same);
  });
}

/// Names in one block of memory, each ended by a zero byte: a std::string each would take five times as much.
class NameList {
 public:
  void add(std::string_view name) {
    starts_.push_back(bytes_.size());
    bytes_.append(name);
    bytes_.push_back('\0');
  }
  [[nodiscard]] std::size_t size() const noexcept { return starts_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t i) const noexcept { return at(starts_[i]); }
  /// Bytewise, whatever the locale.
  void sort() {
    std::sort(starts_.begin(), starts_.end(), [this](std::size_t a, std::size_t b) { return at(a) < at(b); });
    bytes_.shrink_to_fit();
    starts_.shrink_to_fit();
  }

 private:
  [[nodiscard]] std::string_view at(std::size_t start) const noexcept { return bytes_.data() + start; }

  std::string bytes_;
  std::vector<std::size_t> starts_;
};

/// Walks a tree. Each directory is read once, however many symbolic links lead to it, so that loops
/// end: under its own path when that is inside the tree, else under the bytewise first link.
class TreeWalk {
 public:
  TreeWalk(std::filesystem::path root, std::span<const std::string> extensions)
      : root_(std::move(root)), extensions_(extensions) {}

  Result<void> run() {
    OCTET_CHECK(enter(""));
    while (!folders_.empty() || !links_.empty()) {
      while (!folders_.empty()) {
        const std::string folder = std::move(folders_.back());
        folders_.pop_back();
        OCTET_CHECK(read(folder));
      }
      if (!links_.empty()) OCTET_CHECK(enter(std::string(links_.extract(links_.begin()).value())));
    }
    names_.sort();
    std::sort(top_folders_.begin(), top_folders_.end());
    return {};
  }

  [[nodiscard]] NameList& names() noexcept { return names_; }
  [[nodiscard]] std::vector<std::string>& top_folders() noexcept { return top_folders_; }

 private:
  [[nodiscard]] Error unreadable(const std::string& folder, const std::string& reason) const {
    return {ErrorCode::io, (root_ / folder).string(), "the directory cannot be read: " + reason};
  }

  /// Queues a directory (relative path) unless it has been seen.
  Result<void> enter(std::string folder) {
    struct stat status {};
    if (::stat((root_ / folder).c_str(), &status) != 0) {
      return unreadable(folder, std::generic_category().message(errno));
    }
    if (seen_.emplace(status.st_dev, status.st_ino).second) folders_.push_back(std::move(folder));
    return {};
  }

  Result<void> read(const std::string& folder) {
    std::error_code failed;
    std::filesystem::directory_iterator entries(root_ / folder, failed);
    for (; !failed && entries != std::filesystem::directory_iterator(); entries.increment(failed)) {
      const std::string name = entries->path().filename().string();
      std::string relative = folder;
      if (!folder.empty()) relative += '/';
      relative += name;
      std::error_code ignored;  // a dangling link is no directory
      if (!entries->is_directory(ignored)) {
        if (is_image_name(name, extensions_)) names_.add(relative);
        continue;
      }
      if (folder.empty()) top_folders_.push_back(name);
      if (entries->is_symlink(ignored)) {
        links_.insert(std::move(relative));
      } else {
        OCTET_CHECK(enter(std::move(relative)));
      }
    }
    if (failed) return unreadable(folder, failed.message());
    return {};
  }

  std::filesystem::path root_;
  std::span<const std::string> extensions_;
  NameList names_;
  std::vector<std::string> top_folders_;
  std::vector<std::string> folders_;                        ///< still to be read
  std::set<std::string> links_;                             ///< to directories, followed when folders_ is empty
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;  ///< device and inode
};

class DirectorySource final : public Source {
 public:
  DirectorySource(std::filesystem::path root, NameList names, std::vector<std::string> classes, const Shard& shard)
      : root_(std::move(root)), names_(std::move(names)), classes_(std::move(classes)), shard_(shard) {}

  Result<std::optional<Entry>> next() override {
    while (position_ < names_.size() && position_ % shard_.count != shard_.index) ++position_;
    if (position_ == names_.size()) return std::optional<Entry>();
    const std::string_view name = names_[position_];
    Entry entry;
    entry.index = position_++;
    entry.id = entry.index;
    entry.next.index = position_;
    entry.key = name;
    if (const auto label = label_of(name)) entry.labels.push_back(*label);
    entry.image = ImageBytes::from_file(root_ / name);
    return std::optional(std::move(entry));
  }

  Result<void> seek(const SourcePosition& position) override {
    position_ = std::min<std::uint64_t>(position.index, names_.size());
    return {};
  }

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return shard_size(shard_, names_.size()); }
  [[nodiscard]] std::uint64_t passed() const override { return position_; }
  [[nodiscard]] const std::vector<std::string>& classes() const override { return classes_; }

 private:
  [[nodiscard]] std::optional<float> label_of(std::string_view name) const {
    const std::size_t slash = name.find('/');
    if (classes_.empty() || slash == std::string_view::npos) return std::nullopt;
    const auto found = std::lower_bound(classes_.begin(), classes_.end(), name.substr(0, slash));
    return static_cast<float>(found - classes_.begin());
  }

  std::filesystem::path root_;
  NameList names_;
  std::vector<std::string> classes_;  ///< sorted
  Shard shard_;
  std::size_t position_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_directory(const SourceOptions& options) {
  std::vector<std::string> extensions = options.extensions;
  if (extensions.empty()) extensions.assign(kExtensions.begin(), kExtensions.end());
  TreeWalk walk(options.data, extensions);
  OCTET_CHECK(walk.run());
  if (walk.names().size() == 0) {
    std::string message = "holds no image files; looked for";
    for (const std::string& extension : extensions) message.append(" ").append(extension);
    return Error{ErrorCode::not_found, options.data.string(), message};
  }
  std::vector<std::string> classes;
  if (options.folder_labels) classes = std::move(walk.top_folders());
  return std::unique_ptr<Source>(
      std::make_unique<DirectorySource>(options.data, std::move(walk.names()), std::move(classes), options.shard));
}

}  // namespace octet
