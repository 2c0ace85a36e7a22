// Whole files in, and the bytes of text: small helpers. Files are written by output_file.h.
#pragma once

#include <cstddef>      // std::byte
#include <cstdint>      // std::uint64_t
#include <filesystem>   // std::filesystem::path
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/result.h"

namespace octet {

/// All bytes of a regular file. Error(not_found) when there is none, Error(limit) when it is larger
/// than `max_bytes` (checked before anything is allocated), Error(io) when reading fails.
Result<std::vector<std::byte>> read_file(const std::filesystem::path& file, std::uint64_t max_bytes);

/// The same, as text.
Result<std::string> read_text_file(const std::filesystem::path& file, std::uint64_t max_bytes);

/// The bytes of `text`, not copied.
std::span<const std::byte> bytes_of(std::string_view text) noexcept;

}  // namespace octet
