#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>

#include "octet/graph/model.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSymbol = "-symbol.json", kParams = ".params";
constexpr std::size_t kMaxListed = 8;

/// What a folder holds for a prefix, and which prefixes it holds at all.
struct Listing {
  bool folder_exists = false;
  std::set<int> epochs;
  std::map<int, fs::path> params;
  std::set<std::string> prefixes;
};

/// The epoch of "STEM-NNNN.params"; -1 when the name is anything else.
int epoch_of(const std::string& name, const std::string& stem) {
  if (!name.starts_with(stem + "-") || !name.ends_with(kParams)) return -1;
  const std::size_t begin = stem.size() + 1;
  if (name.size() < begin + kParams.size() + 4) return -1;
  int epoch = -1;
  const char *first = name.data() + begin, *last = name.data() + name.size() - kParams.size();
  const auto [end, error] = std::from_chars(first, last, epoch);
  return error == std::errc() && end == last && *first != '-' ? epoch : -1;
}

Listing list(const fs::path& folder, const std::string& stem) {
  Listing listing;
  std::error_code code;
  fs::directory_iterator entries(folder, code);
  if (code) return listing;
  listing.folder_exists = true;
  for (; entries != fs::directory_iterator(); entries.increment(code)) {
    const std::string name = entries->path().filename().string();
    if (name.ends_with(kSymbol)) listing.prefixes.insert(name.substr(0, name.size() - kSymbol.size()));
    if (const int epoch = epoch_of(name, stem); epoch >= 0) {
      listing.epochs.insert(epoch);
      listing.params[epoch] = entries->path();
    }
    if (code) break;
  }
  return listing;
}

std::string quoted(const std::string& text) { return std::string("'").append(text).append("'"); }

template <class Items, class Text>
std::string join(const Items& items, Text text) {
  std::string joined;
  std::size_t count = 0;
  for (const auto& item : items) {
    if (count == kMaxListed) return joined + " and " + std::to_string(items.size() - count) + " more";
    joined += (count++ == 0 ? "" : ", ") + text(item);
  }
  return joined;
}

Error missing(const fs::path& file, const std::string& message) {
  return {ErrorCode::not_found, file.string(), message};
}

std::string prefixes_in(const fs::path& folder) {
  const Listing listing = list(folder, "");
  return join(listing.prefixes, [&](const std::string& name) { return quoted((folder / name).string()); });
}

Error symbol_missing(const fs::path& symbol, const fs::path& prefix, const Listing& listing) {
  std::error_code code;
  if (fs::is_directory(prefix, code)) {
    const std::string inside = prefixes_in(prefix);
    if (!inside.empty()) return missing(symbol, "no such file; the prefix is a folder, with the models " + inside);
  }
  if (!listing.folder_exists) return missing(symbol, "no such file: the folder does not exist");
  if (listing.prefixes.empty()) return missing(symbol, "no such file; the folder holds no symbol file at all");
  return missing(symbol, "no such file; the folder holds the models " + join(listing.prefixes, quoted));
}

}  // namespace

Result<ModelFiles> find_model(const fs::path& prefix, int epoch) {
  const std::string stem = prefix.filename().string();
  const fs::path folder = prefix.has_parent_path() ? prefix.parent_path() : fs::path(".");
  const auto with = [&](const std::string& suffix) { return prefix.string() + suffix; };
  const Listing listing = list(folder, stem);
  std::error_code code;
  ModelFiles files;
  files.symbol = with(std::string(kSymbol));
  if (stem.empty() || !fs::is_regular_file(files.symbol, code)) return symbol_missing(files.symbol, prefix, listing);
  if (listing.params.empty()) return missing(with("-0000.params"), "no such file: the model has no parameters");
  if (epoch >= 0 && !listing.params.contains(epoch)) {
    std::string digits = std::to_string(epoch);
    digits.insert(0, digits.size() < 4 ? 4 - digits.size() : 0, '0');
    return missing(with("-" + digits + ".params"), "no such file; there are the epochs " +
                                                       join(listing.epochs, [](int e) { return std::to_string(e); }));
  }
  files.epoch = epoch >= 0 ? epoch : *listing.epochs.rbegin();
  files.params = listing.params.at(files.epoch);
  const fs::path preprocess = with("-preprocess.json");
  if (fs::is_regular_file(preprocess, code)) files.preprocess = preprocess;
  return files;
}

}  // namespace octet
