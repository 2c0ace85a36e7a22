#include "octet/graph/build.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "octet/graph/build_checks.h"
#include "octet/graph/deploy.h"
#include "octet/graph/lowering.h"
#include "octet/graph/ops.h"
#include "octet/graph/own_format.h"
#include "octet/graph/resolve.h"
#include "octet/graph/single_outputs.h"
#include "octet/graph/ssd_tail.h"
#include "octet/graph/upgrade.h"

namespace octet {
namespace {

bool all_finite(const Tensor& tensor) {
  const auto values = tensor.as<float>();
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

class Builder {
 public:
  Builder(Symbol symbol, const ParamMap& params, const Preprocess& preprocess, const std::string& where)
      : symbol_(std::move(symbol)), params_(params), preprocess_(preprocess), where_(where) {}

  Result<Graph> run() {
    auto own = is_own_format(symbol_);
    if (!own) return within(own.error());
    own_ = *own;
    OCTET_CHECK(parse_operators());
    OCTET_CHECK(find_image());
    OCTET_CHECK(emit());
    const auto shaped = check_parameters(graph_, faults_);
    find_extra();
    if (faults_.any()) return faults_.error(where_);
    if (!shaped) return within(shaped.error());
    if (auto resolved = resolve_shapes(graph_); !resolved) return within(resolved.error());
    lower(graph_);
    if (auto checked = check_batch(graph_); !checked) return within(checked.error());
    make_axes_explicit(graph_);
    return std::move(graph_);
  }

  /// The nodes alone.
  Result<Graph> run_unweighted() {
    auto own = is_own_format(symbol_);
    if (!own) return within(own.error());
    if (*own)
      return within({ErrorCode::unsupported, "", "a pair that octet wrote is of use with its own weights only"});
    OCTET_CHECK(parse_operators());
    OCTET_CHECK(find_image());
    OCTET_CHECK(emit());
    return std::move(graph_);
  }

 private:
  enum Use : unsigned { as_data = 1, as_weight = 2, as_nothing = 4 };

  [[nodiscard]] Error within(const Error& error) const {
    return {error.code, where_ + (error.where.empty() ? "" : ": " + error.where), error.message};
  }
  [[nodiscard]] Error at(const SymbolNode& node, const std::string& message,
                         ErrorCode code = ErrorCode::invalid_model) const {
    return within({code, "node '" + node.name + "' (" + node.op + ")", message});
  }
  [[nodiscard]] bool is_variable(std::size_t id) const { return symbol_.nodes[id].op == "null"; }

  /// Marks what the heads need, understands the operators, and notes what each variable is for.
  Result<void> parse_operators() {
    const std::size_t count = symbol_.nodes.size();
    parsed_.resize(count);
    needed_.resize(count);
    uses_.resize(count);
    for (const SymbolEntry& head : symbol_.heads) {
      needed_[head.node] = 1;
      uses_[head.node] |= as_data;
      OCTET_CHECK(check_output("the symbol's head", head));
    }
    std::vector<Error> errors;
    for (std::size_t id = count; id-- > 0;) {
      if (needed_[id] == 0 || is_variable(id)) continue;
      if (auto parsed = parse_node(id); !parsed) {
        errors.push_back(std::move(parsed).error());
        for (const SymbolEntry& input : symbol_.nodes[id].inputs) needed_[input.node] = 1;
      }
    }
    if (errors.empty()) return {};
    Error first = std::move(errors.back());  // in the order of the file
    if (errors.size() > 1) first.message += "; " + std::to_string(errors.size() - 1) + " more nodes cannot be used";
    return first;
  }

  Result<void> check_output(const std::string& reader, const SymbolEntry& entry) const {
    if (entry.output == 0) return {};
    const SymbolNode& node = symbol_.nodes[entry.node];
    return at(node, reader + " reads output " + std::to_string(entry.output) + "; only the first one is supported",
              ErrorCode::unsupported);
  }

  Result<void> parse_node(std::size_t id) {
    const SymbolNode& node = symbol_.nodes[id];
    if (!own_ && node.op.starts_with(kOwnPrefix)) {
      return at(node, "an operator of octet in a file without the graph attribute 'octet_format'");
    }
    auto parsed = parse_operator(node);
    if (!parsed) return at(node, parsed.error().message, parsed.error().code);
    // A fused sum has one operand more, behind the operator's own data inputs.
    if (own_ && node.op.starts_with(kOwnPrefix)) {
      Node fused;
      OCTET_CHECK(own_attributes(node, fused));
      if (fused.has_sum()) parsed->data.emplace_back("sum");
    }
    const std::size_t data = parsed->data.size(), least = data + parsed->params.size();
    if (node.inputs.size() < least || node.inputs.size() > least + parsed->unused.size()) {
      return at(node, "has " + std::to_string(node.inputs.size()) + " inputs; its arguments are " + arguments(*parsed));
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const SymbolEntry& input = node.inputs[i];
      const Use use = i < data ? as_data : i < least ? as_weight : as_nothing;
      uses_[input.node] |= use;
      if (use == as_nothing) continue;
      needed_[input.node] = 1;
      OCTET_CHECK(check_output("node '" + node.name + "'", input));
      if (use == as_weight && !is_variable(input.node)) {
        return at(node,
                  "input '" + parsed->params[i - data] + "' is computed by node '" + symbol_.nodes[input.node].name +
                      "'; only stored weights are supported",
                  ErrorCode::unsupported);
      }
    }
    parsed_[id] = *std::move(parsed);
    return {};
  }

  static std::string arguments(const ParsedOperator& parsed) {
    std::string text;
    for (const auto* list : {&parsed.data, &parsed.params, &parsed.unused}) {
      for (const std::string& name : *list) text += (text.empty() ? "" : ", ") + name;
    }
    return text;
  }

  Result<void> own_attributes(const SymbolNode& symbol, Node& node) const {
    auto read = read_own_attributes(symbol, node);
    if (!read) return at(symbol, read.error().message, read.error().code);
    return {};
  }

  /// The variable named by the preprocessing, or else the only one without a value.
  Result<void> find_image() {
    std::vector<std::size_t> unbound;
    for (std::size_t id = 0; id < symbol_.nodes.size(); ++id) {
      if (!is_variable(id) || (uses_[id] & as_data) == 0 || needed_[id] == 0) continue;
      if (symbol_.nodes[id].name == preprocess_.input) {
        image_ = id;
        return {};
      }
      if (!params_.contains(symbol_.nodes[id].name)) unbound.push_back(id);
    }
    if (unbound.size() == 1) {
      image_ = unbound[0];
      return {};
    }
    std::string names;
    for (const std::size_t id : unbound) names += (names.empty() ? "" : ", ") + symbol_.nodes[id].name;
    return Error{ErrorCode::invalid_model, where_,
                 "the symbol has no variable '" + preprocess_.input + "' for the image" +
                     (names.empty() ? "" : "; variables without a value: " + names)};
  }

  Result<void> emit() {
    node_of_.assign(symbol_.nodes.size(), -1);
    for (std::size_t id = 0; id < symbol_.nodes.size(); ++id) {
      if (needed_[id] == 0) continue;
      if (id == image_) {
        OCTET_CHECK(emit_image(id));
      } else if (!is_variable(id)) {
        OCTET_CHECK(emit_operator(id));
      } else if ((uses_[id] & as_data) != 0) {
        OCTET_CHECK(emit_constant(id));
      }
    }
    for (const SymbolEntry& head : symbol_.heads) {
      if (node_of_[head.node] >= 0) graph_.outputs.push_back({node_of_[head.node], 0});
    }
    return {};
  }

  /// Appends a node; its output is called after it, made unique where the symbol repeats a name.
  NodeId append(Node node) {
    if (node.output_name.empty()) node.output_name = node.name;
    const std::string base = node.output_name;
    for (int i = 2; !output_names_.insert(node.output_name).second; ++i) {
      node.output_name = base + "#" + std::to_string(i);
    }
    node.outputs.resize(1);
    graph_.nodes.push_back(std::move(node));
    return static_cast<NodeId>(graph_.nodes.size() - 1);
  }

  Result<void> emit_image(std::size_t id) {
    const SymbolNode& symbol = symbol_.nodes[id];
    const Preprocess& p = preprocess_;
    Node node;
    node.name = symbol.name;
    node.op = InputOp{};
    if (own_) OCTET_CHECK(own_attributes(symbol, node));
    const Border& border = node.as<InputOp>()->border;
    Value pixels{
        {1, p.channels, p.height + border.top + border.bottom, p.width + border.left + border.right}, DType::u8, 1};
    node.outputs = {std::move(pixels)};
    node_of_[id] = append(std::move(node));
    if (own_) return {};  // written out as a node of its own
    Node normalize;
    normalize.name = symbol.name + "_normalized";
    normalize.inputs = {{node_of_[id], 0}};
    const auto channels = std::clamp<std::int64_t>(p.channels, 0, 3);
    normalize.op = NormalizeOp{{p.mean.begin(), p.mean.begin() + channels}, {p.std.begin(), p.std.begin() + channels}};
    node_of_[id] = append(std::move(normalize));
    return {};
  }

  /// The tensor of a variable, or an empty one after noting what is wrong with it.
  Tensor take(const std::string& name, bool quantised_allowed) {
    used_.insert(name);
    const auto found = params_.find(name);
    if (found == params_.end() || found->second.value.empty()) return {};
    const Tensor& tensor = found->second.value;
    const bool f32 = tensor.dtype() == DType::f32;
    if (!f32 && !(own_ && quantised_allowed && (tensor.dtype() == DType::s8 || tensor.dtype() == DType::u8))) {
      faults_.wrong(name, "holds " + std::string(to_string(tensor.dtype())) + ", not f32");
    } else if (f32 && !all_finite(tensor)) {
      faults_.wrong(name, "holds NaN or infinity");
    }
    return tensor;
  }

  Result<void> emit_constant(std::size_t id) {
    const SymbolNode& symbol = symbol_.nodes[id];
    Node node;
    node.name = symbol.name;
    const Tensor value = take(symbol.name, true);
    if (value.empty()) faults_.missing(symbol.name, "");
    node.op = ConstantOp{value};
    if (own_) OCTET_CHECK(own_attributes(symbol, node));
    node_of_[id] = append(std::move(node));
    if (value.dtype() != DType::f32 && value.dtype() != graph_.nodes.back().outputs[0].dtype) {
      faults_.wrong(symbol.name,
                    "holds " + std::string(to_string(value.dtype())) + " without such a type in the symbol");
    }
    return {};
  }

  Result<void> emit_operator(std::size_t id) {
    const SymbolNode& symbol = symbol_.nodes[id];
    const ParsedOperator& parsed = parsed_[id];
    Node node;
    node.name = symbol.name;
    node.op = parsed.op;
    if (own_ && symbol.op.starts_with(kOwnPrefix)) OCTET_CHECK(own_attributes(symbol, node));
    for (std::size_t i = 0; i < parsed.data.size(); ++i) node.inputs.push_back({node_of_[symbol.inputs[i].node], 0});
    for (std::size_t i = 0; i < parsed.params.size(); ++i) {
      const SymbolNode& variable = symbol_.nodes[symbol.inputs[parsed.data.size() + i].node];
      const bool quantised_allowed = i == 0 && symbol.op.starts_with(kOwnPrefix);
      node.params.push_back(parameter(variable, quantised_allowed));
    }
    node_of_[id] = append(std::move(node));
    return {};
  }

  Parameter parameter(const SymbolNode& variable, bool quantised_allowed) {
    Parameter param{variable.name, take(variable.name, quantised_allowed), {}};
    if (!own_ || param.value.dtype() == DType::f32) return param;
    const auto key = variable.attrs.find("__octet_scales__");
    const std::string name = key != variable.attrs.end() ? key->second : variable.name + "_scale";
    const Tensor scales = take(name, false);
    const Shape& shape = param.value.shape();
    if (scales.empty()) {
      faults_.missing(name, "");
    } else if (shape.empty() || scales.shape() != Shape{shape[0]}) {
      faults_.wrong(name, "has shape " + to_string(scales.shape()) + " for weights " + to_string(shape));
    } else {
      const auto values = scales.as<float>();
      param.scale.assign(values.begin(), values.end());
      if (std::any_of(values.begin(), values.end(), [](float s) { return !(s > 0); })) {
        faults_.wrong(name, "has a scale that is not > 0");
      }
    }
    return param;
  }

  /// Arrays that no variable of the symbol names. Those of variables that inference does not read
  /// (labels, parts behind no head) are fine.
  void find_extra() {
    std::set<std::string> known = used_;
    for (const SymbolNode& node : symbol_.nodes) {
      if (node.op == "null") known.insert(node.name);
    }
    for (const auto& [name, param] : params_) {
      if (!known.contains(name)) faults_.extra(name);
    }
  }

  const Symbol symbol_;
  const ParamMap& params_;
  const Preprocess& preprocess_;
  const std::string& where_;
  bool own_ = false;
  std::vector<ParsedOperator> parsed_;
  std::vector<char> needed_;
  std::vector<unsigned> uses_;
  std::size_t image_ = 0;
  std::vector<NodeId> node_of_;
  std::set<std::string> output_names_, used_;
  ParamFaults faults_;
  Graph graph_;
};

/// What the builder works on: the form that detects, and one output per node.
Result<Symbol> prepared(const Symbol& symbol, const std::string& where) {
  if (!is_ssd_training(symbol)) return single_outputs(with_box_detection(symbol));
  OCTET_TRY(const Symbol deployed, deploy_symbol(symbol, {}, where));
  return single_outputs(deployed);
}

}  // namespace

Result<Graph> build_graph(const Symbol& symbol, const ParamMap& params, const Preprocess& preprocess,
                          const std::string& where) {
  OCTET_TRY(const Symbol ready, prepared(symbol, where));
  auto built = Builder(ready, params, preprocess, where).run();
  if (built) return built;
  const auto old = with_full_pooling(ready);
  if (!old) return built;
  auto rounded_up = Builder(*old, params, preprocess, where).run();
  return rounded_up ? std::move(rounded_up) : std::move(built);
}

Result<Graph> build_unweighted(const Symbol& symbol, const Preprocess& preprocess, const std::string& where) {
  const ParamMap none;
  OCTET_TRY(Symbol ready, prepared(symbol, where));
  return Builder(std::move(ready), none, preprocess, where).run_unweighted();
}

}  // namespace octet
