#include "octet/calibrator/damage.h"

#include <algorithm>  // std::min
#include <cmath>      // std::sqrt
#include <map>        // std::map
#include <utility>    // std::pair

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
Sums compare(std::span<const float> f32, const Observation& seen, double low, double high) {
  const auto* stored = static_cast<const T*>(seen.data);
  const double scale = seen.dtype == DType::f32 ? 1.0 : static_cast<double>(seen.scale);
  Sums sums;
  sums.count = static_cast<double>(f32.size());
  for (std::size_t i = 0; i < f32.size(); ++i) {
    sums.add(static_cast<double>(f32[i]), static_cast<double>(stored[i]) * scale, low, high);
  }
  return sums;
}

Sums compare(std::span<const float> f32, const Observation& seen) {
  const auto half = static_cast<double>(seen.scale) / 2;
  switch (seen.dtype) {
    case DType::u8: return compare<std::uint8_t>(f32, seen, -half, 511 * half);
    case DType::s8: return compare<std::int8_t>(f32, seen, -257 * half, 255 * half);
    default: return compare<float>(f32, seen, -HUGE_VAL, HUGE_VAL);
  }
}

std::size_t elements_of(const Observation& seen) {
  std::size_t elements = 1;
  for (const std::int64_t size : seen.shape) elements *= static_cast<std::size_t>(size);
  return elements;
}

ValueDamage summary(const Node& node, const Sums& sums) {
  ValueDamage damage{node.name, node.output_name, node.outputs[0].dtype, node.outputs[0].scale};
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
  const Graph* graphs[] = {&f32, &int8};
  OCTET_CHECK(run_pictures(graphs, pictures, threads, [&](const PictureRun& run, const Observation& seen) {
    const int pair = (run.graph == 0 ? in_f32 : in_int8)[static_cast<std::size_t>(seen.value.node)];
    if (pair < 0) return;
    std::vector<float>& values = kept[run.worker][static_cast<std::size_t>(pair)];
    if (run.graph == 0 && seen.dtype == DType::f32) {
      const auto* data = static_cast<const float*>(seen.data);
      values.assign(data, data + elements_of(seen));
    } else if (run.graph == 1 && values.size() == elements_of(seen)) {
      sums[run.picture * pairs.size() + static_cast<std::size_t>(pair)] = compare(values, seen);
    }
  }));
  std::vector<ValueDamage> result;
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    Sums total;
    for (std::size_t i = 0; i < pictures.count(); ++i) total.add(sums[i * pairs.size() + p]);
    if (total.count > 0) result.push_back(summary(int8.nodes[static_cast<std::size_t>(pairs[p].second)], total));
  }
  return result;
}

}  // namespace octet
