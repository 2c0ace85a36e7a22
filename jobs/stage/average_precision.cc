#include "octet/jobs/stage/average_precision.h"

#include <algorithm>  // std::max

namespace octet {
namespace {

// Mean over `points` recalls; `reached(hit, i)` tells whether a hit's recall is at least the i-th.
template <class Reached>
double mean_at_recalls(const std::vector<Hit>& hits, int points, Reached reached) {
  double sum = 0;
  std::size_t at = 0;
  for (int i = 0; i < points; ++i) {
    while (at < hits.size() && !reached(hits[at], i)) ++at;
    if (at == hits.size()) break;
    sum += hits[at].precision;
  }
  return sum / points;
}

double area(const std::vector<Hit>& hits, double objects) {
  double sum = 0;
  double before = 0;
  for (const Hit& hit : hits) {
    sum += (hit.found - before) / objects * hit.precision;
    before = hit.found;
  }
  return sum;
}

}  // namespace

double average_precision(DetectionMetric metric, std::vector<Hit>& hits, double objects) {
  if (!(objects > 0)) return 0;
  double best = 0;
  for (auto hit = hits.rbegin(); hit != hits.rend(); ++hit) hit->precision = best = std::max(best, hit->precision);
  switch (metric) {
    case DetectionMetric::coco:
      return mean_at_recalls(hits, 101, [objects](const Hit& hit, int i) {
        return hit.found / objects >= (i == 100 ? 1.0 : static_cast<double>(i) * 0.01);
      });
    case DetectionMetric::voc07:
      return mean_at_recalls(hits, 11, [objects](const Hit& hit, int i) { return hit.found * 10 >= i * objects; });
    case DetectionMetric::mxnet:
      return mean_at_recalls(
          hits, 11, [objects](const Hit& hit, int i) { return hit.found / objects >= static_cast<double>(i) * 0.1; });
    case DetectionMetric::voc: return area(hits, objects);
  }
  return 0;
}

}  // namespace octet
