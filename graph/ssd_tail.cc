#include "octet/graph/ssd_tail.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "octet/graph/attributes.h"

namespace octet {
namespace {

using OperatorNames = std::span<const std::string_view>;
template <std::size_t N>
using List = std::array<std::string_view, N>;

constexpr List<1> kMultiply{"broadcast_mul"};
constexpr List<2> kAddBroadcast{"broadcast_add", "broadcast_plus"};
constexpr List<4> kAdd{"elemwise_add", "_add", "_plus", "_Plus"};
constexpr List<4> kSubtract{"elemwise_sub", "_sub", "_minus", "_Minus"};
constexpr List<2> kPlusScalar{"_plus_scalar", "_PlusScalar"};
constexpr List<2> kMulScalar{"_mul_scalar", "_MulScalar"};
constexpr List<2> kDivScalar{"_div_scalar", "_DivScalar"};
constexpr List<2> kGreaterScalar{"_greater_scalar", "_GreaterScalar"};
constexpr List<2> kConcat{"Concat", "concat"};
constexpr List<2> kSplit{"SliceChannel", "split"};
constexpr List<1> kWhere{"where"};
constexpr List<1> kZerosLike{"zeros_like"};
constexpr List<1> kOnesLike{"ones_like"};
constexpr List<1> kExp{"exp"};
constexpr List<1> kSlice{"slice_axis"};
constexpr List<3> kNms{"_contrib_box_nms", "_contrib_box_non_maximum_suppression", "box_nms"};

bool same(const SymbolEntry& a, const SymbolEntry& b) { return a.node == b.node && a.output == b.output; }

/// What the pattern yields.
struct Tail {
  SymbolEntry probabilities, predictions, anchors;
  std::array<float, 4> stds{}, means{};
  float score_threshold = 0;
};

class Matcher {
 public:
  explicit Matcher(const Symbol& symbol) : symbol_(symbol) {}

  /// `rows` is what box_nms reads.
  std::optional<Tail> match(const SymbolEntry& rows) {
    const SymbolNode* all = joined(rows, 1, 1);
    if (all == nullptr) return std::nullopt;
    SymbolEntry ids{}, scores{}, boxes{};
    for (std::size_t c = 0; c < all->inputs.size(); ++c) {
      const SymbolNode* one = joined(all->inputs[c], -1, 2);
      if (one == nullptr || one->inputs.size() != 3) return std::nullopt;
      const auto index = static_cast<std::int64_t>(c);
      const auto id = slice(one->inputs[0], index, index + 1), score = slice(one->inputs[1], index, index + 1);
      if (!id || !score) return std::nullopt;
      if (c == 0) {
        ids = *id;
        scores = *score;
        boxes = one->inputs[2];
      }
      if (!same(*id, ids) || !same(*score, scores) || !same(one->inputs[2], boxes)) return std::nullopt;
    }
    Tail tail;
    if (!match_scores(ids, scores, all->inputs.size(), tail) || !match_boxes(boxes, tail)) return std::nullopt;
    return tail;
  }

  [[nodiscard]] const SymbolNode* node(const SymbolEntry& entry, OperatorNames ops, std::size_t inputs) const {
    const SymbolNode& found = symbol_.nodes[entry.node];
    const bool fits = entry.output == 0 && std::ranges::find(ops, found.op) != ops.end();
    return fits && found.inputs.size() == inputs ? &found : nullptr;
  }

  static std::optional<std::int64_t> integer(const SymbolNode& node, const char* key,
                                             std::optional<std::int64_t> fallback = std::nullopt) {
    const auto found = node.attrs.find(key);
    return found == node.attrs.end() ? fallback : parse_integer(found->second);
  }

  /// The input of a slice_axis over the last of three axes.
  [[nodiscard]] std::optional<SymbolEntry> slice(const SymbolEntry& entry, std::int64_t begin,
                                                 std::optional<std::int64_t> end) const {
    const SymbolNode* found = node(entry, kSlice, 1);
    if (found == nullptr || integer(*found, "begin") != begin) return std::nullopt;
    const auto axis = integer(*found, "axis");
    const auto last = found->attrs.find("end");
    if ((axis != -1 && axis != 2) || last == found->attrs.end()) return std::nullopt;
    const bool fits = end ? parse_integer(last->second) == end : last->second == "None";
    return fits ? std::optional(found->inputs[0]) : std::nullopt;
  }

