#include "executor/reference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "executor/reference_boxes.h"
#include "executor/reference_layers.h"
#include "executor/reference_values.h"
#include "octet/graph/ops.h"

namespace octet::test {
namespace {

std::size_t positive_axis(std::int64_t axis, const Shape& shape) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis);
}

/// One node being computed.
struct Task {
  const Node& node;
  std::vector<RefValue> inputs;
  const Value& out;
  Tensor& dst;

  [[nodiscard]] std::size_t elements() const { return dst.elements(); }
  /// The real value of input element i, stored: copied where storage is the same.
  void pass(std::size_t to, const RefValue& src, std::size_t from) const {
    if (src.value.dtype == out.dtype && src.value.scale == out.scale) return store(dst, to, src.stored(from));
    store_real(dst, to, src.real(from), out);
  }
};

void reference_op(const Task& task, const NormalizeOp& op) {
  const Shape& shape = task.out.shape;
  for (std::size_t i = 0; i < task.elements(); ++i) {
    const auto c = static_cast<std::size_t>(unflat(shape, i)[1]);
    store_real(task.dst, i, (task.inputs[0].stored(i) - op.mean[c]) / op.std[c], task.out);
  }
}

void reference_op(const Task& task, const BatchNormOp& op) {
  const Shape& shape = task.out.shape;
  const std::size_t axis = positive_axis(op.axis, shape);
  const auto param = [&](std::size_t k, std::size_t c) -> double { return task.node.params[k].value.as<float>()[c]; };
  const RefValue& src = task.inputs[0];
  const bool relu = !task.node.post_ops.empty() && task.node.post_ops[0].eltwise.kind == EltwiseKind::relu;
  const bool steps = (src.value.quantized() || task.out.quantized()) &&
                     axis + (shape.size() == 4 ? 3 : 1) == shape.size() && (task.node.post_ops.empty() || relu);
  if (steps) {  // the arithmetic of kernels/affine.h
    const double from = src.value.quantized() ? src.value.scale : 1.0, to = task.out.quantized() ? task.out.scale : 1.0;
    for (std::size_t i = 0; i < task.elements(); ++i) {
      const auto c = static_cast<std::size_t>(unflat(shape, i)[axis]);
      const double scale = (op.fix_gamma ? 1 : param(0, c)) / std::sqrt(param(3, c) + op.eps);
      const auto shift = static_cast<float>(param(1, c) - param(2, c) * scale);
      const auto factor = static_cast<float>(static_cast<float>(scale) * from / to);
      const float product = src.stored(i) * factor;
      const float t = product + static_cast<float>(shift / to);
      store(task.dst, i, relu && !(t > 0) ? 0 : t);
    }
    return;
  }
  for (std::size_t i = 0; i < task.elements(); ++i) {
    const auto c = static_cast<std::size_t>(unflat(shape, i)[axis]);
    const double gamma = op.fix_gamma ? 1 : param(0, c);
    double x = (src.real(i) - param(2, c)) / std::sqrt(param(3, c) + op.eps) * gamma + param(1, c);
    for (const PostOp& post : task.node.post_ops) x = eltwise_function(post.eltwise, x);
    store_real(task.dst, i, static_cast<float>(x), task.out);
  }
}

void reference_op(const Task& task, const EltwiseOp& op) {
  for (std::size_t i = 0; i < task.elements(); ++i) {
    store_real(task.dst, i, static_cast<float>(eltwise_function(op, task.inputs[0].real(i))), task.out);
  }
}

