#include "support/gluon_ssd.h"

#include <random>
#include <string>
#include <vector>

#include "octet/graph/attributes.h"

namespace octet::test {
namespace {

using Entries = std::vector<SymbolEntry>;
using Attributes = std::map<std::string, std::string>;

class Maker {
 public:
  explicit Maker(const GluonSsd& options) : o_(options) { net_.symbol.mxnet_version = 10500; }

  SymbolWithParams run() {
    const SymbolEntry data = op("null", {}, {}, "data");
    const SymbolEntry stem = conv("stem", data, 3, 8, 3, 2);
    std::vector<SymbolEntry> maps{conv("map0", stem, 8, 12, 3, 2)};
    maps.push_back(conv("map1", maps[0], 12, 12, 3, 2));
    for (std::size_t k = 0; k < maps.size(); ++k) add_map(k, maps[k]);
    const SymbolEntry cls =
        op("Reshape", {{"shape", "(0, -1, " + std::to_string(o_.classes + 1) + ")"}}, {concat(classes_, "1")});
    const SymbolEntry probabilities = op("softmax", {{"axis", "-1"}}, {cls});
    const SymbolEntry locations = op("Reshape", {{"shape", "(0, -1, 4)"}}, {concat(locations_, "1")});
    const SymbolEntry anchors = op("Reshape", {{"shape", "(1, -1, 4)"}}, {concat(anchors_, "1")});
    heads(detections(probabilities, decoded(locations, anchors)));
    return std::move(net_);
  }

 private:
  SymbolEntry op(const std::string& op, const Attributes& attributes, const Entries& inputs,
                 const std::string& name = "") {
    net_.symbol.nodes.push_back(
        {op, name.empty() ? "ssd0_" + op + std::to_string(net_.symbol.nodes.size()) : name, attributes, inputs, {}});
    return {static_cast<std::uint32_t>(net_.symbol.nodes.size() - 1), 0, 0};
  }
  SymbolEntry scalar(const std::string& name, const SymbolEntry& input, double value) {
    return op(name, {{"scalar", format(value)}}, {input});
  }
  SymbolEntry concat(const Entries& inputs, const std::string& axis) {
    return op("Concat", {{"dim", axis}, {"num_args", std::to_string(inputs.size())}}, inputs);
  }
  SymbolEntry slice(const SymbolEntry& input, const std::string& axis, std::int64_t begin, const std::string& end) {
    return op("slice_axis", {{"axis", axis}, {"begin", std::to_string(begin)}, {"end", end}}, {input});
  }

  SymbolEntry param(const std::string& name, const Shape& shape, float low, float high) {
    Tensor tensor = Tensor::create(DType::f32, shape).value();
    std::uniform_real_distribution<float> uniform(low, high);
    for (float& value : tensor.mutable_as<float>()) value = uniform(random_);
    net_.params[name] = {NamedTensor::Role::arg, std::move(tensor)};
    return op("null", {}, {}, name);
  }

  SymbolEntry conv(const std::string& name, const SymbolEntry& input, std::int64_t in, std::int64_t out,
                   std::int64_t kernel, std::int64_t stride) {
    const SymbolEntry weight = param(name + "_weight", {out, in, kernel, kernel}, -0.3F, 0.3F);
    const SymbolEntry bias = param(name + "_bias", {out}, -0.5F, 0.5F);
    const std::string k = std::to_string(kernel), s = std::to_string(stride), p = std::to_string(kernel / 2);
    const SymbolEntry made = op("Convolution",
                                {{"kernel", "(" + k + ", " + k + ")"},
                                 {"stride", "(" + s + ", " + s + ")"},
                                 {"pad", "(" + p + ", " + p + ")"},
                                 {"num_filter", std::to_string(out)}},
                                {input, weight, bias}, name);
    return stride == 1 ? made : op("Activation", {{"act_type", "relu"}}, {made});
  }

  SymbolEntry head(const std::string& name, const SymbolEntry& map, std::int64_t filters) {
    const SymbolEntry made = conv(name, map, 12, filters, 3, 1);
    return op("Flatten", {}, {op("transpose", {{"axes", "(0, 2, 3, 1)"}}, {made})});
  }

