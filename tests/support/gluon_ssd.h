// A miniature SSD network in the form that GluonCV exports, with its box code in small operators.
#pragma once

#include <cstdint>

#include "octet/graph/params.h"
#include "octet/graph/preprocess.h"
#include "octet/graph/symbol.h"

namespace octet::test {

struct GluonSsd {
  std::int64_t side = 32;    ///< of the square input; two feature maps of side / 4 and side / 8
  std::int64_t classes = 3;  ///< without the background
  std::int64_t rows = 20;    ///< of the output
  std::int64_t topk = 40;    ///< of box_nms
  float overlap = 0.45F, valid = 0.01F, score_threshold = 0.01F;
  float mean_x = 0;  ///< added to the x prediction
  /// Puts an identity between the decoded boxes and their readers: nothing changes but the form.
  bool other_form = false;
};

struct SymbolWithParams {
  Symbol symbol;
  ParamMap params;
};

/// Image variable `data` (1, 3, side, side); heads ids (N, rows, 1), scores (N, rows, 1), boxes (N, rows, 4) in pixels.
/// Weights are random, the same every time.
SymbolWithParams gluon_ssd(const GluonSsd& options);

/// Colour pictures of side x side pixels, with a mean and a std per channel.
Preprocess square_input(std::int64_t side);

}  // namespace octet::test