void reference_op(const Task& task, const PoolingOp& op) {
  const RefValue& src = task.inputs[0];
  const std::int64_t height = src.value.shape[2], width = src.value.shape[3];
  const Size2 kernel = op.global ? Size2{height, width} : op.kernel;
  const Size2 stride = op.global ? Size2{1, 1} : op.stride, pad = op.global ? Size2{0, 0} : op.pad;
  for (std::size_t i = 0; i < task.elements(); ++i) {
    const Shape at = unflat(task.out.shape, i);
    double sum = 0, best = -std::numeric_limits<double>::infinity();
    int inside = 0, padded = 0;
    for (std::int64_t y = at[2] * stride[0] - pad[0]; y < at[2] * stride[0] - pad[0] + kernel[0]; ++y) {
      for (std::int64_t x = at[3] * stride[1] - pad[1]; x < at[3] * stride[1] - pad[1] + kernel[1]; ++x) {
        if (y < height + pad[0] && x < width + pad[1]) ++padded;
        if (y < 0 || x < 0 || y >= height || x >= width) continue;
        ++inside;
        const double stored = src.stored(flat(src.value.shape, {at[0], at[1], y, x}));
        sum += stored;
        best = std::max(best, stored);
      }
    }
    const double divisor = op.kind == PoolKind::sum ? 1 : (op.count_include_pad ? padded : inside);
    if (inside == 0) {
      store(task.dst, i, 0);
    } else if (!src.value.quantized()) {
      store_real(task.dst, i, static_cast<float>(op.kind == PoolKind::max ? best : sum / divisor), task.out);
    } else if (op.kind == PoolKind::max) {
      const bool same = src.value.dtype == task.out.dtype && src.value.scale == task.out.scale;
      const auto stored = static_cast<float>(best);
      if (same) store(task.dst, i, stored);
      if (!same) store_real(task.dst, i, stored * src.value.scale, task.out);
    } else {
      const double dst_scale = task.out.quantized() ? task.out.scale : 1.0;
      const auto factor = static_cast<float>(src.value.scale / (dst_scale * divisor));
      store(task.dst, i, static_cast<float>(sum) * factor);
    }
  }
}

void reference_op(const Task& task, const ConcatOp& op) {
  const std::size_t axis = positive_axis(op.axis, task.out.shape);
  std::int64_t start = 0;
  for (const RefValue& input : task.inputs) {
    for (std::size_t i = 0; i < input.tensor.elements(); ++i) {
      Shape at = unflat(input.value.shape, i);
      at[axis] += start;
      task.pass(flat(task.out.shape, at), input, i);
    }
    start += input.value.shape[axis];
  }
}

void reference_op(const Task& task, const AddOp& /*op*/) {
  for (std::size_t i = 0; i < task.elements(); ++i) {
    float x = task.inputs[0].real(i) + task.inputs[1].real(i);
    for (const PostOp& post : task.node.post_ops) x = static_cast<float>(eltwise_function(post.eltwise, x));
    store_real(task.dst, i, x, task.out);
  }
}

void copy_all(const Task& task) {
  for (std::size_t i = 0; i < task.elements(); ++i) task.pass(i, task.inputs[0], i);
}
void reference_op(const Task& task, const FlattenOp& op) {
  if (!op.channels_last) return copy_all(task);
  const Shape& from = task.inputs[0].value.shape;
  for (std::size_t i = 0; i < task.elements(); ++i) {
    const Shape at = unflat({from[0], from[2], from[3], from[1]}, i);
    task.pass(i, task.inputs[0], flat(from, {at[0], at[3], at[1], at[2]}));
  }
}
void reference_op(const Task& task, const ReshapeOp& /*op*/) { copy_all(task); }
void reference_op(const Task& task, const IdentityOp& /*op*/) { copy_all(task); }
void reference_op(const Task& task, const QuantizeOp& /*op*/) { copy_all(task); }
void reference_op(const Task& task, const DequantizeOp& /*op*/) { copy_all(task); }

void reference_op(const Task& task, const TransposeOp& op) {
  const Shape& from = task.inputs[0].value.shape;
  Shape axes = op.axes;
  if (axes.empty()) {
    axes.resize(from.size());
    std::iota(axes.rbegin(), axes.rend(), 0);
  }
  for (std::size_t i = 0; i < task.elements(); ++i) {
    const Shape at = unflat(task.out.shape, i);
    Shape source(at.size());
    for (std::size_t k = 0; k < axes.size(); ++k) source[static_cast<std::size_t>(axes[k])] = at[k];
    task.pass(i, task.inputs[0], flat(from, source));
  }
}

