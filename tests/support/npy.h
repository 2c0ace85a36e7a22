// Reads NumPy's .npy and .npz files: the form of the reference arrays among the test assets.
#pragma once

#include <cstdint>     // std::uint8_t
#include <filesystem>  // std::filesystem::path
#include <map>         // std::map
#include <span>        // std::span
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/result.h"
#include "octet/graph/tensor.h"

namespace octet::test {

/// One array: little-endian, C order. `dtype` is NumPy's code without the byte order: "u1", "i4", "f4".
struct Npy {
  Shape shape;
  std::string dtype;
  std::vector<std::uint8_t> bytes;

  /// The elements; empty when T is not of the array's size. Mind the dtype: f4 reads as float.
  template <class T>
  [[nodiscard]] std::span<const T> as() const {
    if (dtype.empty() || sizeof(T) != static_cast<std::size_t>(dtype[1] - '0')) return {};
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  /// The elements of row `n` of the outermost axis.
  template <class T>
  [[nodiscard]] std::span<const T> row(std::size_t n) const {
    const std::span<const T> all = as<T>();
    const std::size_t size = all.size() / static_cast<std::size_t>(shape.at(0));
    return all.subspan(n * size, size);
  }
};

Result<Npy> read_npy(const std::filesystem::path& path);

/// All arrays of an archive by name (without ".npy"), stored or deflated.
Result<std::map<std::string, Npy>> read_npz(const std::filesystem::path& path);

/// The whole file. For small test files only.
Result<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path);

}  // namespace octet::test
