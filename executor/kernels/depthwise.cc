#include "octet/executor/kernels/depthwise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "octet/executor/kernels/depthwise_isa.h"

namespace octet::kernels {
namespace {

/// Interleaved columns up to this size are read back from the L1 cache.
constexpr std::int64_t kInterleavedBytes = std::int64_t{24} * 1024;

/// Integers up to this size are exact in float.
constexpr double kExactInteger = 1 << 24;

/// Columns of the planes for `plan.tile` results, and how many results fit that.
void plan_columns(const ConvolutionOp& op, DepthwisePlan& plan) {
  const std::int64_t stride = op.stride[1], block_bytes = 4 * plan.vector;
  const std::int64_t results = (plan.shape.out_width + plan.pixels - 1) / plan.pixels;
  std::int64_t shared = 0;  // entries that a tile has beyond those of its results
  std::vector<std::int64_t> plane_of(static_cast<std::size_t>(op.kernel[1]));
  for (std::int64_t rest = 0; rest < stride; ++rest) {
    std::int64_t reach = -1;  // of the plane's filter columns, in entries
    for (std::int64_t kx = 0; kx < op.kernel[1]; ++kx) {
      if (kx * op.dilate[1] % stride != rest) continue;
      reach = kx * op.dilate[1] / stride;
      plane_of[kx] = static_cast<std::int64_t>(plan.planes.size());
    }
    if (reach < 0) continue;
    plan.planes.push_back({rest - op.pad.left, reach + 1 - plan.pixels, 0});
    shared += plan.planes.back().entries;
  }
  const auto planes = static_cast<std::int64_t>(plan.planes.size());
  const std::int64_t room = std::max<std::int64_t>(1, kInterleavedBytes / (plan.row_groups * block_bytes));  // entries
  plan.chunk = std::clamp<std::int64_t>(room / (shared + planes * results * plan.pixels), 1, plan.blocks);
  const std::int64_t fitting = (room / plan.chunk - shared) / (planes * plan.pixels);
  const std::int64_t tiles = (results - 1) / std::clamp(fitting, std::min<std::int64_t>(results, 8), results) + 1;
  plan.tile = (results + tiles - 1) / tiles;
  for (DepthwisePlan::Plane& plane : plan.planes) {
    plane.offset = plan.entries;
    plane.entries += plan.tile * plan.pixels;
    plan.entries += plane.entries;
  }
  for (std::int64_t group = 0; group < plan.row_groups; ++group) {
    for (std::int64_t kx = 0; kx < op.kernel[1]; ++kx) {
      const std::int64_t entry = plan.planes[plane_of[kx]].offset + kx * op.dilate[1] / stride;
      plan.taps.push_back(static_cast<std::size_t>((group * plan.entries + entry) * plan.chunk * block_bytes));
    }
  }
  plan.zeros_offset = plan.row_groups * plan.entries * plan.chunk * block_bytes;
  plan.scratch_bytes = static_cast<std::size_t>(plan.zeros_offset + plan.shape.width * plan.shape.channels);
}

/// True when no float operation of the epilogue rounds before the multiplication, and nothing but the
/// destination's type limits the result.
bool is_plain(const DepthwisePlan& plan, const DepthwiseNumbers& numbers) {
  const bool is_signed = plan.shape.dst == DType::s8;
  if (plan.shape.dst == DType::f32) return false;
  // Limits that round to the type's own.
  if (plan.low > (is_signed ? -127.5F : 0.5F) || plan.high <= (is_signed ? 126.5F : 254.5F)) return false;
  const std::size_t size = numbers.weight.size() / numbers.scale.size();
  for (std::size_t c = 0; c < numbers.scale.size(); ++c) {
    double sum = std::abs(static_cast<double>(numbers.bias[c]));
    for (const std::int8_t w : numbers.weight.subspan(c * size, size)) sum += 255.0 * std::abs(int{w});
    if (sum > kExactInteger || sum * std::abs(static_cast<double>(numbers.scale[c])) >= 0x1p30) return false;
  }
  return true;
}

/// Writes the constants of one channel's lane.
class LaneWriter {
 public:
  LaneWriter(const ConvolutionOp& op, const DepthwisePlan& plan, const DepthwiseNumbers& numbers, std::byte* packed)
      : op_(op), plan_(plan), numbers_(numbers), packed_(packed) {}

  /// Byte `index` of the vectors of `pixels` results belongs to `channel`.
  void write(std::int64_t index, std::int64_t channel) {
    const std::int64_t within = index % plan_.vector;
    k_ = within % 16 / 4;
    lane_ = within / 16 * 4 + within % 4;
    block_ = packed_ + index / plan_.vector * static_cast<std::int64_t>(plan_.block_bytes);
    const std::int64_t size = op_.kernel[0] * op_.kernel[1];
    weight_ = numbers_.weight.data() + channel * size;
    std::int32_t start = plan_.plain ? numbers_.bias[channel] : 0;
    if (plan_.shape.src == DType::s8) {  // sources are read as x + 128
      for (std::int64_t t = 0; t < size; ++t) start -= 128 * weight_[t];
    }
    put(k_ * plan_.vector + 4 * lane_, start);
    put((4 + k_) * plan_.vector + 4 * lane_, numbers_.scale[channel]);
    put((8 + k_) * plan_.vector + 4 * lane_, static_cast<float>(numbers_.bias[channel]));
    for (std::int64_t row = 0; row < plan_.band; ++row) {
      for (std::int64_t group = 0; group < plan_.row_groups; ++group) {
        for (std::int64_t kx = 0; kx < op_.kernel[1]; ++kx) put_taps(row, group, kx);
      }
    }
  }

