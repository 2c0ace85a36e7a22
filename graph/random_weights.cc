#include "octet/graph/random_weights.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "octet/graph/attributes.h"
#include "octet/graph/build.h"
#include "octet/graph/json_text.h"
#include "octet/graph/moments.h"
#include "octet/graph/ops.h"
#include "octet/graph/upgrade.h"

namespace octet {
namespace {

constexpr std::size_t kMaxValues = std::size_t{1} << 30;
constexpr std::size_t kMaxChannels = std::size_t{1} << 25;  // of what all layers read: each has its moments

/// Steele, Lea and Flood's SplitMix64. Every variable draws from a stream of its own, so that its
/// values do not depend on the other ones.
class Random {
 public:
  Random(std::uint64_t seed, const std::string& name) {
    std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    state_ = hash ^ (seed * 0x9e3779b97f4a7c15U);
  }

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// In [low, high).
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(next() >> 11U) * 0x1p-53);
  }

  /// Bell-shaped, mean 0, variance 1, |x| < 3.5: a sum of four 16-bit uniforms, exact everywhere.
  double normal() {
    const std::uint64_t bits = next();
    const std::uint64_t sum = (bits & 0xffffU) + ((bits >> 16U) & 0xffffU) + ((bits >> 32U) & 0xffffU) + (bits >> 48U);
    return (static_cast<double>(sum) - 2 * 65535.0) / 37837.227;  // sqrt(4 * 65536^2 / 12)
  }

 private:
  std::uint64_t state_ = 0;
};

template <class Draw>
void fill(Tensor& tensor, Draw draw) {
  for (float& value : tensor.mutable_as<float>()) value = static_cast<float>(draw());
}

/// The value of `["constant", {"value": 20}]`.
std::optional<double> stated_value(const SymbolNode& variable) {
  const auto found = variable.attrs.find("__init__");
  if (found == variable.attrs.end()) return std::nullopt;
  const auto json = parse_json(found->second, "");
  if (!json || !json->is_array() || json->size() != 2 || !(*json)[0].is_string() || !(*json)[1].is_object()) {
    return std::nullopt;
  }
  const std::string kind = (*json)[0].get<std::string>();
  const auto value = (*json)[1].find("value");
  if ((kind != "constant" && kind != "Constant") || value == (*json)[1].end() || !value->is_number()) {
    return std::nullopt;
  }
  return value->get<double>();
}

/// Walks the graph in order: a node's inputs have their moments when its weights are made.
class Maker {
 public:
  Maker(Graph graph, const Symbol& symbol, std::uint64_t seed) : graph_(std::move(graph)), seed_(seed) {
    for (const SymbolNode& node : symbol.nodes) {
      if (node.op == "null") variables_.emplace(node.name, &node);
    }
  }

