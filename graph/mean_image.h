// MXNet's mean image (mean_img of ImageRecordIter): a mean for every pixel in place of one per channel.
#pragma once

#include <filesystem>  // std::filesystem::path

#include "octet/graph/graph.h"
#include "octet/graph/preprocess.h"

namespace octet {

/// Puts "- image / std" behind the graph's NormalizeOp, whose mean is 0: the network reads (u8 - image) / std. `file`:
/// an .nd file with one array (C, H, W), C in the order of preprocess.color, H and W those of preprocess. The first
/// layer then reads a float value, so that it quantises its input as any other layer does, and nothing is folded into
/// it. Error(invalid_config) for any other file.
Result<void> subtract_mean_image(Graph& graph, const Preprocess& preprocess, const std::filesystem::path& file);

}  // namespace octet
