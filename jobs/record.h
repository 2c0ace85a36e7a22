// One scored entry.
#pragma once

#include <cstdint>   // std::uint64_t
#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "octet/graph/result.h"
#include "octet/loader/source.h"

namespace octet {

struct Prediction {
  int id = 0;
  float score = 0;
};

/// Corners in pixels of the original picture.
struct Detection {
  int id = 0;
  float score = 0;
  float xmin = 0, ymin = 0, xmax = 0, ymax = 0;
};

/// What one model says of one picture; one of the two lists is used, or none for features.
struct Outcome {
  bool detection = false;               ///< which of the two lists is meant, be it empty
  bool features = false;                ///< neither: `outputs` are
  std::vector<Prediction> predictions;  ///< top-k, best first; equal scores by lower id
  std::vector<Detection> detections;    ///< best first
  /// Raw values of every network output, one behind the other, for features and with StageOptions::keep_raw.
  std::vector<float> outputs;
};

/// One failed entry, for people.
struct FailedEntry {
  std::uint64_t index = 0;
  std::string key;
  Error error;
  std::string file = {};                     ///< the picture's, or the .rec, .lst or .idx
  std::optional<std::uint64_t> offset = {};  ///< of the record in `file`
};

/// The fate of one entry. `outcomes` has one element per model, in the stage's order, or is an Error.
struct Record {
  std::uint64_t index = 0;     ///< the entry's
  std::uint64_t sequence = 0;  ///< the how-manieth entry of the stage it was, since it was made or reset
  std::string key;
  std::vector<float> labels;  ///< as the source stored them
  Result<std::vector<Outcome>> outcomes = Error{};
  std::string text;                          ///< free for StageOptions::finish
  std::int64_t width = 0, height = 0;        ///< of the picture as stored; 0 where there is none
  std::optional<std::uint64_t> offset = {};  ///< the entry's
  SourcePosition next = {};                  ///< the entry's
};

}  // namespace octet
