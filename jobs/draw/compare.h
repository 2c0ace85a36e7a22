// What differs between two models' outcomes for one picture.
#pragma once

#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint8_t
#include <optional>  // std::optional
#include <vector>    // std::vector

#include "octet/jobs/record.h"

namespace octet {

/// One class or box as one or both models see it.
struct Difference {
  enum class Kind : std::uint8_t {
    same,      ///< both have it, with the same class and (to 0.005) the same score
    score,     ///< both have it, with different scores
    changed,   ///< the best class, or the class of one box, is another
    only_one,  ///< a box that only one model has
  };
  Kind kind = Kind::same;
  std::optional<int> first_id, second_id;  ///< class in either model; nullopt: not there
  float first_score = 0, second_score = 0;
};

struct OutcomeComparison {
  std::vector<Difference> differences;  ///< largest first
  /// How much differs, for sorting: the sum over differences of |score - score|, or for a change of class
  /// the larger score, or for a box of one model its score. A changed best class adds 1.
  double size = 0;
  bool in_kind = false;  ///< some difference is more than one of scores
  /// Boxes (by position in Outcome::detections) that the other model lacks or calls by another name.
  std::vector<std::size_t> first_odd, second_odd;
};

/// Intersection over union of two boxes; 0 for empty ones.
double intersection_over_union(const Detection& a, const Detection& b) noexcept;

/// Compares. Classifiers: the best classes of either model, `top_k` of each; `predictions` should hold all
/// classes, so that both scores are known. Detectors: boxes of at least `min_score` in either model are
/// paired greedily, best first, with an IoU of 0.5 or more; boxes of the same class first, those below
/// `min_score` included (a score that fell below is a score that changed), then visible ones of any class.
OutcomeComparison compare(const Outcome& first, const Outcome& second, int top_k, float min_score);

/// Positions in `found` of the boxes that are drawn: finite, of at least `min_score`, best first, at most
/// kMaxBoxes.
inline constexpr std::size_t kMaxBoxes = 200;
std::vector<std::size_t> visible_boxes(const std::vector<Detection>& found, float min_score);

}  // namespace octet
