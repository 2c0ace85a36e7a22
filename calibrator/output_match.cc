#include "octet/calibrator/output_match.h"

#include <algorithm>  // std::partial_sort
#include <cmath>      // std::erfc
#include <numeric>    // std::iota

namespace octet {
namespace {

constexpr std::size_t kRivals = 5;        // that may overtake
constexpr std::size_t kNoiseRivals = 10;  // whose errors tell the noise
constexpr std::size_t kLevels = 12;       // of noise

/// The value whose order the network's answer is.
ValueRef answer_of(const Graph& graph) {
  ValueRef ref = graph.outputs.front();
  const Node& node = graph.nodes[static_cast<std::size_t>(ref.node)];
  return node.as<SoftmaxOp>() != nullptr ? node.inputs[0] : ref;
}

std::size_t best_class_of(const std::vector<float>& row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

/// The `most` strongest classes but for `whose`.
std::vector<std::size_t> rivals_of(const std::vector<float>& row, std::size_t whose, std::size_t most) {
  std::vector<std::size_t> ids(row.size());
  std::iota(ids.begin(), ids.end(), std::size_t{0});
  const std::size_t count = std::min(most + 1, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [&](std::size_t a, std::size_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
  ids.resize(count);
  std::erase(ids, whose);
  ids.resize(std::min(ids.size(), most));
  return ids;
}

double row_mean(const std::vector<float>& row) {
  double sum = 0;
  for (const float x : row) sum += static_cast<double>(x);
  return sum / static_cast<double>(row.size());
}

double row_deviation(const std::vector<float>& row) {
  const double mean = row_mean(row);
  double square = 0;
  for (const float x : row) square += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean);
  return std::sqrt(square / static_cast<double>(row.size()));
}

/// Variance of the errors of the strongest classes, in units of the picture's deviation: of each compared picture,
/// ascending.
std::vector<double> class_noises(const OutputRows& f32, const OutputRows& int8) {
  std::vector<double> noises;
  for (std::size_t i = 0; i < int8.size(); ++i) {
    const double deviation = row_deviation(f32[i]);
    if (!(deviation > 0)) continue;
    const std::size_t best = best_class_of(f32[i]);
    std::vector<std::size_t> classes = rivals_of(f32[i], best, kNoiseRivals);
    classes.push_back(best);
    double sum = 0, square = 0;
    for (const std::size_t c : classes) {
      const double error = (static_cast<double>(int8[i][c]) - static_cast<double>(f32[i][c])) / deviation;
      sum += error;
      square += error * error;
    }
    const auto n = static_cast<double>(classes.size());
    noises.push_back(std::max(0.0, square - sum * sum / n) / std::max(n - 1, 1.0));
  }
  std::sort(noises.begin(), noises.end());
  return noises;
}

/// Means of equal parts of them: levels that stand for all pictures.
std::vector<double> noise_levels(const std::vector<double>& noises) {
  if (noises.empty()) return {0};
  const std::size_t count = std::min(noises.size(), kLevels);
  std::vector<double> levels;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t first = k * noises.size() / count, end = (k + 1) * noises.size() / count;
    double sum = 0;
    for (std::size_t i = first; i < end; ++i) sum += noises[i];
    levels.push_back(sum / static_cast<double>(end - first));
  }
  return levels;
}

/// Chance that no rival overtakes; margins in units of the error of a class. The integral over that error of the class
/// itself, which all margins share, is a sum: for functions as smooth as these it is as good as exact.
double chance_of(std::span<const double> margins) {
  constexpr int kPoints = 13;
  constexpr double kStep = 0.5, kDensity = 0.3989422804014327;  // 1 / sqrt(2 pi)
  double sum = 0;
  for (int k = -kPoints; k <= kPoints; ++k) {
    const double z = kStep * k;
    double product = kStep * kDensity * std::exp(-z * z / 2);
    for (const double margin : margins) product *= 0.5 * std::erfc(-(margin + z) / std::sqrt(2.0));
    sum += product;
  }
  return sum;
}

/// Chance that `whose` stays, or becomes, the best class.
double chance(const std::vector<float>& row, std::size_t whose, std::span<const double> levels) {
  const std::vector<std::size_t> rivals = rivals_of(row, whose, kRivals);
  const double deviation = row_deviation(row);
  double sum = 0;
  std::vector<double> margins(rivals.size());
  for (const double level : levels) {
    const double sigma = std::sqrt(level) * deviation;
    bool wins = true;
    for (std::size_t i = 0; i < rivals.size(); ++i) {
      const double margin = static_cast<double>(row[whose]) - static_cast<double>(row[rivals[i]]);
      wins = wins && (margin > 0 || (margin == 0 && whose < rivals[i]));
      if (sigma > 0) margins[i] = margin / sigma;
    }
    sum += sigma > 0 ? chance_of(margins) : (wins ? 1 : 0);
  }
  return sum / static_cast<double>(levels.size());
}

}  // namespace

Result<OutputRows> output_rows(const Graph& graph, const PictureStore& pictures, int threads) {
  const ValueRef answer = answer_of(graph);
  if (graph.value(answer).quantized()) {
    return Error{ErrorCode::internal, graph.nodes[static_cast<std::size_t>(answer.node)].name,
                 "the network's output is not f32"};
  }
  OutputRows rows(pictures.count());
  const Graph* graphs[] = {&graph};
  OCTET_CHECK(run_pictures(graphs, pictures, threads, [&](const PictureRun& run, const Observation& seen) {
    if (seen.value != answer || seen.dtype != DType::f32) return;
    std::size_t elements = 1;
    for (const std::int64_t size : seen.shape) elements *= static_cast<std::size_t>(size);
    const auto* data = static_cast<const float*>(seen.data);
    rows[run.picture].assign(data, data + elements);
  }));
  return rows;
}

OutputMatch match_outputs(const FloatOutputs& f32, const OutputRows& int8) {
  OutputMatch match;
  match.sqnr = output_sqnr(f32.rows, int8);
  match.judged = static_cast<std::int64_t>(int8.size());
  for (std::size_t i = 0; i < int8.size(); ++i)
    match.agreeing += best_class_of(f32.rows[i]) == best_class_of(int8[i]) ? 1 : 0;
  const std::vector<double> levels = noise_levels(class_noises(f32.rows, int8));
  const double share = 100.0 / static_cast<double>(std::max<std::size_t>(f32.rows.size(), 1));
  double drop = 0;
  for (std::size_t i = 0; i < f32.rows.size(); ++i) {
    const std::vector<float>& row = f32.rows[i];
    const std::size_t best = best_class_of(row);
    match.agreement += share * chance(row, best, levels);
    if (f32.labels.empty()) continue;
    const auto label = static_cast<std::size_t>(f32.labels[i]);
    if (label < row.size()) drop += share * ((best == label ? 1 : 0) - chance(row, label, levels));
  }
  if (!f32.labels.empty()) match.drop = drop;
  return match;
}

double output_sqnr(const OutputRows& f32, const OutputRows& int8) {
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < int8.size(); ++i) {
    const double mean_f32 = row_mean(f32[i]), mean_int8 = row_mean(int8[i]);
    for (std::size_t k = 0; k < int8[i].size(); ++k) {
      const double x = static_cast<double>(f32[i][k]) - mean_f32, y = static_cast<double>(int8[i][k]) - mean_int8;
      signal += x * x;
      error += (y - x) * (y - x);
    }
  }
  return error > 0 ? std::min(200.0, 10 * std::log10(std::max(signal, 1e-300) / error)) : 200;
}

}  // namespace octet
