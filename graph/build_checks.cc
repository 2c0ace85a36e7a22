#include "octet/graph/build_checks.h"

#include <algorithm>
#include <set>
#include <utility>

#include "octet/graph/ops.h"

namespace octet {
namespace {

/// Messages stay readable whatever is missing.
constexpr std::size_t kMaxListed = 20;

std::string list(const char* what, const std::vector<std::string>& items) {
  if (items.empty()) return "";
  std::string text("; ");
  text.append(what).append(" (").append(std::to_string(items.size())).append("): ");
  for (std::size_t i = 0; i < std::min(items.size(), kMaxListed); ++i) {
    text.append(i == 0 ? "" : ", ").append(items[i]);
  }
  return items.size() > kMaxListed ? text + ", ..." : text;
}

/// One walk over the nodes; a variable that several nodes share is told once.
class ParamCheck {
 public:
  ParamCheck(Graph& graph, ParamFaults& faults) : graph_(graph), faults_(faults) {}

  Result<void> run() {
    for (Node& node : graph_.nodes) {
      if (auto checked = check(node); !checked) {
        list_missing();
        return Error{checked.error().code, "node '" + node.name + "' (" + op_name(node.op) + ")",
                     checked.error().message};
      }
    }
    return {};
  }

 private:
  Result<void> check(Node& node) {
    const OpKind& kind = kind_of(node.op);
    std::vector<Shape> shapes;
    const std::size_t data = node.inputs.size() - (node.has_sum() ? 1 : 0);
    for (std::size_t i = 0; i < data; ++i) shapes.push_back(graph_.value(node.inputs[i]).shape);
    if (std::cmp_less(data, kind.min_inputs)) return misfit("has too few inputs");
    OCTET_TRY(const auto inferred, kind.infer(node, shapes));
    OCTET_CHECK(element_count(inferred.outputs[0]));
    for (std::size_t i = 0; i < node.params.size(); ++i) OCTET_CHECK(check_param(node, i, inferred.params[i]));
    node.outputs[0].shape = inferred.outputs[0];
    return {};
  }

  Result<void> check_param(Node& node, std::size_t i, const Shape& expected) {
    Parameter& param = node.params[i];
    const auto* norm = node.as<BatchNormOp>();
    if (norm != nullptr && norm->fix_gamma && i == 0) {
      // Sized by a stored array, never by attributes alone: those may claim anything.
      if (node.params[1].value.shape() != expected) return {};
      OCTET_TRY(param.value, Tensor::create(DType::f32, expected));
      std::ranges::fill(param.value.mutable_as<float>(), 1.0F);
      return {};
    }
    if (!told_.insert(param.name).second) return {};
    if (param.value.empty()) {
      faults_.missing(param.name, std::string(" ").append(to_string(expected)));
    } else if (param.value.shape() != expected) {
      faults_.wrong(param.name, "has shape " + to_string(param.value.shape()) + " instead of " + to_string(expected));
    } else if (norm != nullptr && i == 3) {
      const auto variance = param.value.as<float>();
      if (std::ranges::any_of(variance, [&](float v) { return !(v + norm->eps > 0); })) {
        faults_.wrong(param.name, "has a variance that is not positive");
      }
    }
    return {};
  }

  /// Parameters of nodes whose shapes are not known are at least there or not.
  void list_missing() {
    for (const Node& node : graph_.nodes) {
      for (const Parameter& param : node.params) {
        if (param.value.empty() && told_.insert(param.name).second) faults_.missing(param.name);
      }
    }
  }

  Graph& graph_;
  ParamFaults& faults_;
  std::set<std::string> told_;
};

std::vector<Shape> output_shapes(const Graph& graph) {
  std::vector<Shape> shapes;
  for (const ValueRef& output : graph.outputs) shapes.push_back(graph.value(output).shape);
  return shapes;
}

}  // namespace

void ParamFaults::missing(const std::string& name, const std::string& detail) { missing_.push_back(name + detail); }
void ParamFaults::wrong(const std::string& name, const std::string& what) { wrong_.push_back(name + " " + what); }
void ParamFaults::extra(const std::string& name) { extra_.push_back(name); }

Error ParamFaults::error(const std::string& where) const {
  std::string text = "symbol and parameters do not fit";
  text += list("missing", missing_) + list("wrong", wrong_) + list("not in the symbol", extra_);
  const auto dotted = [](const std::string& name) { return name.find('.') != std::string::npos; };
  if (!missing_.empty() && !extra_.empty() && std::all_of(extra_.begin(), extra_.end(), dotted)) {
    text += "; dotted names come from Gluon's save_parameters: write the model with HybridBlock.export instead";
  }
  return {ErrorCode::invalid_model, where, text};
}

Result<void> check_parameters(Graph& graph, ParamFaults& faults) { return ParamCheck(graph, faults).run(); }

Result<void> check_batch(Graph& graph) {
  OCTET_CHECK(infer_shapes(graph, 1));
  std::vector<Shape> expected = output_shapes(graph);
  bool follows = true;
  for (Shape& shape : expected) {
    follows = follows && shape[0] == 1;
    shape[0] = 2;
  }
  const auto two = infer_shapes(graph, 2);
  if (!two || !follows || output_shapes(graph) != expected) {
    return Error{
        ErrorCode::unsupported, two ? "" : two.error().where,
        "the network's shapes do not follow the number of images" + (two ? std::string() : ": " + two.error().message)};
  }
  return infer_shapes(graph, 1);
}

void make_axes_explicit(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (node.inputs.empty()) continue;
    const auto rank = static_cast<std::int64_t>(graph.value(node.inputs[0]).shape.size());
    const auto from_front = [rank](std::int64_t& axis) { axis += axis < 0 ? rank : 0; };
    if (auto* norm = node.as<BatchNormOp>()) from_front(norm->axis);
    if (auto* concat = node.as<ConcatOp>()) from_front(concat->axis);
    if (auto* reduce = node.as<ReduceOp>()) std::ranges::for_each(reduce->axes, from_front);
    if (auto* softmax = node.as<SoftmaxOp>(); softmax != nullptr && !softmax->per_sample) from_front(softmax->axis);
    if (auto* transpose = node.as<TransposeOp>()) {
      if (transpose->axes.empty()) {
        for (std::int64_t axis = rank; axis-- > 0;) transpose->axes.push_back(axis);
      }
      for (std::int64_t& axis : transpose->axes) from_front(axis);
    }
  }
}

}  // namespace octet