void reference_op(const Task& task, const SoftmaxOp& op) {
  const Shape& shape = task.out.shape;
  Shape view = shape;  // per_sample: (N, everything)
  if (op.per_sample) view = {shape[0], static_cast<std::int64_t>(task.elements()) / shape[0]};
  const std::size_t axis = op.per_sample ? 1 : positive_axis(op.axis, shape);
  for (std::size_t i = 0; i < task.elements(); ++i) {
    Shape at = unflat(view, i);
    double max = -std::numeric_limits<double>::infinity(), sum = 0;
    for (at[axis] = 0; at[axis] < view[axis]; ++at[axis]) {
      max = std::max<double>(max, task.inputs[0].real(flat(view, at)));
    }
    for (at[axis] = 0; at[axis] < view[axis]; ++at[axis]) {
      sum += std::exp((task.inputs[0].real(flat(view, at)) - max) / op.temperature);
    }
    const double x = std::exp((task.inputs[0].real(i) - max) / op.temperature) / sum;
    store_real(task.dst, i, static_cast<float>(x), task.out);
  }
}

void reference_op(const Task& task, const PadOp& op) {
  const Shape& from = task.inputs[0].value.shape;
  for (std::size_t i = 0; i < task.elements(); ++i) {
    Shape at = unflat(task.out.shape, i);
    bool inside = true;
    for (std::size_t k = 0; k < at.size(); ++k) {
      at[k] -= op.before[k];
      inside = inside && at[k] >= 0 && at[k] < from[k];
      if (op.mode == PadMode::edge) at[k] = std::clamp<std::int64_t>(at[k], 0, from[k] - 1);
      if (op.mode == PadMode::reflect) {
        if (at[k] < 0) at[k] = -at[k];
        if (at[k] >= from[k]) at[k] = 2 * (from[k] - 1) - at[k];
      }
    }
    if (inside || op.mode != PadMode::constant) {
      task.pass(i, task.inputs[0], flat(from, at));
    } else {
      store_real(task.dst, i, op.value, task.out);
    }
  }
}

void reference_op(const Task& task, const MultiBoxDetectionOp& op) {
  const Shape& scores = task.inputs[0].value.shape;
  const auto classes = static_cast<std::size_t>(scores[1]), anchors = static_cast<std::size_t>(scores[2]);
  for (std::size_t n = 0; n < static_cast<std::size_t>(scores[0]); ++n) {
    const auto rows = reference_detection(
        op, classes, anchors, task.inputs[0].tensor.as<float>().data() + n * classes * anchors,
        task.inputs[1].tensor.as<float>().data() + n * 4 * anchors, task.inputs[2].tensor.as<float>().data());
    std::copy(rows.begin(), rows.end(),
              task.dst.mutable_as<float>().begin() + static_cast<std::ptrdiff_t>(n * rows.size()));
  }
}

void reference_op(const Task& task, const SliceOp& op) {
  const Shape& from = task.inputs[0].value.shape;
  const auto cuts = slice_cuts(op, from);
  for (std::size_t i = 0; i < task.elements(); ++i) {
    Shape at = unflat(task.out.shape, i);
    for (std::size_t k = 0; k < at.size(); ++k) at[k] = (*cuts)[k].begin + at[k] * (*cuts)[k].step;
    task.pass(i, task.inputs[0], flat(from, at));
  }
}

/// The places whose squares are added up for element `at`: those that agree with it on the other axes.
bool in_sum(L2Mode mode, const Shape& a, const Shape& b) {
  bool same = a[0] == b[0];
  for (std::size_t k = 1; k < a.size(); ++k) {
    const bool summed = mode == L2Mode::instance || (mode == L2Mode::channel ? k == 1 : k >= 2);
    same = same && (summed || a[k] == b[k]);
  }
  return same;
}

