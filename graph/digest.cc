#include "octet/graph/digest.h"

#include <openssl/evp.h>
#include <array>
#include <fstream>
#include <memory>
#include <string_view>

namespace octet {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    ok_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }
  void add(const void* data, std::size_t size) { ok_ = ok_ && EVP_DigestUpdate(context_.get(), data, size) == 1; }
  /// Empty when anything went wrong.
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    if (!ok_ || EVP_DigestFinal_ex(context_.get(), bytes.data(), &size) != 1) return {};
    std::string text;
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (unsigned i = 0; i < size; ++i) {
      text += kDigits[bytes[i] >> 4U];
      text += kDigits[bytes[i] & 15U];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  bool ok_ = false;
};

}  // namespace

std::string digest(std::span<const std::byte> bytes) {
  Sha256 sha;
  sha.add(bytes.data(), bytes.size());
  return sha.hex();
}

Result<std::string> file_digest(const std::filesystem::path& file) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(file, code)) {
    return Error{ErrorCode::not_found, file.string(), "no such file"};
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{ErrorCode::io, file.string(), "cannot open"};
  Sha256 sha;
  std::vector<char> block(1 << 18);
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    sha.add(block.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (!in.eof()) return Error{ErrorCode::io, file.string(), "cannot read"};
  std::string hex = sha.hex();
  if (hex.empty()) return Error{ErrorCode::internal, file.string(), "SHA-256 is not available"};
  return hex;
}

}  // namespace octet
