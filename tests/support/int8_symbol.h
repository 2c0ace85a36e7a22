// MXNet's INT8 symbols for tests, written node by node as quantize_model saves them.
#pragma once

#include <cstdint>  // std::uint32_t
#include <map>      // std::map
#include <random>   // std::mt19937
#include <string>   // std::string
#include <vector>   // std::vector

#include "octet/graph/build.h"
#include "octet/graph/mxnet_int8.h"

namespace octet::test {

class Int8Net {
 public:
  using Id = std::uint32_t;
  using Attributes = std::map<std::string, std::string>;

  /// The first node is the image variable "data", 3 x 8 x 8, values in [-1, 1] behind the normalisation.
  explicit Int8Net(int version = 10901) {
    symbol.mxnet_version = version;
    preprocess.channels = 3;
    preprocess.height = preprocess.width = 8;
    preprocess.mean = {127.5F, 127.5F, 127.5F};
    preprocess.std = {127.5F, 127.5F, 127.5F};
    variable("data");
  }

  Id variable(const std::string& name) { return op("null", name, {}, {}); }
  Id param(const std::string& name, Tensor value) {
    params[name] = {NamedTensor::Role::arg, std::move(value)};
    return variable(name);
  }
  Id weight(const std::string& name, const Shape& shape, float low = -1, float high = 1) {
    return param(name, random(shape, low, high));
  }
  Id op(const std::string& op, const std::string& name, const Attributes& attributes, std::vector<SymbolEntry> inputs) {
    symbol.nodes.push_back({op, name, attributes, std::move(inputs), {}});
    return static_cast<Id>(symbol.nodes.size() - 1);
  }

  static Attributes range(const std::string& min, const std::string& max, Attributes more = {}) {
    more["min_calib_range"] = min;
    more["max_calib_range"] = max;
    return more;
  }
  static SymbolEntry out(Id id, std::uint32_t output = 0) { return {id, output, 0}; }

  /// A quantised operator of the given values: all of them, then their ranges.
  Id quantized(const std::string& op_name, const std::string& name, const Attributes& attributes,
               const std::vector<Id>& data) {
    std::vector<SymbolEntry> inputs;
    for (const Id id : data) inputs.push_back(out(id));
    for (const Id id : data) inputs.insert(inputs.end(), {out(id, 1), out(id, 2)});
    return op(op_name, name, attributes, std::move(inputs));
  }
  Id quantize(const std::string& name, Id input, const Attributes& attributes) {
    return op("_contrib_quantize_v2", name, attributes, {out(input)});
  }
  Id dequantize(const std::string& name, Id input) { return quantized("_contrib_dequantize", name, {}, {input}); }

  /// Weights stored as int8 with one range: variables <name>_quantize, _min, _max.
  std::vector<SymbolEntry> stored(const std::string& name, const Shape& shape) {
    Tensor q = Tensor::create(DType::s8, shape).value();
    std::uniform_int_distribution<int> any(-127, 127);
    for (std::int8_t& x : q.mutable_as<std::int8_t>()) x = static_cast<std::int8_t>(any(random_));
    return {out(param(name + "_quantize", std::move(q))),
            out(param(name + "_quantize_min", Tensor::from({1}, std::vector<float>{-0.4F}).value())),
            out(param(name + "_quantize_max", Tensor::from({1}, std::vector<float>{0.3F}).value()))};
  }
  /// data, weight, [bias], then all ranges.
  Id layer(const std::string& op_name, const std::string& name, Id input, const Shape& shape, Attributes attributes) {
    const auto w = stored(name + "_weight", shape), b = stored(name + "_bias", {shape[0]});
    return op(op_name, name, attributes,
              {out(input), w[0], b[0], out(input, 1), out(input, 2), w[1], w[2], b[1], b[2]});
  }

