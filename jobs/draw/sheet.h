// One sheet: a picture with what each model says of it, panel by panel.
#pragma once

#include <cstdint>   // std::uint8_t
#include <optional>  // std::optional
#include <span>      // std::span
#include <string>    // std::string
#include <vector>    // std::vector

#include "octet/jobs/draw/canvas.h"
#include "octet/jobs/draw/compare.h"
#include "octet/jobs/draw/layout.h"
#include "octet/jobs/record.h"

namespace octet {

/// Who speaks in a panel.
struct Speaker {
  std::string name;
  bool quantized = false;
  std::span<const std::string> labels;  ///< by class id
};

/// "FP32" or "INT8".
const char* precision_name(bool quantized) noexcept;
/// The class's name, or "class 7" where there is none.
std::string class_name(int id, std::span<const std::string> labels);
/// "0.87", "<0.01", "n/a".
std::string format_score(float score);

struct SheetInput {
  std::string title;                              ///< the entry's key
  Size stored;                                    ///< the original's size, in whose pixels boxes are
  Display display;                                ///< of `pixels`
  std::span<const std::uint8_t> pixels;           ///< RGB, display.size
  std::vector<Speaker> speakers;                  ///< one a panel
  std::span<const Outcome> outcomes;              ///< by speaker
  const OutcomeComparison* comparison = nullptr;  ///< of two speakers; null for one
  std::optional<int> truth;                       ///< the class that the data names
  int top_k = 5;
  float min_score = 0.3F;
};

struct Sheet {
  Canvas canvas;
  Size size;
  std::size_t columns = 1;  ///< panels beside each other
};

Result<Sheet> draw_sheet(const SheetInput& input);

}  // namespace octet