 private:
  /// A Concat along one of two spellings of an axis.
  [[nodiscard]] const SymbolNode* joined(const SymbolEntry& entry, std::int64_t axis, std::int64_t other) const {
    const SymbolNode& found = symbol_.nodes[entry.node];
    if (entry.output != 0 || std::ranges::find(kConcat, found.op) == kConcat.end()) return nullptr;
    const auto dim = integer(found, "dim", 1);
    return dim == axis || dim == other ? &found : nullptr;
  }

  /// The input of an operator with a scalar, and the scalar.
  struct Scaled {
    SymbolEntry input;
    float scalar;
  };
  [[nodiscard]] std::optional<Scaled> scaled(const SymbolEntry& entry, OperatorNames ops) const {
    const SymbolNode* found = node(entry, ops, 1);
    if (found == nullptr) return std::nullopt;
    const auto scalar = found->attrs.find("scalar");
    const auto value = scalar == found->attrs.end() ? std::nullopt : parse_float(scalar->second);
    return value ? std::optional(Scaled{found->inputs[0], *value}) : std::nullopt;
  }

  /// ids = where(mask, [0, 1, ...], -1), scores = where(mask, raw, 0), mask = raw > threshold, raw = probabilities
  /// without the background.
  bool match_scores(const SymbolEntry& ids, const SymbolEntry& scores, std::size_t classes, Tail& tail) const {
    const SymbolNode *id = node(ids, kWhere, 3), *score = node(scores, kWhere, 3);
    if (id == nullptr || score == nullptr || !same(id->inputs[0], score->inputs[0])) return false;
    const auto mask = scaled(id->inputs[0], kGreaterScalar);
    if (!mask || !same(mask->input, score->inputs[1])) return false;
    const auto probabilities = slice(mask->input, 1, std::nullopt);
    const SymbolNode* zero = node(score->inputs[2], kZerosLike, 1);
    if (!probabilities || zero == nullptr || !same(zero->inputs[0], mask->input)) return false;
    const auto minus = scaled(id->inputs[2], kMulScalar);
    if (!minus || minus->scalar != -1) return false;
    const SymbolNode* one = node(minus->input, kOnesLike, 1);
    if (one == nullptr || !same(one->inputs[0], id->inputs[1])) return false;
    tail.probabilities = *probabilities;
    tail.score_threshold = mask->scalar;
    return counts(id->inputs[1], *probabilities, classes);
  }

  /// [0 + 0, 0 + 1, ...] for every anchor.
  [[nodiscard]] bool counts(const SymbolEntry& entry, const SymbolEntry& probabilities, std::size_t classes) const {
    const SymbolNode* numbers = joined(entry, -1, 2);
    if (numbers == nullptr || numbers->inputs.size() != classes) return false;
    for (std::size_t c = 0; c < classes; ++c) {
      const auto number = scaled(numbers->inputs[c], kPlusScalar);
      if (!number || number->scalar != static_cast<float>(c)) return false;
      const SymbolNode* zero = node(number->input, kZerosLike, 1);
      const auto background = zero == nullptr ? std::nullopt : slice(zero->inputs[0], 0, 1);
      if (!background || !same(*background, probabilities)) return false;
    }
    return true;
  }

  /// Output `k` of four parts along the last axis; what is cut must be `whole` once that is known.
  [[nodiscard]] bool quarter(const SymbolEntry& entry, std::uint32_t k, std::optional<SymbolEntry>& whole) const {
    const SymbolNode& found = symbol_.nodes[entry.node];
    if (entry.output != k || std::ranges::find(kSplit, found.op) == kSplit.end() || found.inputs.size() != 1) {
      return false;
    }
    const auto axis = integer(found, "axis", 1);
    const auto squeeze = found.attrs.find("squeeze_axis");
    if (integer(found, "num_outputs") != 4 || (axis != -1 && axis != 2)) return false;
    if (squeeze != found.attrs.end() && parse_bool(squeeze->second) != false) return false;
    if (!whole) whole = found.inputs[0];
    return same(*whole, found.inputs[0]);
  }

  /// p_k * std_k + mean_k.
  bool moved(SymbolEntry entry, std::uint32_t k, Tail& tail, std::optional<SymbolEntry>& predictions) const {
    tail.means[k] = 0;
    if (const auto plus = scaled(entry, kPlusScalar)) {
      tail.means[k] = plus->scalar;
      entry = plus->input;
    }
    const auto times = scaled(entry, kMulScalar);
    if (!times) return false;
    tail.stds[k] = times->scalar;
    return quarter(times->input, k, predictions);
  }

