#include <algorithm>
#include <map>

#include "octet/graph/ops.h"

namespace octet {
namespace {

using NameMap = std::map<std::string_view, const OperatorDef*>;

const NameMap& names() {
  static const NameMap map = [] {
    NameMap built;
    for (const auto family :
         {convolution_operators(), pooling_operators(), eltwise_operators(), scalar_operators(), binary_operators(),
          reduce_operators(), norm_operators(), spatial_operators(), shape_operators(), slice_operators(),
          l2_normalization_operators(), softmax_operators(), detection_operators(), internal_operators()}) {
      for (const OperatorDef& definition : family) {
        for (const std::string_view name : definition.names) built.emplace(name, &definition);
      }
    }
    return built;
  }();
  return map;
}

/// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string hint_for(std::string_view name) {
  for (const std::string_view part :
       {"_sg_mkldnn", "_sg_onednn", "_contrib_quantize", "_contrib_dequantize", "_contrib_requantize"}) {
    if (name.starts_with(part)) {
      return "; this model was quantised by MXNet: give the FP32 pair and calibrate that";
    }
  }
  std::string_view best;
  std::size_t best_distance = std::min<std::size_t>(name.size(), 64) / 2;
  for (const auto& [known, definition] : names()) {
    if (definition->internal || name.size() > 64) continue;
    const std::size_t d = distance(name, known);
    if (d < best_distance) {
      best_distance = d;
      best = known;
    }
  }
  return best.empty() ? "" : "; the nearest known operator is '" + std::string(best) + "'";
}

}  // namespace

const OperatorDef* find_operator(std::string_view name) {
  auto found = names().find(name);
  if (found == names().end() && name.starts_with(kOwnPrefix)) found = names().find(name.substr(kOwnPrefix.size()));
  return found == names().end() ? nullptr : found->second;
}

Result<ParsedOperator> parse_operator(const SymbolNode& node) {
  const OperatorDef* definition = find_operator(node.op);
  if (definition == nullptr) {
    return Error{ErrorCode::unsupported, "", "operator '" + node.op + "' is not supported" + hint_for(node.op)};
  }
  if (!node.subgraphs.empty()) {
    return Error{ErrorCode::unsupported, "", "operator '" + node.op + "' with subgraphs is not supported"};
  }
  AttributeReader attributes(node.attrs, node.inputs.size(), node.op.starts_with(kOwnPrefix));
  OCTET_TRY(auto parsed, definition->parse(attributes));
  OCTET_CHECK(attributes.finish());
  return parsed;
}

std::vector<std::string> argument_names(const SymbolNode& node) {
  const auto parsed = parse_operator(node);
  if (!parsed) return {};
  std::vector<std::string> arguments = parsed->data;
  arguments.insert(arguments.end(), parsed->params.begin(), parsed->params.end());
  arguments.insert(arguments.end(), parsed->unused.begin(), parsed->unused.end());
  return arguments;
}

Size2 read_size2(AttributeReader& attributes, const char* key, std::int64_t min, std::optional<Size2> fallback) {
  const auto values = attributes.integers(key, min, kMaxWindow);
  if (!values || values->empty()) {
    if (!fallback) attributes.problem(std::string("attribute '") + key + "' is missing or wrong");
    return fallback.value_or(Size2{1, 1});
  }
  if (values->size() != 2) {
    attributes.problem(
        std::string("attribute '") + key + "' = '" + format_tuple(*values) + "' is not supported: only 2-D windows are",
        ErrorCode::unsupported);
    return fallback.value_or(Size2{1, 1});
  }
  return {(*values)[0], (*values)[1]};
}

Error misfit(std::string message) { return {ErrorCode::invalid_model, "", std::move(message)}; }

Result<std::int64_t> resolve_axis(std::int64_t axis, std::size_t rank) {
  const auto axes = static_cast<std::int64_t>(rank);
  if (axis < -axes || axis >= axes) {
    return misfit("axis " + std::to_string(axis) + " of a value with " + std::to_string(axes) + " axes");
  }
  return axis < 0 ? axis + axes : axis;
}

Result<InferredShapes> infer_same(const Node& /*node*/, std::span<const Shape> inputs) {
  return InferredShapes{{inputs[0]}, {}};
}

}  // namespace octet