void reference_op(const Task& task, const L2NormalizationOp& op) {
  const Shape& shape = task.out.shape;
  const RefValue& x = task.inputs[0];
  const double unit = x.value.quantized() ? x.value.scale : 1.0;
  for (std::size_t i = 0; i < task.elements(); ++i) {
    const Shape at = unflat(shape, i);
    double sum = 0;
    for (std::size_t j = 0; j < task.elements(); ++j) {
      if (in_sum(op.mode, at, unflat(shape, j))) sum += static_cast<double>(x.stored(j)) * x.stored(j);
    }
    const double root = std::sqrt(sum * unit * unit + op.eps);
    float y = x.stored(i) * (root > 0 ? static_cast<float>(unit / root) : 0.0F);
    if (!task.node.params.empty()) y *= task.node.params[0].value.as<float>()[static_cast<std::size_t>(at[1])];
    store_real(task.dst, i, y, task.out);
  }
}

void reference_op(const Task& task, const BoxNmsOp& op) {
  const Shape& shape = task.out.shape;
  const auto values = task.inputs[0].tensor.as<float>();
  const auto width = static_cast<std::size_t>(shape.back());
  const std::size_t image = width * static_cast<std::size_t>(shape[shape.size() - 2]);
  for (std::size_t start = 0; start < values.size(); start += image) {
    const auto part = values.subspan(start, image);
    const auto rows = reference_box_nms(op, width, {part.begin(), part.end()});
    std::copy(rows.begin(), rows.end(), task.dst.mutable_as<float>().begin() + static_cast<std::ptrdiff_t>(start));
  }
}

void reference_op(const Task& task, const BoxDetectionOp& op) {
  const Shape& scores = task.inputs[0].value.shape;
  const auto anchors = static_cast<std::size_t>(scores[1]), classes = static_cast<std::size_t>(scores[2]);
  const auto boxes = task.inputs[2].tensor.as<float>();
  for (std::size_t n = 0; n < static_cast<std::size_t>(scores[0]); ++n) {
    const auto rows = reference_box_detection(
        op, classes, task.inputs[0].tensor.as<float>().data() + n * anchors * classes,
        task.inputs[1].tensor.as<float>().data() + n * anchors * 4, {boxes.begin(), boxes.end()});
    std::copy(rows.begin(), rows.end(),
              task.dst.mutable_as<float>().begin() + static_cast<std::ptrdiff_t>(n * rows.size()));
  }
}

// Everything else is done before this is called, or has no inputs to compute from.
template <class Other>
void reference_op(const Task& /*task*/, const Other& /*op*/) {}

using Row = std::array<float, 6>;

float overlap(const Row& a, const Row& b) {
  const float width = std::max(0.0F, std::min(a[4], b[4]) - std::max(a[2], b[2]));
  const float height = std::max(0.0F, std::min(a[5], b[5]) - std::max(a[3], b[3]));
  const float both = width * height;
  const float either = (a[4] - a[2]) * (a[5] - a[3]) + (b[4] - b[2]) * (b[5] - b[3]) - both;
  return either <= 0 ? 0 : both / either;
}

void suppress(const MultiBoxDetectionOp& op, std::vector<Row>& rows, std::size_t top) {
  for (std::size_t i = 0; i < top; ++i) {
    for (std::size_t j = i + 1; j < top && rows[i][0] >= 0; ++j) {
      if (rows[j][0] < 0 || (rows[i][0] != rows[j][0] && !op.force_suppress)) continue;
      if (overlap(rows[i], rows[j]) >= op.nms_threshold) rows[j][0] = -1;
    }
  }
}

