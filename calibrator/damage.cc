#include "octet/calibrator/damage.h"

#include <algorithm>  // std::any_of, std::min
#include <cmath>      // std::sqrt
#include <map>        // std::map
#include <utility>    // std::pair

#include "octet/calibrator/lift.h"

namespace octet {
namespace {

struct Sums {
  double signal = 0, stored = 0, product = 0, error = 0, shift = 0;
  double count = 0, clipped = 0;

  void add(double x, double y, double low, double high) {
    signal += x * x;
    stored += y * y;
    product += x * y;
    error += (y - x) * (y - x);
    shift += y - x;
    if (x < low || x > high) clipped += 1;
  }
  void add(const Sums& other) {
    signal += other.signal;
    stored += other.stored;
    product += other.product;
    error += other.error;
    shift += other.shift;
    count += other.count;
    clipped += other.clipped;
  }
};

template <class T>
Sums compare(std::span<const float> f32, const Observation& seen, double lift, double low, double high) {
  const auto* stored = static_cast<const T*>(seen.data);
  const double scale = seen.dtype == DType::f32 ? 1.0 : static_cast<double>(seen.scale);
  Sums sums;
  sums.count = static_cast<double>(f32.size());
  for (std::size_t i = 0; i < f32.size(); ++i) {
    sums.add(static_cast<double>(f32[i]) - lift, static_cast<double>(stored[i]) * scale - lift, low - lift,
             high - lift);
  }
  return sums;
}

/// `lift`: what was added to both (see lift.h), and is no part of the signal.
Sums compare(std::span<const float> f32, const Observation& seen, double lift) {
  const auto half = static_cast<double>(seen.scale) / 2;
  switch (seen.dtype) {
    case DType::u8: return compare<std::uint8_t>(f32, seen, lift, -half, 511 * half);
    case DType::s8: return compare<std::int8_t>(f32, seen, lift, -257 * half, 255 * half);
    default: return compare<float>(f32, seen, lift, -HUGE_VAL, HUGE_VAL);
  }
}

std::size_t elements_of(const Observation& seen) {
  std::size_t elements = 1;
  for (const std::int64_t size : seen.shape) elements *= static_cast<std::size_t>(size);
  return elements;
}

ValueDamage summary(const Node& node, const Sums& sums) {
  ValueDamage damage;
  damage.name = node.name;
  damage.output_name = node.output_name;
  damage.op = op_name(node.op);
  damage.dtype = node.outputs[0].dtype;
  damage.scale = node.outputs[0].scale;
  if (sums.error > 0)
    damage.sqnr = std::min(200.0, 10 * std::log10(std::max(sums.signal, 1e-300) / sums.error));
  else
    damage.sqnr = 200;
  if (sums.signal > 0 && sums.stored > 0)
    damage.cosine = sums.product / std::sqrt(sums.signal * sums.stored);
  else
    damage.cosine = sums.signal == sums.stored ? 1 : 0;
  if (sums.count > 0) damage.clipped = sums.clipped / sums.count;
  if (sums.signal > 0) damage.mean_error = sums.shift / sums.count / std::sqrt(sums.signal / sums.count);
  return damage;
}

bool is_quantized(DType dtype) { return dtype == DType::u8 || dtype == DType::s8; }

bool computes_in_int8(const Graph& graph, const Node& node) {
  if (node.as<DequantizeOp>() != nullptr || node.as<NormalizeOp>() != nullptr) return false;
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValueRef input) {
    return graph.nodes[static_cast<std::size_t>(input.node)].as<ConstantOp>() == nullptr &&
           is_quantized(graph.value(input).dtype);
  });
}

/// Fills in what depends on the nodes before. `at`: node -> index into `damage`, -1: not compared; such a node is as
/// good as what it reads.
void add_inputs(const Graph& graph, const std::vector<int>& at, std::vector<ValueDamage>& damage) {
  std::vector<double> known(graph.nodes.size(), 200);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (const ValueRef input : node.inputs) {
      known[i] = std::min(known[i], known[static_cast<std::size_t>(input.node)]);
    }
    if (at[i] < 0) continue;
    ValueDamage& own = damage[static_cast<std::size_t>(at[i])];
    own.int8 = computes_in_int8(graph, node);
    own.input_sqnr = known[i];
    known[i] = own.sqnr;
  }
}

}  // namespace

