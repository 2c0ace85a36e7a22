#include "octet/graph/digest.h"

#include <openssl/evp.h>
#include <array>
#include <fstream>
#include <memory>
#include <string_view>

#include "octet/graph/file_io.h"

namespace octet {

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  bool ok = state && EVP_DigestInit_ex(state.get(), EVP_sha256(), nullptr) == 1;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(std::span<const std::byte> bytes) {
  context_->ok = context_->ok && EVP_DigestUpdate(context_->state.get(), bytes.data(), bytes.size()) == 1;
}

void Sha256::add(std::string_view text) { add(bytes_of(text)); }

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (!context_->ok || EVP_DigestFinal_ex(context_->state.get(), bytes.data(), &size) != 1) return {};
  std::string text;
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4U];
    text += kDigits[bytes[i] & 15U];
  }
  return text;
}

std::string digest(std::span<const std::byte> bytes) {
  Sha256 sha;
  sha.add(bytes);
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
    sha.add(std::string_view(block.data(), static_cast<std::size_t>(in.gcount())));
  }
  if (!in.eof()) return Error{ErrorCode::io, file.string(), "cannot read"};
  std::string hex = sha.hex();
  if (hex.empty()) return Error{ErrorCode::internal, file.string(), "SHA-256 is not available"};
  return hex;
}

}  // namespace octet