Row decoded(const MultiBoxDetectionOp& op, float id, float score, const float* p, const float* box) {
  const float w = box[2] - box[0], h = box[3] - box[1], ax = (box[0] + box[2]) / 2, ay = (box[1] + box[3]) / 2;
  const float cx = p[0] * op.variances[0] * w + ax, cy = p[1] * op.variances[1] * h + ay;
  const float hw = std::exp(p[2] * op.variances[2]) * w / 2, hh = std::exp(p[3] * op.variances[3]) * h / 2;
  Row row{id, score, cx - hw, cy - hh, cx + hw, cy + hh};
  for (std::size_t k = 2; k < 6 && op.clip; ++k) row[k] = std::max(0.0F, std::min(1.0F, row[k]));
  return row;
}

}  // namespace

std::vector<float> reference_detection(const MultiBoxDetectionOp& op, std::size_t classes, std::size_t anchors,
                                       const float* cls_prob, const float* loc_pred, const float* boxes) {
  std::vector<Row> rows;
  for (std::size_t a = 0; a < anchors; ++a) {
    float score = -1;
    std::size_t best = 0;
    for (std::size_t j = 1; j < classes; ++j) {
      if (cls_prob[j * anchors + a] > score) {
        score = cls_prob[j * anchors + a];
        best = j;
      }
    }
    if (best == 0 || score < op.threshold) continue;
    rows.push_back(decoded(op, static_cast<float>(best - 1), score, loc_pred + 4 * a, boxes + 4 * a));
  }
  if (op.nms_threshold > 0 && op.nms_threshold <= 1) {
    std::vector<Row> sorted = rows;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Row& x, const Row& y) { return x[1] > y[1]; });
    const std::size_t top =
        op.nms_topk > 0 ? std::min(rows.size(), static_cast<std::size_t>(op.nms_topk)) : rows.size();
    std::copy_n(sorted.begin(), top, rows.begin());
    for (std::size_t i = top; i < rows.size(); ++i) rows[i][0] = -1;
    suppress(op, rows, top);
  }
  rows.resize(anchors, Row{-1, -1, -1, -1, -1, -1});
  std::vector<float> result;
  for (const Row& row : rows) result.insert(result.end(), row.begin(), row.end());
  return result;
}

Result<Tensor> reference(const Graph& graph, NodeId id, std::span<const Tensor> inputs) {
  const Node& node = graph.nodes[id];
  if (const auto* constant = node.as<ConstantOp>()) return constant->value;
  if (node.as<InputOp>() != nullptr || node.outputs.size() != 1 || inputs.size() != node.inputs.size()) {
    return Error{ErrorCode::internal, node.name, "the reference interpreter cannot compute this node"};
  }
  const Value& out = node.outputs[0];
  OCTET_TRY(Tensor dst, Tensor::create(out.dtype, out.shape));
  std::vector<RefValue> values;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Value& value = graph.value(node.inputs[k]);
    if (value.shape != inputs[k].shape() || value.dtype != inputs[k].dtype()) {
      return Error{ErrorCode::internal, node.name, "input " + std::to_string(k) + " is not what the graph says"};
    }
    values.push_back({value, inputs[k]});
  }
  if (node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr) {
    OCTET_CHECK(reference_layer(node, values, dst));
    return dst;
  }
  if (reference_value(node, values, out, dst)) return dst;
  const Task task{node, std::move(values), out, dst};
  std::visit([&](const auto& op) { reference_op(task, op); }, node.op);
  return dst;
}

Result<std::vector<Tensor>> run_reference(const Graph& graph, const Tensor& pixels) {
  std::vector<Tensor> results;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.as<InputOp>() != nullptr) {
      results.push_back(pixels);
      continue;
    }
    std::vector<Tensor> inputs;
    for (const ValueRef input : node.inputs) inputs.push_back(results[static_cast<std::size_t>(input.node)]);
    OCTET_TRY(Tensor result, reference(graph, static_cast<NodeId>(i), inputs));
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace octet::test
