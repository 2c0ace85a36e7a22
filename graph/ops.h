// The operator registry. Two tables meet here:
// - OperatorDef: one entry per MXNet operator, by all its names: how attributes become a typed Op
//   (with MXNet's defaults), and what its inputs are called;
// - OpKind: one entry per member of the variant Op: shape inference, and how it is written back.
// To add an operator: a struct in op.h (unless an existing one fits), its kind_of() below, and the
// entries in the table of its family in graph/ops/*.cc.
#pragma once

#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/attributes.h"
#include "octet/graph/graph.h"
#include "octet/graph/symbol.h"

namespace octet {

/// Operators that octet writes are called `_octet_` + MXNet's name when MXNet's meaning is changed
/// by hidden attributes (fused post-ops, quantised output, ...).
inline constexpr std::string_view kOwnPrefix = "_octet_";

/// A symbol node's operator with its attributes understood.
struct ParsedOperator {
  Op op;
  std::vector<std::string> data{"data"};  ///< argument names of the data inputs, which come first
  std::vector<std::string> params;        ///< then the weights
  std::vector<std::string> unused;        ///< then what inference does not read (labels); may be absent
};

/// How one MXNet operator is read. Only output 0 of any operator can be used.
struct OperatorDef {
  std::vector<std::string_view> names;  ///< MXNet's current name, then aliases
  Result<ParsedOperator> (*parse)(AttributeReader& attributes);
  int outputs = 1;        ///< as MXNet counts them in node_row_ptr
  bool internal = false;  ///< octet's own, named `_octet_*`
};

/// Shapes that follow from a node's input shapes.
struct InferredShapes {
  std::vector<Shape> outputs;
  std::vector<Shape> params;  ///< what each weight's shape must be, as many as the node has
};

/// What the graph knows of one member of Op.
struct OpKind {
  const char* name;            ///< for users: "Convolution"
  int min_inputs, max_inputs;  ///< data inputs without the operand of a fused sum
  int min_params, max_params;  ///< weights
  bool takes_post_ops;         ///< PostOps may be fused behind it
  /// `inputs` are the data inputs' shapes without the operand of a fused sum, all sizes >= 1 and as
  /// many as allowed above. Errors say what does not fit; the caller names the node.
  Result<InferredShapes> (*infer)(const Node& node, std::span<const Shape> inputs);
  /// Writes the attributes and returns MXNet's operator name.
  std::string (*write)(const Node& node, AttributeWriter& attributes);
};

const OpKind& kind_of(const InputOp&);
const OpKind& kind_of(const NormalizeOp&);
const OpKind& kind_of(const ConstantOp&);
const OpKind& kind_of(const ConvolutionOp&);
const OpKind& kind_of(const FullyConnectedOp&);
const OpKind& kind_of(const BatchNormOp&);
const OpKind& kind_of(const EltwiseOp&);
const OpKind& kind_of(const PoolingOp&);
const OpKind& kind_of(const ConcatOp&);
const OpKind& kind_of(const AddOp&);
const OpKind& kind_of(const FlattenOp&);
const OpKind& kind_of(const ReshapeOp&);
const OpKind& kind_of(const TransposeOp&);
const OpKind& kind_of(const SoftmaxOp&);
const OpKind& kind_of(const IdentityOp&);
const OpKind& kind_of(const PadOp&);
const OpKind& kind_of(const MultiBoxDetectionOp&);
const OpKind& kind_of(const QuantizeOp&);
const OpKind& kind_of(const DequantizeOp&);
const OpKind& kind_of(const PReluOp&);
const OpKind& kind_of(const BinaryOp&);
const OpKind& kind_of(const ReduceOp&);
const OpKind& kind_of(const LrnOp&);
const OpKind& kind_of(const InstanceNormOp&);
const OpKind& kind_of(const UpSamplingOp&);
const OpKind& kind_of(const AdaptivePoolingOp&);
const OpKind& kind_of(const DeconvolutionOp&);
const OpKind& kind_of(const ExpandDimsOp&);
const OpKind& kind_of(const SqueezeOp&);
const OpKind& kind_of(const AddNOp&);
const OpKind& kind_of(const SliceOp&);
const OpKind& kind_of(const SliceLikeOp&);
const OpKind& kind_of(const SplitOp&);
const OpKind& kind_of(const MultiBoxPriorOp&);
const OpKind& kind_of(const L2NormalizationOp&);
const OpKind& kind_of(const BoxNmsOp&);
const OpKind& kind_of(const BoxDetectionOp&);
const OpKind& kind_of(const WhereOp&);
inline const OpKind& kind_of(const Op& op) {
  return std::visit([](const auto& typed) -> const OpKind& { return kind_of(typed); }, op);
}

/// The entry for a name, alias, or `_octet_` + one of them; nullptr when there is none.
const OperatorDef* find_operator(std::string_view name);

/// Understands a node's operator and attributes. Error(unsupported) for an unknown operator, with
/// the nearest known name. Errors do not name the node.
Result<ParsedOperator> parse_operator(const SymbolNode& node);

/// Names of all inputs that the operator of `node` takes; empty when it cannot be understood.
std::vector<std::string> argument_names(const SymbolNode& node);

// Tables of the families (graph/ops/*.cc).
std::span<const OperatorDef> convolution_operators();
std::span<const OperatorDef> pooling_operators();
std::span<const OperatorDef> eltwise_operators();
std::span<const OperatorDef> scalar_operators();
std::span<const OperatorDef> binary_operators();
std::span<const OperatorDef> reduce_operators();
std::span<const OperatorDef> norm_operators();
std::span<const OperatorDef> spatial_operators();
std::span<const OperatorDef> shape_operators();
std::span<const OperatorDef> slice_operators();
std::span<const OperatorDef> softmax_operators();
std::span<const OperatorDef> l2_normalization_operators();
std::span<const OperatorDef> detection_operators();
std::span<const OperatorDef> internal_operators();

// Helpers for the families.

/// Two sizes (height, width), each in [min, kMaxWindow]; absent or "()": `fallback`. Any other
/// number of axes is Error(unsupported): only 2-D windows are handled.
inline constexpr std::int64_t kMaxWindow = 1 << 16;
Size2 read_size2(AttributeReader& attributes, const char* key, std::int64_t min, std::optional<Size2> fallback);

/// Error(invalid_model) without a place; the caller adds it.
Error misfit(std::string message);

/// `axis` counted from the front; an error when there is no such axis.
Result<std::int64_t> resolve_axis(std::int64_t axis, std::size_t rank);

/// Which of `rank` axes the operator reduces.
Result<std::vector<char>> reduced_axes(const ReduceOp& op, std::size_t rank);

/// Writes the kinds of EltwiseOp that MXNet spells as operators of their own (graph/ops/scalar.cc).
std::string write_scalar(const EltwiseOp& op, AttributeWriter& attributes);
/// The cut of one axis of `size` elements: first position, step and number of elements taken.
struct AxisCut {
  std::int64_t begin = 0, step = 1, count = 0;
};
/// By the rules of SliceOp, one per axis of `shape`. Errors say which axis is left empty.
Result<std::vector<AxisCut>> slice_cuts(const SliceOp& op, const Shape& shape);

/// For operators whose output has the shape of their (first) input and that have no weights.
Result<InferredShapes> infer_same(const Node& node, std::span<const Shape> inputs);

}  // namespace octet