Result<std::vector<ValueDamage>> measure_damage(const Graph& f32, const Graph& int8, const PictureStore& pictures,
                                                int threads) {
  std::map<std::string, NodeId> by_name;
  for (std::size_t i = 0; i < f32.nodes.size(); ++i) by_name[f32.nodes[i].output_name] = static_cast<NodeId>(i);
  std::vector<std::pair<NodeId, NodeId>> pairs;  // in f32 and in int8
  std::vector<int> in_f32(f32.nodes.size(), -1), in_int8(int8.nodes.size(), -1);
  for (std::size_t i = 0; i < int8.nodes.size(); ++i) {
    const auto found = by_name.find(int8.nodes[i].output_name);
    if (found == by_name.end() || int8.nodes[i].as<InputOp>() != nullptr) continue;
    const auto k = static_cast<std::size_t>(found->second);
    if (f32.nodes[k].outputs[0].shape != int8.nodes[i].outputs[0].shape) continue;
    in_f32[k] = in_int8[i] = static_cast<int>(pairs.size());
    pairs.emplace_back(found->second, static_cast<NodeId>(i));
  }
  std::vector<std::vector<std::vector<float>>> kept(worker_count(threads),
                                                    std::vector<std::vector<float>>(pairs.size()));
  std::vector<Sums> sums(pairs.size() * pictures.count());  // a picture's own, added in their order below
  const std::vector<double> lifts = lifts_of(int8);
  const Graph* graphs[] = {&f32, &int8};
  OCTET_CHECK(run_pictures(graphs, pictures, threads, [&](const PictureRun& run, const Observation& seen) {
    const int pair = (run.graph == 0 ? in_f32 : in_int8)[static_cast<std::size_t>(seen.value.node)];
    if (pair < 0) return;
    std::vector<float>& values = kept[run.worker][static_cast<std::size_t>(pair)];
    if (run.graph == 0 && seen.dtype == DType::f32) {
      const auto* data = static_cast<const float*>(seen.data);
      values.assign(data, data + elements_of(seen));
    } else if (run.graph == 1 && values.size() == elements_of(seen)) {
      sums[run.picture * pairs.size() + static_cast<std::size_t>(pair)] =
          compare(values, seen, lifts[static_cast<std::size_t>(seen.value.node)]);
    }
  }));
  std::vector<ValueDamage> result;
  std::vector<int> at(int8.nodes.size(), -1);
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    Sums total;
    for (std::size_t i = 0; i < pictures.count(); ++i) total.add(sums[i * pairs.size() + p]);
    if (!(total.count > 0)) continue;
    const auto node = static_cast<std::size_t>(pairs[p].second);
    at[node] = static_cast<int>(result.size());
    result.push_back(summary(int8.nodes[node], total));
  }
  add_inputs(int8, at, result);
  return result;
}

Result<void> report_damage(const Graph& f32, const Graph& int8, const PictureSource& judged, const PictureStore& kept,
                           int threads, CalibrationReport& report) {
  constexpr std::size_t kJudged = 64;
  const std::size_t bytes = kept.count() > 0 ? kept[0].size() : 0;
  PictureStore others(bytes, kJudged);
  if (judged && bytes > 0) {
    std::vector<std::uint8_t> slot(bytes);
    for (;;) {
      OCTET_TRY(const std::int64_t got, judged(slot, 1));
      if (got <= 0) break;
      others.add(slot);
    }
  }
  report.damage_held_out = others.count() > 0;
  const PictureStore& pictures = report.damage_held_out ? others : kept;
  report.damage_pictures = pictures.count();
  OCTET_TRY(report.damage, measure_damage(f32, int8, pictures, threads));
  return {};
}

}  // namespace octet
