#include "octet/graph/params.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

namespace octet {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian and read as they lie");

constexpr std::uint64_t kListMagic = 0x112;
constexpr std::uint32_t kV1 = 0xF993FAC8, kV2 = 0xF993FAC9, kV3 = 0xF993FACA;
constexpr std::uint64_t kMaxKeyBytes = 4096;
constexpr std::int32_t kDense = 0;

/// A cursor over the file that never reads past its end.
class ParamsReader {
 public:
  ParamsReader(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - offset_; }
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] Error error(std::string message, ErrorCode code = ErrorCode::invalid_model) const {
    return error_at(offset_, std::move(message), code);
  }
  [[nodiscard]] Error error_at(std::size_t offset, std::string message,
                               ErrorCode code = ErrorCode::invalid_model) const {
    return {code, where_ + ":" + std::to_string(offset), std::move(message)};
  }

  Result<std::span<const std::byte>> take(std::uint64_t size, const char* what) {
    if (size > left()) {
      return error(std::string("the file ends inside ") + what + " (" + std::to_string(size) + " bytes needed, " +
                   std::to_string(left()) + " left)");
    }
    const auto part = bytes_.subspan(offset_, size);
    offset_ += size;
    return part;
  }
  template <class T>
  Result<T> number(const char* what) {
    OCTET_TRY(const auto part, take(sizeof(T), what));
    T value;
    std::memcpy(&value, part.data(), sizeof value);
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::size_t offset_ = 0;
};

float half_to_float(std::uint16_t half) {
  const int exponent = (half >> 10U) & 0x1F;
  const int fraction = half & 0x3FF;
  float value = 0;
  if (exponent == 31) {
    value = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    value = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return (half & 0x8000U) != 0 ? -value : value;
}

float to_float(double value) {
  constexpr double kMax = std::numeric_limits<float>::max();
  if (std::abs(value) <= kMax || std::isnan(value)) return static_cast<float>(value);
  return value < 0 ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
}
float to_float_f16(std::uint16_t value) { return half_to_float(value); }
float to_float_bf16(std::uint16_t value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16U); }

template <class T, class Convert>
void convert(std::span<const std::byte> src, std::span<float> dst, Convert to) {
  for (std::size_t i = 0; i < dst.size(); ++i) {
    T value;
    std::memcpy(&value, src.data() + i * sizeof(T), sizeof value);
    dst[i] = to(value);
  }
}

/// A shape whose product is known to be sane; nullopt for "no array here".
struct Header {
  std::uint32_t version = 0;  // 0 for V0
  std::optional<Shape> shape;
};

template <class Size>
Result<Shape> read_axes(ParamsReader& in, std::int64_t axes) {
  if (axes < 0 || axes > kMaxAxes) return in.error("an array has " + std::to_string(axes) + " axes");
  Shape shape;
  for (std::int64_t i = 0; i < axes; ++i) {
    OCTET_TRY(const Size size, in.number<Size>("a shape"));
    shape.push_back(static_cast<std::int64_t>(size));
  }
  return shape;
}

Result<Header> read_header(ParamsReader& in) {
  Header header;
  const std::size_t start = in.offset();
  OCTET_TRY(const auto first, in.number<std::uint32_t>("an array"));
  if (first != kV1 && first != kV2 && first != kV3) {
    if (first > kMaxAxes) return in.error_at(start, "not an array header (unknown version, or absurd number of axes)");
    OCTET_TRY(auto shape, read_axes<std::uint32_t>(in, first));
    if (!shape.empty()) header.shape = std::move(shape);
    return header;
  }
  header.version = first;
  if (first != kV1) {
    OCTET_TRY(const auto storage, in.number<std::int32_t>("a storage type"));
    if (storage == 1 || storage == 2) {
      return in.error_at(start, "sparse arrays are not supported", ErrorCode::unsupported);
    }
    if (storage != kDense && storage != -1) {
      return in.error_at(start, "unknown storage type " + std::to_string(storage));
    }
  }
  OCTET_TRY(const auto axes, in.number<std::int32_t>("a shape"));
  // "No array": an unknown shape; before V3, where 0 axes became a scalar, also that.
  if (first == kV3 ? axes == -1 : axes == 0) return header;
  OCTET_TRY(auto shape, read_axes<std::int64_t>(in, axes));
  header.shape = std::move(shape);
  return header;
}

Result<Tensor> read_data(ParamsReader& in, Shape shape) {
  const std::size_t start = in.offset();
  OCTET_CHECK(in.take(8, "a device"));  // where the array lived when it was saved: of no interest
  OCTET_TRY(const auto flag, in.number<std::int32_t>("an element type"));
  if (flag < 0 || flag > static_cast<std::int32_t>(DType::bf16)) {
    return in.error_at(start, "unknown element type " + std::to_string(flag));
  }
  const auto stored = static_cast<DType>(flag);
  const auto count = element_count(shape);
  if (!count) return in.error_at(start, count.error().message);
  if (*count > in.left() / size_of(stored)) {
    return in.error_at(start, "an array of shape " + to_string(shape) + " passes the end of the file");
  }
  OCTET_TRY(const auto bytes, in.take(*count * size_of(stored), "an array"));
  const bool widen = stored == DType::f64 || stored == DType::f16 || stored == DType::bf16;
  OCTET_TRY(auto tensor, Tensor::create(widen ? DType::f32 : stored, std::move(shape)));
  if (!widen) {
    if (!bytes.empty()) std::memcpy(tensor.mutable_bytes().data(), bytes.data(), bytes.size());
    return tensor;
  }
  const auto dst = tensor.mutable_as<float>();
  if (stored == DType::f64) convert<double>(bytes, dst, to_float);
  if (stored == DType::f16) convert<std::uint16_t>(bytes, dst, to_float_f16);
  if (stored == DType::bf16) convert<std::uint16_t>(bytes, dst, to_float_bf16);
  return tensor;
}

Result<Tensor> read_array(ParamsReader& in) {
  OCTET_TRY(auto header, read_header(in));
  if (!header.shape) return Tensor();
  return read_data(in, *std::move(header.shape));
}

Result<std::string> read_key(ParamsReader& in) {
  const std::size_t start = in.offset();
  OCTET_TRY(const auto size, in.number<std::uint64_t>("a key"));
  if (size > kMaxKeyBytes) return in.error_at(start, "a key of " + std::to_string(size) + " bytes");
  OCTET_TRY(const auto bytes, in.take(size, "a key"));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

/// Splits "arg:name" and "aux:name".
std::pair<NamedTensor::Role, std::string> split_role(std::string key) {
  if (key.starts_with("arg:")) return {NamedTensor::Role::arg, key.substr(4)};
  if (key.starts_with("aux:")) return {NamedTensor::Role::aux, key.substr(4)};
  return {NamedTensor::Role::unprefixed, std::move(key)};
}

Result<void> check_end(ParamsReader& in) {
  const std::size_t start = in.offset();
  OCTET_TRY(const auto rest, in.take(in.left(), "padding"));
  for (const std::byte b : rest) {
    if (b != std::byte{0}) {
      return in.error_at(start, std::to_string(rest.size()) + " unexplained bytes behind the last key");
    }
  }
  return {};
}

/// Appends numbers and bytes.
class Writer {
 public:
  template <class T>
  void number(T value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  void bytes(std::span<const std::byte> part) { out.insert(out.end(), part.begin(), part.end()); }
  std::vector<std::byte> out;
};

void write_array(Writer& writer, const Tensor& tensor) {
  // A scalar exists in V3 alone; everything else is V2, which every release since 0.12 reads.
  const bool scalar = !tensor.empty() && tensor.shape().empty();
  writer.number(scalar ? kV3 : kV2);
  writer.number(kDense);
  writer.number(static_cast<std::int32_t>(tensor.shape().size()));
  if (tensor.empty()) return;
  for (const std::int64_t size : tensor.shape()) writer.number(size);
  writer.number(std::int32_t{1});  // CPU
  writer.number(std::int32_t{0});
  writer.number(static_cast<std::int32_t>(tensor.dtype()));
  writer.bytes(tensor.bytes());
}

std::string key_of(const std::string& name, NamedTensor::Role role) {
  switch (role) {
    case NamedTensor::Role::arg: return "arg:" + name;
    case NamedTensor::Role::aux: return "aux:" + name;
    case NamedTensor::Role::unprefixed: break;
  }
  return name;
}

}  // namespace

Result<ParamMap> parse_params(std::span<const std::byte> bytes, const std::string& where) {
  ParamsReader in(bytes, where);
  OCTET_TRY(const auto magic, in.number<std::uint64_t>("the header"));
  if (magic != kListMagic) return in.error_at(0, "not a .params file (no NDArray list magic)");
  OCTET_CHECK(in.number<std::uint64_t>("the header"));  // reserved; MXNet ignores it as well
  OCTET_TRY(const auto count, in.number<std::uint64_t>("the header"));
  if (count > in.left() / 4) return in.error(std::to_string(count) + " arrays do not fit into the file");
  std::vector<Tensor> arrays;
  for (std::uint64_t i = 0; i < count; ++i) {
    OCTET_TRY(auto array, read_array(in));
    arrays.push_back(std::move(array));
  }
  const std::size_t key_start = in.offset();
  OCTET_TRY(const auto keys, in.number<std::uint64_t>("the key count"));
  if (keys != 0 && keys != count) {
    return in.error_at(key_start, std::to_string(keys) + " keys for " + std::to_string(count) + " arrays");
  }
  ParamMap params;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t start = in.offset();
    std::string key = std::to_string(i);
    if (keys != 0) {
      OCTET_TRY(key, read_key(in));
    }
    auto [role, name] = split_role(std::move(key));
    if (name.empty()) return in.error_at(start, "array " + std::to_string(i) + " has an empty name");
    if (!params.try_emplace(name, NamedTensor{role, std::move(arrays[i])}).second) {
      return in.error_at(start, "two arrays are called '" + name + "'");
    }
  }
  OCTET_CHECK(check_end(in));
  return params;
}

std::vector<std::byte> write_params(const ParamMap& params) {
  Writer writer;
  writer.number(kListMagic);
  writer.number(std::uint64_t{0});
  writer.number(static_cast<std::uint64_t>(params.size()));
  for (const auto& [name, param] : params) write_array(writer, param.value);
  writer.number(static_cast<std::uint64_t>(params.size()));
  for (const auto& [name, param] : params) {
    const std::string key = key_of(name, param.role);
    writer.number(static_cast<std::uint64_t>(key.size()));
    writer.bytes(std::as_bytes(std::span(key)));
  }
  return std::move(writer.out);
}

}  // namespace octet
