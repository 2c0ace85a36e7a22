#include "octet/loader/image_bytes.h"

#include "octet/loader/input_file.h"

namespace octet {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;

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
  OCTET_TRY(const InputFile file, InputFile::open(path_));
  if (file.size() > kMaxFileBytes) return Error{ErrorCode::limit, path_.string(), "is larger than 1 GiB"};
  buffer.resize(file.size());
  OCTET_CHECK(file.read_at(0, buffer));
  return std::span<const std::uint8_t>(buffer);
}

}  // namespace octet
