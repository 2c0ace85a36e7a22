#include "octet/graph/tensor.h"

#include <cstring>
#include <new>

namespace octet {
namespace {

constexpr std::size_t kMaxElements = std::size_t{1} << 48;
constexpr std::align_val_t kAlignment{64};

std::shared_ptr<std::byte[]> allocate(std::size_t bytes) {
  // One byte at least, so that a tensor without elements still differs from no tensor.
  auto* raw = static_cast<std::byte*>(::operator new(bytes == 0 ? 1 : bytes, kAlignment, std::nothrow));
  return {raw, [](std::byte* p) { ::operator delete(p, kAlignment); }};
}

}  // namespace

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  if (shape.size() == 1) text += ',';
  return text + ')';
}

Result<std::size_t> element_count(const Shape& shape) {
  bool has_zero = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return Error{ErrorCode::limit, "", "shape " + to_string(shape) + " has a negative size"};
    has_zero = has_zero || size == 0;
  }
  if (has_zero) return std::size_t{0};
  std::size_t count = 1;
  for (const std::int64_t size : shape) {
    if (static_cast<std::size_t>(size) > kMaxElements / count) {
      return Error{ErrorCode::limit, "", "shape " + to_string(shape) + " has more than 2^48 elements"};
    }
    count *= static_cast<std::size_t>(size);
  }
  return count;
}

std::string_view to_string(DType dtype) noexcept {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::f16: return "f16";
    case DType::u8: return "u8";
    case DType::i32: return "s32";
    case DType::s8: return "s8";
    case DType::i64: return "s64";
    case DType::boolean: return "bool";
    case DType::i16: return "s16";
    case DType::u16: return "u16";
    case DType::u32: return "u32";
    case DType::u64: return "u64";
    case DType::bf16: return "bf16";
  }
  return "?";
}

std::size_t size_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::f64:
    case DType::i64:
    case DType::u64: return 8;
    case DType::f32:
    case DType::i32:
    case DType::u32: return 4;
    case DType::f16:
    case DType::bf16:
    case DType::i16:
    case DType::u16: return 2;
    case DType::u8:
    case DType::s8:
    case DType::boolean: return 1;
  }
  return 1;
}

Result<Tensor> Tensor::create(DType dtype, Shape shape) {
  OCTET_TRY(const std::size_t count, element_count(shape));
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.elements_ = count;
  tensor.data_ = allocate(count * size_of(dtype));
  if (!tensor.data_) {
    return Error{ErrorCode::limit, "", "no memory for a tensor of shape " + to_string(tensor.shape_)};
  }
  std::memset(tensor.data_.get(), 0, count * size_of(dtype));
  return tensor;
}

Result<Tensor> Tensor::from(Shape shape, std::span<const float> values) {
  OCTET_TRY(Tensor tensor, create(DType::f32, std::move(shape)));
  if (tensor.elements() != values.size()) {
    return Error{ErrorCode::internal, "",
                 "shape " + to_string(tensor.shape()) + " does not hold " + std::to_string(values.size()) + " values"};
  }
  std::memcpy(tensor.mutable_bytes().data(), values.data(), values.size_bytes());
  return tensor;
}

std::span<std::byte> Tensor::mutable_bytes() {
  if (empty()) return {};
  const std::size_t size = elements_ * size_of(dtype_);
  if (data_.use_count() > 1) {
    auto own = allocate(size);
    if (!own) throw std::bad_alloc();
    std::memcpy(own.get(), data_.get(), size);
    data_ = std::move(own);
  }
  return {data_.get(), size};
}

Result<Tensor> Tensor::reshaped(Shape shape) const {
  OCTET_TRY(const std::size_t count, element_count(shape));
  if (count != elements_) {
    return Error{ErrorCode::internal, "", "cannot reshape " + to_string(shape_) + " to " + to_string(shape)};
  }
  Tensor tensor = *this;
  tensor.shape_ = std::move(shape);
  return tensor;
}

}  // namespace octet
