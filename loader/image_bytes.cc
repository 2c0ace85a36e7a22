#include "octet/loader/image_bytes.h"

#include "octet/loader/input_file.h"

namespace octet {
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

Result<std::span<const std::uint8_t>> ImageBytes::read(std::vector<std::uint8_t>& buffer,
                                                       std::uint64_t max_bytes) const {
  const auto too_large = [&](std::uint64_t size) {
    return Error{ErrorCode::limit, path_.string(),
                 "has " + std::to_string(size) + " bytes, more than " + std::to_string(max_bytes)};
  };
  if (path_.empty()) {
    if (bytes_.size() > max_bytes) return too_large(bytes_.size());
    return bytes_;
  }
  OCTET_TRY(const InputFile file, InputFile::open(path_));
  if (file.size() > max_bytes) return too_large(file.size());
  buffer.resize(file.size());
  OCTET_CHECK(file.read_at(0, buffer));
  return std::span<const std::uint8_t>(buffer);
}

}  // namespace octet
