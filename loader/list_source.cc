#include <algorithm>
#include <system_error>

#include "octet/loader/sources.h"
#include "octet/loader/text_lines.h"

namespace octet {
namespace {

/// Fills an entry from "index TAB labels TAB path"; the problem when it is no such line.
std::optional<std::string> parse_line(std::string_view text, const std::filesystem::path& root, Entry& entry) {
  const std::size_t first_tab = text.find('\t');
  const std::size_t last_tab = text.rfind('\t');
  if (first_tab == last_tab) return "the line is not an index, labels and a path, separated by TABs";
  const std::string_view index = text.substr(0, first_tab);
  if (!parse_decimal(index)) return "the index is not a number: " + std::string(index.substr(0, 40));
  const std::string_view path = text.substr(last_tab + 1);
  if (trimmed(path).empty()) return "the path is empty";
  if (path.find('\0') != std::string_view::npos) return "the path holds a zero byte";

  std::string_view labels = text.substr(first_tab + 1, last_tab - first_tab - 1);
  entry.labels.reserve(static_cast<std::size_t>(std::count(labels.begin(), labels.end(), '\t')) + 1);
  while (true) {
    const std::size_t tab = labels.find('\t');
    const std::string_view field = labels.substr(0, tab);
    const auto label = parse_decimal(field);
    if (!label) return "a label is not a number: " + std::string(field.substr(0, 40));
    entry.labels.push_back(*label);
    if (tab == std::string_view::npos) break;
    labels.remove_prefix(tab + 1);
  }
  entry.id = parse_u64(trimmed(index));
  entry.key = path;
  entry.image = ImageBytes::from_file(root / path);
  return std::nullopt;
}

class ListSource final : public Source {
 public:
  ListSource(LineReader lines, std::filesystem::path root, const Shard& shard)
      : lines_(std::move(lines)), root_(std::move(root)), shard_(shard) {}

  Result<std::optional<Entry>> next() override {
    std::optional<TextLine> line;
    do {
      OCTET_TRY(line, lines_.next());
      if (!line) return std::optional<Entry>();
    } while (position_++ % shard_.count != shard_.index);
    Entry entry;
    std::optional<std::string> problem;
    if (line->too_long) {
      problem = "the line is longer than 1 MiB";
    } else {
      problem = parse_line(line->text, root_, entry);
    }
    if (problem) {
      entry.key = std::string("line ").append(std::to_string(line->number));
      entry.labels.clear();
      entry.image = Error{ErrorCode::bad_record, lines_.where(*line), *std::move(problem)};
    }
    entry.index = position_ - 1;
    entry.next = {position_, lines_.offset(), line->number};
    return std::optional(std::move(entry));
  }

  Result<void> seek(const SourcePosition& position) override {
    lines_.seek(position.offset, position.line);
    position_ = position.index;
    return {};
  }

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return std::nullopt; }
  [[nodiscard]] std::uint64_t passed() const override { return position_; }
  [[nodiscard]] const std::vector<std::string>& classes() const override { return classes_; }

 private:
  LineReader lines_;
  std::filesystem::path root_;
  Shard shard_;
  std::uint64_t position_ = 0;
  std::vector<std::string> classes_;  ///< none: a list has its labels as numbers
};

}  // namespace

Result<std::unique_ptr<Source>> open_list(const SourceOptions& options) {
  std::filesystem::path root = options.root;
  std::error_code failed;
  if (root.empty()) {
    root = options.data.parent_path();
  } else if (!std::filesystem::is_directory(root, failed)) {
    return Error{ErrorCode::not_found, root.string(), "is not a directory; the list's paths are relative to it"};
  }
  OCTET_TRY(LineReader lines, LineReader::open(options.data));
  OCTET_TRY(const std::optional<TextLine> first, lines.next());
  if (!first) return Error{ErrorCode::not_found, options.data.string(), "holds no lines"};
  lines.seek(0, 0);
  return std::unique_ptr<Source>(std::make_unique<ListSource>(std::move(lines), std::move(root), options.shard));
}

}  // namespace octet
