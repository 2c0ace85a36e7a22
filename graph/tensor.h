// Shapes, element types and dense tensors: the vocabulary of every layer.
#pragma once

#include <cstddef>      // std::byte, std::size_t
#include <cstdint>      // std::int64_t
#include <memory>       // std::shared_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/result.h"

namespace octet {

/// Sizes from the outermost axis to the innermost. Images are (N, C, H, W) in every shape of the
/// graph, whatever the order in memory. An empty shape is a scalar (or "no tensor" in old files).
using Shape = std::vector<std::int64_t>;

/// Most axes an array of MXNet can have.
inline constexpr std::int32_t kMaxAxes = 32;

/// "(1, 3, 224, 224)", "(3,)", "()".
std::string to_string(const Shape& shape);

/// Product of the sizes; an Error(limit) when a size is negative or the product passes 2^48.
Result<std::size_t> element_count(const Shape& shape);

/// Element types; the values are those of MXNet's .params files.
enum class DType : std::uint8_t {
  f32 = 0,
  f64 = 1,
  f16 = 2,
  u8 = 3,
  i32 = 4,
  s8 = 5,
  i64 = 6,
  boolean = 7,
  i16 = 8,
  u16 = 9,
  u32 = 10,
  u64 = 11,
  bf16 = 12,
};

std::string_view to_string(DType dtype) noexcept;
std::size_t size_of(DType dtype) noexcept;

/// The DType of a C++ type, for checked access: dtype_of<float>() == DType::f32.
template <class T>
constexpr DType dtype_of() noexcept;
template <>
constexpr DType dtype_of<float>() noexcept {
  return DType::f32;
}
template <>
constexpr DType dtype_of<double>() noexcept {
  return DType::f64;
}
template <>
constexpr DType dtype_of<std::uint8_t>() noexcept {
  return DType::u8;
}
template <>
constexpr DType dtype_of<std::int8_t>() noexcept {
  return DType::s8;
}
template <>
constexpr DType dtype_of<std::int32_t>() noexcept {
  return DType::i32;
}
template <>
constexpr DType dtype_of<std::int64_t>() noexcept {
  return DType::i64;
}

/// A dense row-major tensor, 64-byte aligned. Copies share the elements; `mutable_as` makes them
/// its own first (copy on write), so a Tensor behaves as a value. Distinct Tensor objects may be
/// read from several threads; one object must not be written from two.
class Tensor {
 public:
  /// An empty tensor: no elements, `empty()`.
  Tensor() = default;

  /// Zero-filled. Fails with Error(limit) on an absurd shape; never throws bad_alloc for one.
  static Result<Tensor> create(DType dtype, Shape shape);

  /// From values; the product of `shape` must be values.size(). For tests and small constants.
  static Result<Tensor> from(Shape shape, std::span<const float> values);

  [[nodiscard]] bool empty() const noexcept { return data_ == nullptr; }
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t elements() const noexcept { return elements_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_.get(), elements_ * size_of(dtype_)}; }
  [[nodiscard]] std::span<std::byte> mutable_bytes();

  /// Precondition: dtype() == dtype_of<T>() (an empty span is returned otherwise).
  template <class T>
  [[nodiscard]] std::span<const T> as() const noexcept {
    if (dtype_ != dtype_of<T>() || empty()) return {};
    return {reinterpret_cast<const T*>(data_.get()), elements_};
  }
  template <class T>
  [[nodiscard]] std::span<T> mutable_as() {
    if (dtype_ != dtype_of<T>() || empty()) return {};
    return {reinterpret_cast<T*>(mutable_bytes().data()), elements_};
  }

  /// The same elements under another shape of equal product.
  [[nodiscard]] Result<Tensor> reshaped(Shape shape) const;

 private:
  DType dtype_ = DType::f32;
  Shape shape_;
  std::size_t elements_ = 0;
  std::shared_ptr<std::byte[]> data_;
};

}  // namespace octet
