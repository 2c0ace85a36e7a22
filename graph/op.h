// The operators of the graph, as typed parameter structs. Names and meaning follow Apache MXNet's
// operator definitions; what MXNet leaves to defaults is always explicit here.
#pragma once

#include <array>     // std::array
#include <cstdint>   // std::int64_t
#include <optional>  // std::optional
#include <variant>   // std::variant
#include <vector>    // std::vector

#include "octet/graph/preprocess.h"  // Border
#include "octet/graph/tensor.h"

namespace octet {

/// Zero padding of a 2-D window, each side on its own (a Pad node may have been merged in).
struct Padding {
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;
  bool operator==(const Padding&) const = default;
};

using Size2 = std::array<std::int64_t, 2>;  ///< (height, width)

/// The image input: u8 pixels, shape (N, C, H + border, W + border), NHWC in memory, scale 1.
struct InputOp {
  Border border;
};

/// Pixels to the network's input: (u8 - mean) / std, f32 out (or quantised, by the output's dtype).
struct NormalizeOp {
  std::vector<float> mean, std;
};

/// A stored tensor that is not a weight (SSD anchors, for example).
struct ConstantOp {
  Tensor value;
};

/// 2-D convolution, weight (num_filter, C / groups, kh, kw); params: weight, [bias].
struct ConvolutionOp {
  std::int64_t num_filter = 0;
  Size2 kernel{1, 1}, stride{1, 1}, dilate{1, 1};
  Padding pad;
  std::int64_t groups = 1;
};

/// weight (num_hidden, in); params: weight, [bias]. flatten: all axes but the first are one.
struct FullyConnectedOp {
  std::int64_t num_hidden = 0;
  bool flatten = true;
};

/// params: gamma, beta, moving_mean, moving_var. y = (x - mean) / sqrt(var + eps) * gamma + beta.
struct BatchNormOp {
  double eps = 1e-3;
  bool fix_gamma = true;
  std::int64_t axis = 1;
};

enum class EltwiseKind : std::uint8_t {
  relu,        ///< max(x, 0)
  leaky_relu,  ///< x < 0 ? alpha * x : x
  clip,        ///< min(max(x, alpha), beta)
  sigmoid,
  tanh,
  softrelu,
  softsign,
  elu,     ///< x < 0 ? alpha * (exp(x) - 1) : x
  linear,  ///< alpha * x + beta
  log,     ///< natural
  sqrt,
  square,
  abs,
  reciprocal,     ///< alpha / x
  power,          ///< x to the power of alpha
  greater,        ///< x > alpha ? 1 : 0
  greater_equal,  ///< x >= alpha ? 1 : 0
  lesser,         ///< x < alpha ? 1 : 0
  lesser_equal,   ///< x <= alpha ? 1 : 0
  equal,          ///< x == alpha ? 1 : 0
  not_equal,      ///< x != alpha ? 1 : 0
  exp,
  gelu,  ///< x / 2 * (1 + erf(x / sqrt(2)))
};

/// One-input elementwise function (Activation, LeakyReLU, clip, relu, _mul_scalar, sqrt, ...).
struct EltwiseOp {
  EltwiseKind kind = EltwiseKind::relu;
  float alpha = 0, beta = 0;
};

/// x < 0 ? slope * x : x; params: slope of each channel (axis 1), or one for all.
struct PReluOp {};

enum class BinaryKind : std::uint8_t { add, sub, mul, div, maximum, minimum };

/// Elementwise function of two values of equal rank; an axis of size 1 is repeated as the other
/// value needs it. Sums of one shape are AddOp instead: residuals are fused and computed in INT8.
struct BinaryOp {
  BinaryKind kind = BinaryKind::add;
};

/// condition != 0 ? x : y, three values of one shape.
struct WhereOp {};

enum class ReduceKind : std::uint8_t { mean, sum, max, min };

/// Over `axes` (empty: all of them), or over all others with `exclude`.
struct ReduceOp {
  ReduceKind kind = ReduceKind::mean;
  std::vector<std::int64_t> axes;
  bool keep_dims = false;  ///< reduced axes stay, of size 1
  bool exclude = false;
};

/// x * (knorm + alpha / nsize * sum of squares over the nsize channels around it) ^ -beta.
struct LrnOp {
  float alpha = 1e-4F, beta = 0.75F, knorm = 2;
  std::int64_t nsize = 5;  ///< odd
};

/// (x - mean) / sqrt(var + eps) * gamma + beta, with each image's own mean and variance of each
/// channel; params: gamma, beta.
struct InstanceNormOp {
  float eps = 1e-3F;
};

/// Nearest neighbour: every pixel becomes scale x scale pixels.
struct UpSamplingOp {
  std::int64_t scale = 1;
};

/// The mean over bins from floor(i * H / h) to ceil((i + 1) * H / h), and W alike.
struct AdaptivePoolingOp {
  Size2 output{1, 1};
};

/// Transposed convolution, weight (C, num_filter / groups, kh, kw); params: weight, [bias].
/// Output sizes: stride * (size - 1) + dilate * (kernel - 1) + 1 - 2 pad + adjust.
struct DeconvolutionOp {
  std::int64_t num_filter = 0;
  Size2 kernel{1, 1}, stride{1, 1}, dilate{1, 1}, pad{0, 0}, adjust{0, 0};
  std::int64_t groups = 1;
};

enum class PoolKind : std::uint8_t { max, avg, sum };
enum class PoolConvention : std::uint8_t { valid, full };

struct PoolingOp {
  PoolKind kind = PoolKind::max;
  bool global = false;  ///< kernel, stride and pad are ignored
  PoolConvention convention = PoolConvention::valid;
  Size2 kernel{1, 1}, stride{1, 1}, pad{0, 0};
  bool count_include_pad = true;
};

struct ConcatOp {
  std::int64_t axis = 1;
};
struct AddOp {};   ///< elementwise sum of two values of one shape
struct AddNOp {};  ///< of any number. Only while a graph is built: then a chain of AddOp
/// (N, rest), in NCHW order; channels_last: (N, C, H, W) in NHWC order, as behind transpose(0, 2, 3, 1).
struct FlattenOp {
  bool channels_last = false;
};
/// MXNet's codes: 0 copy, -1 infer, -2 copy the rest, -3 merge two, -4 split.
struct ReshapeOp {
  std::vector<std::int64_t> shape;
  bool reverse = false;
};
/// An axis of size 1 before `axis` of the result. Only while a graph is built: then a Reshape.
struct ExpandDimsOp {
  std::int64_t axis = 0;
};
/// Drops axes of size 1 (empty: all such). Only while a graph is built: then a Reshape.
struct SqueezeOp {
  std::vector<std::int64_t> axes;
};
struct TransposeOp {
  std::vector<std::int64_t> axes;
};  ///< empty: reversed

/// A part of a value: axes `axis`, `axis` + 1, ... (as many as `begin` has) are cut to [begin, end) in
/// steps of `step`, by Python's rules: negative positions count from the end, absent ones mean the
/// whole axis in the step's direction, an end beyond the axis is its end. Empty parts are errors.
struct SliceOp {
  std::int64_t axis = 0;
  std::vector<std::optional<std::int64_t>> begin, end;
  std::vector<std::int64_t> step;  ///< not 0
};

// The next three need an input's shape only. Building a graph replaces them, the first two by SliceOp
// and the last by ConstantOp, so that they keep no other node alive and no later layer sees them.

/// Cuts the first input to the size of the second along `axes`; empty: all axes.
struct SliceLikeOp {
  std::vector<std::int64_t> axes;
};
/// Part number `part` of `parts` equal ones along `axis`: one output of MXNet's SliceChannel.
struct SplitOp {
  std::int64_t axis = 1, parts = 1, part = 0;
  bool squeeze = false;  ///< each part has size 1 along the axis, which a Reshape behind it drops
};
/// SSD anchors of one feature map, see anchors.h. `steps` and `offsets` are (y, x).
struct MultiBoxPriorOp {
  std::vector<float> sizes{1}, ratios{1};
  bool clip = false;
  std::array<float, 2> steps{-1, -1}, offsets{0.5F, 0.5F};
};

/// Softmax over `axis`; per_sample: over everything but the first axis (SoftmaxOutput's default).
struct SoftmaxOp {
  std::int64_t axis = -1;
  bool per_sample = false;
  float temperature = 1;
};

struct IdentityOp {};  ///< Dropout at inference, identity, BlockGrad, ...

enum class PadMode : std::uint8_t { constant, edge, reflect };
struct PadOp {
  PadMode mode = PadMode::constant;
  std::vector<std::int64_t> before, after;
  float value = 0;
};

/// SSD decoding and per-class NMS; inputs cls_prob (N, classes + 1, A), loc_pred (N, 4A),
/// anchors (1, A, 4); output (N, A, 6) rows [id, score, xmin, ymin, xmax, ymax], id -1 = none.
struct MultiBoxDetectionOp {
  bool clip = true;
  float threshold = 0.01F;
  float nms_threshold = 0.5F;
  bool force_suppress = false;
  std::array<float, 4> variances{0.1F, 0.1F, 0.2F, 0.2F};
  std::int64_t nms_topk = -1;
};

enum class L2Mode : std::uint8_t {
  instance,  ///< the sum runs over all axes but the first
  channel,   ///< over axis 1
  spatial,   ///< over all axes behind axis 1
};

/// y = x / sqrt(sum(x^2) + eps); with a weight (params: scale, one per channel) times scale[c], which is
/// where SSD's learned scale behind the normalisation goes.
struct L2NormalizationOp {
  L2Mode mode = L2Mode::instance;
  float eps = 1e-10F;
};

enum class BoxFormat : std::uint8_t {
  corner,  ///< xmin, ymin, xmax, ymax
  center,  ///< x, y, width, height
};

/// MXNet's box_nms on rows (last axis) of boxes (last axis but one); see executor/kernels/box_nms.h.
struct BoxNmsOp {
  float overlap_thresh = 0.5F, valid_thresh = 0;
  std::int64_t topk = -1;
  std::int64_t coord_start = 2, score_index = 1, id_index = -1, background_id = -1;
  bool force_suppress = false;
  BoxFormat in_format = BoxFormat::corner, out_format = BoxFormat::corner;
};

/// The tail of GluonCV's SSD networks as one operator: score test per class, decoding of boxes, box_nms
/// over all classes of all anchors, the first `rows` rows. Inputs: probabilities (N, A, classes + 1),
/// background first; predictions (N, A, 4); anchors (1, A, 4) as (x, y, width, height). Output
/// (N, rows, 6) rows [id, score, xmin, ymin, xmax, ymax] in the anchors' unit, pixels of the network's
/// input; -1 behind the last detection. See executor/kernels/box_nms.h.
struct BoxDetectionOp {
  float score_threshold = 0.01F;                       ///< a class counts when its score is above
  std::array<float, 4> stds{0.1F, 0.1F, 0.2F, 0.2F};   ///< of x, y, width, height
  std::array<float, 4> means{0, 0, 0, 0};              ///< likewise
  float overlap_thresh = 0.45F, valid_thresh = 0.01F;  ///< of box_nms
  std::int64_t topk = 400;                             ///< of box_nms, -1: all
  std::int64_t rows = 100;
};

struct QuantizeOp {};    ///< f32 to the output's dtype: saturate(round_half_even(x / scale))
struct DequantizeOp {};  ///< quantised to f32: q * scale

using Op =
    std::variant<InputOp, NormalizeOp, ConstantOp, ConvolutionOp, FullyConnectedOp, BatchNormOp, EltwiseOp, PoolingOp,
                 ConcatOp, AddOp, FlattenOp, ReshapeOp, TransposeOp, SoftmaxOp, IdentityOp, PadOp, MultiBoxDetectionOp,
                 QuantizeOp, DequantizeOp, PReluOp, BinaryOp, ReduceOp, LrnOp, InstanceNormOp, UpSamplingOp,
                 AdaptivePoolingOp, DeconvolutionOp, ExpandDimsOp, SqueezeOp, AddNOp, SliceOp, SliceLikeOp, SplitOp,
                 MultiBoxPriorOp, L2NormalizationOp, BoxNmsOp, BoxDetectionOp, WhereOp>;

}  // namespace octet
