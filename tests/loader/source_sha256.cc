#include <array>
#include <bit>

#include "loader/source_support.h"

namespace octet::test {
namespace {

struct Constants {
  std::array<std::uint32_t, 64> rounds{};
  std::array<std::uint32_t, 8> start{};
};

/// First 32 bits of the fraction of prime^(1/degree), in exact integers.
constexpr std::uint32_t root_fraction(unsigned prime, int degree) {
  using Wide = unsigned __int128;
  std::uint64_t low = 0;
  std::uint64_t high = std::uint64_t{1} << 37;
  while (high - low > 1) {
    const std::uint64_t middle = (low + high) / 2;
    const Wide power = degree == 2 ? Wide{middle} * middle : Wide{middle} * middle * middle;
    (power <= Wide{prime} << (32 * degree) ? low : high) = middle;
  }
  return static_cast<std::uint32_t>(low);
}

Constants make_constants() {
  Constants constants;
  unsigned prime = 2;
  for (std::size_t i = 0; i < 64; ++prime) {
    bool composite = false;
    for (unsigned d = 2; d * d <= prime; ++d) composite |= prime % d == 0;
    if (composite) continue;
    if (i < 8) constants.start[i] = root_fraction(prime, 2);
    constants.rounds[i++] = root_fraction(prime, 3);
  }
  return constants;
}

void add_block(const std::uint8_t* block, const Constants& constants, std::array<std::uint32_t, 8>& hash) {
  std::array<std::uint32_t, 64> w{};
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t j = 0; j < 4; ++j) w[i] = w[i] << 8 | block[4 * i + j];
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = hash;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t mix = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 = h + mix + ((e & f) ^ (~e & g)) + constants.rounds[i] + w[i];
    const std::uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const std::array<std::uint32_t, 8> step = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) hash[i] += step[i];
}

}  // namespace

std::string sha256(std::span<const std::uint8_t> bytes) {
  const Constants constants = make_constants();
  Bytes message(bytes.begin(), bytes.end());
  message.push_back(0x80);
  while (message.size() % 64 != 56) message.push_back(0);
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) message.push_back(static_cast<std::uint8_t>(bits >> shift));
  std::array<std::uint32_t, 8> hash = constants.start;
  for (std::size_t block = 0; block < message.size(); block += 64) add_block(&message[block], constants, hash);
  std::string hex;
  for (const std::uint32_t word : hash) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
  }
  return hex;
}

}  // namespace octet::test