  /// Two anchors a place: heads, and anchors stored for a larger map that slice_like cuts.
  void add_map(std::size_t k, const SymbolEntry& map) {
    const std::string n = std::to_string(k);
    classes_.push_back(head("cls" + n, map, 2 * (o_.classes + 1)));
    locations_.push_back(head("loc" + n, map, 2 * 4));
    const std::int64_t stored = 16, step = k == 0 ? 4 : 8;
    Tensor boxes = Tensor::create(DType::f32, {1, 1, stored, stored, 8}).value();
    for (std::int64_t i = 0; i < stored * stored; ++i) {
      for (std::int64_t b = 0; b < 2; ++b) {
        float* box = boxes.mutable_as<float>().data() + i * 8 + b * 4;
        box[0] = (static_cast<float>(i % stored) + 0.5F) * static_cast<float>(step);
        box[1] = (static_cast<float>(i / stored) + 0.5F) * static_cast<float>(step);
        box[2] = static_cast<float>(2 * step + 3 * b);
        box[3] = static_cast<float>(3 * step - 2 * b);
      }
    }
    net_.params["anchor" + n] = {NamedTensor::Role::arg, std::move(boxes)};
    const SymbolEntry variable = op("null", {}, {}, "anchor" + n);
    const SymbolEntry cut = op("slice_like", {{"axes", "(2, 3)"}}, {variable, map});
    anchors_.push_back(op("Reshape", {{"shape", "(1, -1)"}}, {op("Reshape", {{"shape", "(1, -1, 4)"}}, {cut})}));
  }

  SymbolEntry moved(const SymbolEntry& whole, std::uint32_t k, double std, double mean) {
    return scalar("_plus_scalar", scalar("_mul_scalar", {whole.node, k, 0}, std), mean);
  }

  SymbolEntry decoded(const SymbolEntry& locations, const SymbolEntry& anchors) {
    const Attributes four{{"axis", "-1"}, {"num_outputs", "4"}};
    const SymbolEntry p = op("SliceChannel", four, {locations}), a = op("SliceChannel", four, {anchors});
    Entries low, high;
    for (std::uint32_t axis = 0; axis < 2; ++axis) {
      const SymbolEntry size{a.node, axis + 2, 0};
      const double mean = axis == 0 ? static_cast<double>(o_.mean_x) : 0;
      const SymbolEntry centre =
          op("broadcast_add", {}, {op("broadcast_mul", {}, {moved(p, axis, 0.1, mean), size}), {a.node, axis, 0}});
      const SymbolEntry half =
          scalar("_div_scalar", op("broadcast_mul", {}, {op("exp", {}, {moved(p, axis + 2, 0.2, 0)}), size}), 2);
      low.push_back(op("elemwise_sub", {}, {centre, half}));
      high.push_back(op("elemwise_add", {}, {centre, half}));
    }
    const SymbolEntry boxes = concat({low[0], low[1], high[0], high[1]}, "-1");
    return o_.other_form ? op("identity", {}, {boxes}) : boxes;
  }

  SymbolEntry detections(const SymbolEntry& probabilities, const SymbolEntry& boxes) {
    const SymbolEntry raw = slice(probabilities, "-1", 1, "None");
    const SymbolEntry mask = scalar("_greater_scalar", raw, static_cast<double>(o_.score_threshold));
    const SymbolEntry zeros = op("zeros_like", {}, {slice(probabilities, "-1", 0, "1")});
    Entries numbers;
    for (std::int64_t c = 0; c < o_.classes; ++c)
      numbers.push_back(scalar("_plus_scalar", zeros, static_cast<double>(c)));
    const SymbolEntry all = concat(numbers, "-1");
    const SymbolEntry ids = op("where", {}, {mask, all, scalar("_mul_scalar", op("ones_like", {}, {all}), -1)});
    const SymbolEntry scores = op("where", {}, {mask, raw, op("zeros_like", {}, {raw})});
    Entries rows;
    for (std::int64_t c = 0; c < o_.classes; ++c) {
      const std::string end = std::to_string(c + 1);
      rows.push_back(concat({slice(ids, "-1", c, end), slice(scores, "-1", c, end), boxes}, "-1"));
    }
    return op("_contrib_box_nms",
              {{"coord_start", "2"},
               {"force_suppress", "False"},
               {"id_index", "0"},
               {"score_index", "1"},
               {"overlap_thresh", format(o_.overlap)},
               {"topk", std::to_string(o_.topk)},
               {"valid_thresh", format(o_.valid)}},
              {concat(rows, "1")}, "ssd0_box_nms0");
  }

  void heads(const SymbolEntry& nms) {
    const SymbolEntry first = slice(nms, "1", 0, std::to_string(o_.rows));
    const SymbolEntry ids = slice(first, "2", 0, "1"), scores = slice(first, "2", 1, "2"),
                      boxes = slice(first, "2", 2, "6");
    net_.symbol.heads = {ids, scores, boxes};
  }

  const GluonSsd& o_;
  std::mt19937 random_{5};
  SymbolWithParams net_;
  Entries classes_, locations_, anchors_;
};

}  // namespace

SymbolWithParams gluon_ssd(const GluonSsd& options) { return Maker(options).run(); }

Preprocess square_input(std::int64_t side) {
  Preprocess preprocess;
  preprocess.height = preprocess.width = side;
  preprocess.mean = {120, 115, 100};
  preprocess.std = {60, 60, 60};
  return preprocess;
}

}  // namespace octet::test