  /// boxes = [x - w, y - h, x + w, y + h].
  bool match_boxes(const SymbolEntry& boxes, Tail& tail) const {
    const SymbolNode* corners = joined(boxes, -1, 2);
    if (corners == nullptr || corners->inputs.size() != 4) return false;
    std::optional<SymbolEntry> predictions, anchors;
    for (std::uint32_t axis = 0; axis < 2; ++axis) {
      const SymbolNode* low = node(corners->inputs[axis], kSubtract, 2);
      const SymbolNode* high = node(corners->inputs[axis + 2], kAdd, 2);
      if (low == nullptr || high == nullptr || !same(low->inputs[0], high->inputs[0]) ||
          !same(low->inputs[1], high->inputs[1])) {
        return false;
      }
      const SymbolNode* centre = node(low->inputs[0], kAddBroadcast, 2);
      const SymbolNode* shift = centre == nullptr ? nullptr : node(centre->inputs[0], kMultiply, 2);
      if (shift == nullptr || !quarter(centre->inputs[1], axis, anchors) ||
          !quarter(shift->inputs[1], axis + 2, anchors) || !moved(shift->inputs[0], axis, tail, predictions)) {
        return false;
      }
      const auto half = scaled(low->inputs[1], kDivScalar);
      const SymbolNode* size = half && half->scalar == 2 ? node(half->input, kMultiply, 2) : nullptr;
      const SymbolNode* power = size == nullptr ? nullptr : node(size->inputs[0], kExp, 1);
      if (power == nullptr || !quarter(size->inputs[1], axis + 2, anchors) ||
          !moved(power->inputs[0], axis + 2, tail, predictions)) {
        return false;
      }
    }
    tail.predictions = *predictions;
    tail.anchors = *anchors;
    return true;
  }

  const Symbol& symbol_;
};

/// box_nms as GluonCV calls it; its other attributes go to the new operator.
bool nms_fits(const SymbolNode& nms) {
  const auto is = [&](const char* key, std::int64_t expected, std::int64_t fallback) {
    return Matcher::integer(nms, key, fallback) == expected;
  };
  const auto text = [&](const char* key, std::string_view fallback) {
    const auto found = nms.attrs.find(key);
    return found == nms.attrs.end() ? std::string(fallback) : found->second;
  };
  const auto valid = parse_float(text("valid_thresh", "0"));
  const auto topk = Matcher::integer(nms, "topk", -1);
  return is("coord_start", 2, 2) && is("score_index", 1, 1) && is("id_index", 0, -1) && is("background_id", -1, -1) &&
         parse_bool(text("force_suppress", "False")) == false && text("in_format", "corner") == "corner" &&
         text("out_format", "corner") == "corner" && valid && *valid >= 0 && topk && (*topk > 0 || *topk == -1);
}

SymbolNode detection(const SymbolNode& first_rows, const SymbolNode& nms, const Tail& tail) {
  SymbolNode node{"box_detection", first_rows.name, {}, {tail.probabilities, tail.predictions, tail.anchors}, {}};
  node.attrs["score_threshold"] = format(tail.score_threshold);
  node.attrs["stds"] = format_tuple(std::vector<float>(tail.stds.begin(), tail.stds.end()));
  node.attrs["means"] = format_tuple(std::vector<float>(tail.means.begin(), tail.means.end()));
  const auto pass = [&](const char* key, const char* fallback) {
    const auto found = nms.attrs.find(key);
    node.attrs[key] = found == nms.attrs.end() ? fallback : found->second;
  };
  pass("overlap_thresh", "0.5");
  pass("valid_thresh", "0");
  pass("topk", "-1");
  node.attrs["rows"] = first_rows.attrs.at("end");
  return node;
}

/// slice_axis of the first rows: their number, or nothing.
bool takes_first_rows(const SymbolNode& node) {
  const auto end = Matcher::integer(node, "end");
  const auto axis = Matcher::integer(node, "axis");
  return node.op == "slice_axis" && node.inputs.size() == 1 && (axis == 1 || axis == -2) &&
         Matcher::integer(node, "begin") == 0 && end && *end > 0;
}

}  // namespace

Symbol with_box_detection(const Symbol& symbol) {
  Symbol result = symbol;
  Matcher matcher(symbol);
  for (std::size_t id = 0; id < symbol.nodes.size(); ++id) {
    const SymbolNode& node = symbol.nodes[id];
    if (!takes_first_rows(node)) continue;
    const SymbolNode* nms = matcher.node(node.inputs[0], kNms, 1);
    if (nms == nullptr || !nms_fits(*nms)) continue;
    if (const auto tail = matcher.match(nms->inputs[0])) result.nodes[id] = detection(node, *nms, *tail);
  }
  return result;
}

}  // namespace octet