 private:
  template <class T>
  void put(std::int64_t offset, T value) {
    std::memcpy(block_ + offset, &value, sizeof(T));
  }

  /// The four taps of column kx that a group of interleaved rows meets in a row of the band.
  void put_taps(std::int64_t row, std::int64_t group, std::int64_t kx) {
    const std::int64_t tap = (row * plan_.row_groups + group) * op_.kernel[1] + kx;
    const std::int64_t offset = 12 * plan_.vector + (tap * 4 + k_) * 64;
    for (std::int64_t s = 0; s < 4; ++s) {
      const std::int64_t ky = 4 * group + s - row * op_.stride[0];
      if (ky < 0 || ky >= op_.kernel[0]) continue;
      const std::int8_t w = weight_[ky * op_.kernel[1] + kx];
      if (plan_.isa == DepthwiseIsa::avx512_vnni) {
        put(offset + 4 * lane_ + s, w);
      } else {
        put(offset + s % 2 * 32 + 4 * lane_ + s / 2 * 2, std::int16_t{w});
      }
    }
  }

  const ConvolutionOp& op_;
  const DepthwisePlan& plan_;
  const DepthwiseNumbers& numbers_;
  std::byte* packed_;
  std::byte* block_ = nullptr;
  const std::int8_t* weight_ = nullptr;
  std::int64_t k_ = 0, lane_ = 0;
};

}  // namespace

DepthwisePlan plan_depthwise(const ConvolutionOp& op, const DepthwiseShape& shape, const DepthwiseNumbers& numbers,
                             DepthwiseIsa isa) {
  DepthwisePlan plan;
  plan.shape = shape;
  plan.isa = isa;
  plan.stride_y = op.stride[0];
  plan.stride_x = op.stride[1];
  plan.dilate_y = op.dilate[0];
  plan.pad_top = op.pad.top;
  plan.kernel_h = op.kernel[0];
  plan.vector = isa == DepthwiseIsa::avx512_vnni ? 64 : 32;
  // Pixels whose neighbours in the result are neighbours in the source share a vector.
  if (op.stride[1] == 1) plan.pixels = std::max<std::int64_t>(1, plan.vector / shape.channels);
  plan.blocks = (plan.pixels * shape.channels + plan.vector - 1) / plan.vector;
  plan.row_groups = (op.kernel[0] + 3) / 4;
  if (op.dilate[0] == 1 || op.kernel[0] == 1) plan.band = (4 * plan.row_groups - op.kernel[0]) / op.stride[0] + 1;
  if (op.kernel[0] == 1) plan.dilate_y = 1;
  plan_columns(op, plan);
  // Saturation is a limit too; so nothing behind the limits can leave 32 bits.
  const bool is_float = shape.dst == DType::f32;
  const float least = is_float ? -HUGE_VALF : shape.dst == DType::s8 ? -128.0F : 0.0F;
  const float most = is_float ? HUGE_VALF : shape.dst == DType::s8 ? 127.0F : 255.0F;
  plan.low = std::min(std::max(numbers.low, least), most);
  plan.high = std::min(std::max(numbers.high, least), most);
  plan.plain = is_plain(plan, numbers);
  plan.block_bytes =
      static_cast<std::size_t>(12 * plan.vector + plan.band * static_cast<std::int64_t>(plan.taps.size()) * 4 * 64);
  plan.packed_bytes = static_cast<std::size_t>(plan.blocks) * plan.block_bytes;
  return plan;
}

std::vector<std::byte> pack_depthwise(const ConvolutionOp& op, const DepthwisePlan& plan,
                                      const DepthwiseNumbers& numbers) {
  std::vector<std::byte> packed(plan.packed_bytes);
  LaneWriter writer(op, plan, numbers, packed.data());
  for (std::int64_t index = 0; index < plan.pixels * plan.shape.channels; ++index) {
    writer.write(index, index % plan.shape.channels);
  }
  return packed;
}

void depthwise(const DepthwisePlan& plan, const std::byte* packed, const void* src, void* dst, void* scratch) noexcept {
  const DepthwiseShape& shape = plan.shape;
  const std::int64_t picture_bytes = shape.height * shape.width * shape.channels;
  const std::int64_t result_bytes =
      shape.out_height * shape.out_width * shape.channels * (shape.dst == DType::f32 ? 4 : 1);
  std::memset(static_cast<std::byte*>(scratch) + plan.zeros_offset, 0,
              static_cast<std::size_t>(shape.width * shape.channels));
  const auto function = plan.isa == DepthwiseIsa::avx512_vnni ? depthwise_avx512_vnni : depthwise_avx2;
  for (std::int64_t n = 0; n < shape.images; ++n) {
    function(plan, packed, static_cast<const std::uint8_t*>(src) + n * picture_bytes,
             static_cast<std::byte*>(dst) + n * result_bytes, static_cast<std::byte*>(scratch));
  }
}

}  // namespace octet::kernels