  Result<ParamMap> run() {
    moments_.resize(graph_.nodes.size());
    for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
      if (auto made = make(id); !made) {
        const Node& node = graph_.nodes[id];
        return Error{made.error().code, "node '" + node.name + "' (" + op_name(node.op) + ")", made.error().message};
      }
    }
    return std::move(params_);
  }

 private:
  Result<void> make(std::size_t id) {
    Node& node = graph_.nodes[id];
    std::vector<Shape> shapes;
    std::vector<Moments> inputs;
    for (const ValueRef& input : node.inputs) {
      channels_ += moments_[static_cast<std::size_t>(input.node)].mean.size();
      if (channels_ > kMaxChannels) return Error{ErrorCode::limit, "", "all layers have more than 2^25 channels"};
      shapes.push_back(graph_.value(input).shape);
      inputs.push_back(moments_[static_cast<std::size_t>(input.node)]);
    }
    if (auto* constant = node.as<ConstantOp>()) OCTET_CHECK(make_constant(node, *constant));
    const OpKind& kind = kind_of(node.op);
    if (std::cmp_less(shapes.size(), kind.min_inputs)) return misfit("has too few inputs");
    OCTET_TRY(const auto inferred, kind.infer(node, shapes));
    OCTET_CHECK(element_count(inferred.outputs[0]));
    for (const std::int64_t size : inferred.outputs[0]) {
      if (size < 1) return misfit("the output " + to_string(inferred.outputs[0]) + " is empty");
    }
    for (std::size_t i = 0; i < node.params.size(); ++i) OCTET_CHECK(make_param(node, i, inferred.params[i], inputs));
    node.outputs[0].shape = inferred.outputs[0];
    moments_[id] = predict(node, inputs, shapes, inferred.outputs[0]);
    return {};
  }

  Result<Tensor> allocate(const Shape& shape) {
    OCTET_TRY(const std::size_t count, element_count(shape));
    if (count > kMaxValues - values_) return Error{ErrorCode::limit, "", "the weights have more than 2^30 values"};
    values_ += count;
    return Tensor::create(DType::f32, shape);
  }

  Result<void> make_constant(const Node& node, ConstantOp& op) {
    const SymbolNode& variable = *variables_.at(node.name);
    const auto found = variable.attrs.find("__shape__");
    const auto shape = found != variable.attrs.end() ? parse_integers(found->second) : std::nullopt;
    if (!shape || std::ranges::any_of(*shape, [](std::int64_t size) { return size < 1; })) {
      return misfit("the shape of this variable is not stated, so no values can be made");
    }
    OCTET_TRY(op.value, allocate(*shape));
    Random random(seed_, node.name);
    const auto stated = stated_value(variable);
    fill(op.value, [&] { return stated ? *stated : random.uniform(0.5, 1.5); });
    params_[node.name] = {NamedTensor::Role::arg, op.value};
    return {};
  }

  Result<void> make_param(Node& node, std::size_t i, const Shape& shape, const std::vector<Moments>& inputs) {
    Parameter& param = node.params[i];
    if (const auto found = params_.find(param.name); found != params_.end()) {
      if (found->second.value.shape() != shape) return misfit("parameter '" + param.name + "' is shared in two shapes");
      param.value = found->second.value;
      return {};
    }
    OCTET_TRY(param.value, allocate(shape));
    Random random(seed_, param.name);
    if (node.as<BatchNormOp>() != nullptr) {
      fill_batch_norm(node, i, inputs[0], random);
    } else if (i == 0 && shape.size() > 1) {
      const auto fan_in = static_cast<double>(param.value.elements()) / static_cast<double>(shape[0]);
      const double deviation = 1 / std::sqrt(std::max(fan_in * inputs[0].mean_square(), 1e-30));
      fill(param.value, [&] { return deviation * random.normal(); });
    } else if (i == 0) {
      fill(param.value, [&] { return random.uniform(0.1, 0.4); });  // slopes
    } else {
      fill(param.value, [&] { return 0.1 * random.normal(); });
    }
    const bool state = node.as<BatchNormOp>() != nullptr && i >= 2;
    params_[param.name] = {state ? NamedTensor::Role::aux : NamedTensor::Role::arg, param.value};
    return {};
  }

  static void fill_batch_norm(Node& node, std::size_t i, const Moments& input, Random& random) {
    Tensor& tensor = node.params[i].value;
    const std::size_t channels = tensor.elements();
    const Moments known = node.as<BatchNormOp>()->axis == 1 ? input : input.pooled();
    std::size_t c = 0;
    const auto draw = [&]() -> double {
      const double variance = known.variance_at(c, channels), mean = known.mean_at(c, channels);
      ++c;
      switch (i) {
        case 0: return node.as<BatchNormOp>()->fix_gamma ? 1.0 : random.uniform(0.8, 1.2);
        case 1: return 0.2 * random.normal();
        case 2: return mean + 0.1 * std::sqrt(variance) * random.normal();
        default: return std::max(variance * random.uniform(0.8, 1.25), 1e-6);
      }
    };
    fill(tensor, draw);
  }

  Graph graph_;
  std::uint64_t seed_;
  std::map<std::string, const SymbolNode*> variables_;
  std::vector<Moments> moments_;
  ParamMap params_;
  std::size_t values_ = 0, channels_ = 0;
};

}  // namespace

Result<ParamMap> random_weights(const Symbol& symbol, const Preprocess& preprocess, std::uint64_t seed,
                                const std::string& where) {
  OCTET_TRY(Graph graph, build_unweighted(symbol, preprocess, where));
  auto made = Maker(std::move(graph), symbol, seed).run();
  if (made) return made;
  if (const auto old = with_full_pooling(symbol)) {  // as build_graph reads it
    OCTET_TRY(Graph rounded_up, build_unweighted(*old, preprocess, where));
    if (auto again = Maker(std::move(rounded_up), *old, seed).run()) return again;
  }
  const Error& error = made.error();
  return Error{error.code, where + (error.where.empty() ? "" : ": " + error.where), error.message};
}

}  // namespace octet
