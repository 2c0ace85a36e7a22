// What an output was made from, as text: equal text, nothing to do.
#pragma once

#include <concepts>     // std::integral
#include <filesystem>   // std::filesystem::path
#include <string>       // std::string
#include <string_view>  // std::string_view

#include "octet/graph/model.h"
#include "octet/jobs/score.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"

namespace octet {

/// Lines "key: value" in the order of the calls. Not thread-safe.
class Stamp {
 public:
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  template <std::integral T>
  void add(std::string_view key, T value) {
    add(key, std::string_view(std::to_string(value)));
  }
  void add(std::string_view key, double value);
  void add(const LoadOptions& load);
  void add(const DecoderOptions& decoder);
  /// Path, kind, and number, size and newest change of the files.
  void add(const SourceOptions& source);
  /// What of a stream shapes its result; not threads and batch, on which nothing depends.
  void add(const StreamOptions& stream);
  /// Digests of the pair; an Error when it is not there.
  Result<void> add_model(std::string_view key, const std::filesystem::path& prefix, int epoch);
  /// Size and time of change.
  void add_file(std::string_view key, const std::filesystem::path& file);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// True when `file` holds exactly this text.
  [[nodiscard]] bool equals(const std::filesystem::path& file) const;

 private:
  std::string text_;
};

}  // namespace octet