  /// What a fused convolution holds.
  struct Fused {
    bool batch_norm = false;
    std::string before, after;  ///< act_type in front of and behind the sum; "clip" is relu6
    int sum = -1;               ///< the node of the operand
    std::string op = "_sg_mkldnn_conv";
    Attributes attributes;
    bool quantized = true;
  };
  Id convolution(const std::string& name, Id input, std::int64_t in, std::int64_t out_channels, Fused fused) {
    Symbol inner;
    std::vector<SymbolEntry> inputs{out(input)};
    const auto inner_op = [&](const std::string& kind, const std::string& node, const Attributes& attributes,
                              std::vector<SymbolEntry> from) {
      inner.nodes.push_back({kind, node, attributes, std::move(from), {}});
      return out(static_cast<Id>(inner.nodes.size() - 1));
    };
    const auto argument = [&](Id id) {
      inputs.push_back(out(id));
      return inner_op("null", symbol.nodes[id].name + "0", {}, {});
    };
    const SymbolEntry data = inner_op("null", "data0", {}, {});
    const SymbolEntry w = argument(weight(name + "_weight", {out_channels, in, 3, 3}, -0.3F, 0.3F));
    SymbolEntry value = inner_op(
        "Convolution", name,
        {{"kernel", "(3, 3)"}, {"pad", "(1, 1)"}, {"num_filter", std::to_string(out_channels)}, {"no_bias", "True"}},
        {data, w});
    if (fused.batch_norm) {
      std::vector<SymbolEntry> from{value};
      for (const char* part : {"gamma", "beta", "mean", "var"}) {
        const bool positive = part[0] == 'v' || part[0] == 'g';
        from.push_back(
            argument(weight(name + "_" + part, {out_channels}, positive ? 0.5F : -0.5F, positive ? 1.5F : 0.5F)));
      }
      value = inner_op("BatchNorm", name + "_bn", {{"fix_gamma", "False"}}, from);
    }
    const auto activation = [&](const std::string& type, const std::string& node) {
      if (type.empty()) return;
      value = type == "clip" ? inner_op("clip", node, {{"a_min", "0"}, {"a_max", "6"}}, {value})
                             : inner_op("Activation", node, {{"act_type", type}}, {value});
    };
    activation(fused.before, name + "_act");
    if (fused.sum >= 0) {
      const SymbolEntry operand = argument(static_cast<Id>(fused.sum));
      value = inner_op("elemwise_add", name + "_plus", {}, {value, operand});
      fused.attributes["with_sum"] = "true";
    }
    activation(fused.after, name + "_postact");
    inner.heads = {value};
    if (fused.quantized) {
      fused.attributes["quantized"] = "true";
      inputs.insert(inputs.end(), {out(input, 1), out(input, 2)});
      if (fused.sum >= 0)
        inputs.insert(inputs.end(), {out(static_cast<Id>(fused.sum), 1), out(static_cast<Id>(fused.sum), 2)});
    }
    const Id id = op(fused.op, "quantized_" + name, fused.attributes, std::move(inputs));
    symbol.nodes[id].subgraphs.push_back(std::move(inner));
    return id;
  }

  /// A fused fully connected layer over `in` values; channel_wise: float weights.
  Id fully_connected(const std::string& name, Id input, std::int64_t in, std::int64_t units, Attributes attributes,
                     bool channel_wise) {
    attributes["quantized"] = "True";
    std::vector<SymbolEntry> inputs{out(input)}, ranges{out(input, 1), out(input, 2)};
    if (channel_wise) {
      attributes["channel_wise_quantize"] = "True";
      inputs.push_back(out(weight(name + "_weight", {units, in}, -0.2F, 0.2F)));
      inputs.push_back(out(weight(name + "_bias", {units})));
    } else {
      for (const auto& part : {stored(name + "_weight", {units, in}), stored(name + "_bias", {units})}) {
        inputs.push_back(part[0]);
        ranges.insert(ranges.end(), {part[1], part[2]});
      }
    }
    inputs.insert(inputs.end(), ranges.begin(), ranges.end());
    Symbol inner;
    for (const char* variable : {"data0", "weight0", "bias0"}) inner.nodes.push_back({"null", variable, {}, {}, {}});
    inner.nodes.push_back(
        {"FullyConnected", name, {{"num_hidden", std::to_string(units)}}, {out(0), out(1), out(2)}, {}});
    inner.heads = {out(3)};
    const Id id = op("_sg_mkldnn_fully_connected", "quantized_" + name, attributes, std::move(inputs));
    symbol.nodes[id].subgraphs.push_back(std::move(inner));
    return id;
  }

  void head(Id id) { symbol.heads.push_back(out(id)); }

  Result<Graph> graph(Int8Reading reading) const {
    OCTET_TRY(const MxnetInt8 int8, expand_mxnet_int8(symbol, &params, reading, "net"));
    OCTET_TRY(Graph graph, build_graph(int8.symbol, int8.params, preprocess, "net"));
    if (reading == Int8Reading::stored) OCTET_CHECK(apply_int8(graph, int8));
    return graph;
  }

  Symbol symbol;
  ParamMap params;
  Preprocess preprocess;

 private:
  Tensor random(const Shape& shape, float low, float high) {
    Tensor tensor = Tensor::create(DType::f32, shape).value();
    std::uniform_real_distribution<float> any(low, high);
    for (float& x : tensor.mutable_as<float>()) x = any(random_);
    return tensor;
  }
  std::mt19937 random_{7};
};

}  // namespace octet::test
