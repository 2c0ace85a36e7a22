// How likely a quantised classifier names the class that the float one names, from few pictures.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "octet/calibrator/calibrate.h"
#include "octet/calibrator/picture_store.h"

namespace octet {

/// The network's output (its first; before a Softmax there) for every picture of the store, in their order.
using OutputRows = std::vector<std::vector<float>>;
Result<OutputRows> output_rows(const Graph& graph, const PictureStore& pictures, int threads);

/// What is known of the float network on the pictures at hand.
struct FloatOutputs {
  OutputRows rows;
  std::vector<int> labels;  ///< one a row; empty: not known
};

/// Compares `int8` with the first int8.size() rows of `f32`, and estimates how often the best class differs. Counting
/// would not do: 10 pictures know agreement to 10 points. Instead, the error of the difference between the best class
/// and each of its 5 rivals, in units of the standard deviation of the picture's outputs, is taken as normal with the
/// variance s^2 that the compared pictures show, independent between rivals, and meets the margins of all float rows:
///   agreement = mean over pictures of  prod over rivals of Phi(margin / (s * deviation)).
/// The expected drop of top-1 is that of the label (product over its 5 strongest rivals) against what the float network
/// gets right. On real networks the estimate was 0.2 to 3 points below what thousands of pictures would show.
OutputMatch match_outputs(const FloatOutputs& f32, const OutputRows& int8);

/// 10 log10(signal / error) of outputs less their mean, over int8.size() rows; at most 200.
double output_sqnr(const OutputRows& f32, const OutputRows& int8);

}  // namespace octet
