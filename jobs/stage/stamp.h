// What an output was made from, as text: equal text, nothing to do.
#pragma once

#include <concepts>     // std::integral
#include <filesystem>   // std::filesystem::path
#include <string>       // std::string
#include <string_view>  // std::string_view

#include "octet/graph/model.h"
#include "octet/jobs/score.h"
#include "octet/jobs/stage/data_digest.h"
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
  void add(const DecoderOptions& decoder);
  /// Name, kind and contents.
  Result<void> add(const SourceOptions& source, DataDigests& digests);
  /// What of a stream shapes its result; not threads and batch, on which nothing depends.
  Result<void> add(const StreamOptions& stream, DataDigests& digests);
  /// Digests of the pair; an Error when it is not there.
  Result<void> add_pair(std::string_view key, const std::filesystem::path& prefix, int epoch);
  /// The same, what else loading reads, and how it is read.
  Result<void> add_model(std::string_view key, const std::filesystem::path& prefix, const LoadOptions& load,
                         DataDigests& digests);
  /// Contents of a file or folder.
  Result<void> add_path(std::string_view key, const std::filesystem::path& path, DataDigests& digests);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// True when `file` holds exactly this text.
  [[nodiscard]] bool equals(const std::filesystem::path& file) const;

 private:
  void add(const LoadOptions& load);

  std::string text_;
};

/// A stamp that begins with the stage's name, octet's version and the instruction set.
Stamp begin_stamp(const char* stage);

}  // namespace octet
