#include "octet/loader/image_bytes.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

namespace octet {
namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{1} << 30;

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

ImageBytes ImageBytes::from_file(std::filesystem::path path) {
  ImageBytes image;
  image.path_ = std::move(path);
  return image;
}

ImageBytes ImageBytes::from_memory(std::shared_ptr<const void> owner, std::span<const std::uint8_t> bytes) {
  ImageBytes image;
  image.owner_ = std::move(owner);
  image.bytes_ = bytes;
  return image;
}

ImageBytes ImageBytes::copy_of(std::span<const std::uint8_t> bytes) {
  auto copy = std::make_shared<const std::vector<std::uint8_t>>(bytes.begin(), bytes.end());
  const std::span<const std::uint8_t> view(*copy);
  return from_memory(std::move(copy), view);
}

Result<std::span<const std::uint8_t>> ImageBytes::read(std::vector<std::uint8_t>& buffer) const {
  if (path_.empty()) return bytes_;
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(path_, failed);
  if (failed) return Error{ErrorCode::not_found, path_.string(), "cannot be read: " + failed.message()};
  if (size > kMaxFileBytes) return Error{ErrorCode::limit, path_.string(), "is larger than 1 GiB"};
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path_.c_str(), "rb"));
  if (!file) return Error{ErrorCode::io, path_.string(), "cannot be opened"};
  buffer.resize(size);
  const std::size_t got = std::fread(buffer.data(), 1, size, file.get());
  if (got != size) return Error{ErrorCode::io, path_.string(), "ended after " + std::to_string(got) + " bytes"};
  return std::span<const std::uint8_t>(buffer);
}

}  // namespace octet
