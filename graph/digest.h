// SHA-256 in lower-case hex.
#pragma once

#include <cstddef>      // std::byte
#include <memory>       // std::unique_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view

#include "octet/graph/model.h"  // file_digest

namespace octet {

/// Of bytes in memory; an empty string should the library have no SHA-256. See also file_digest.
std::string digest(std::span<const std::byte> bytes);

/// Of bytes that come piece by piece. Move-only; not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  /// Of everything so far; an empty string should the library have no SHA-256. Call once, last.
  [[nodiscard]] std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace octet
