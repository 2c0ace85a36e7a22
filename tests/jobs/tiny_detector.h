// A network that finds the same objects in every picture, for tests of what happens to detections.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/graph/model.h"

namespace octet::test {

/// What it finds; corners as shares of the input.
struct Finding {
  int id = 0;
  float score = 0;
  float xmin = 0, ymin = 0, xmax = 0, ymax = 0;
};

/// 16 x 16 RGB, warped; classes cat, dog and bird. No suppression but of identical boxes of one class.
Model tiny_detector(const std::vector<Finding>& findings, const std::string& name = "detector");

}  // namespace octet::test
