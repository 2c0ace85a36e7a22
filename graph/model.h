// A model in memory and its pair of files on disk.
#pragma once

#include <cstdint>     // std::int64_t
#include <filesystem>  // std::filesystem::path
#include <map>         // std::map
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/graph.h"
#include "octet/graph/preprocess.h"

namespace octet {

/// What scoring needs: network, preprocessing, label names, and where the model came from.
struct Model {
  Graph graph;
  Preprocess preprocess;
  std::vector<std::string> labels;  ///< index = class id; may be empty
  /// Free-form origin of an INT8 pair (digests, calibration options, octet version); keys are
  /// stable names, empty for an FP32 pair.
  std::map<std::string, std::string> provenance;
  std::string name;     ///< the prefix's last path component
  bool is_cut = false;  ///< the graph ends in LoadOptions::output_nodes
};

struct LoadOptions {
  int epoch = -1;                  ///< -1: the newest PREFIX-NNNN.params
  PreprocessOverrides preprocess;  ///< win over PREFIX-preprocess.json
  /// Seed of random_weights(), which stand in for a .params file: the "prefix" then is the path of the
  /// symbol file itself. Its image size is 3,224,224 where nothing else states it.
  std::optional<std::uint64_t> random_weights;
  /// An INT8 pair that MXNet wrote is read as the float network it was made from, without its ranges.
  bool mxnet_int8_as_float = false;
  /// Inner nodes whose values become the network's outputs, in this order; what only its own outputs need goes. See
  /// cut_at(). Empty: its own outputs.
  std::vector<std::string> output_nodes;
};

/// Paths of a pair.
struct ModelFiles {
  std::filesystem::path symbol, params, preprocess;  ///< preprocess is empty when there is none
  int epoch = 0;
};

/// Finds PREFIX-symbol.json, PREFIX-NNNN.params and PREFIX-preprocess.json. Missing files are
/// Error(not_found) that says what is there instead (other epochs, other prefixes).
Result<ModelFiles> find_model(const std::filesystem::path& prefix, int epoch);

/// Loads an FP32 or INT8 pair of MXNet's or an INT8 pair written by save_model and returns the graph as
/// the files say, shaped for one image, with the input as u8 pixels and (MXNet's) a Normalize node
/// behind it, then the subtraction of a mean image (see mean_image.h). Missing, extra and misshaped parameters are
/// listed all at once. An INT8 pair of MXNet's comes optimised (see mxnet_int8.h); Error(unsupported) when it lacks
/// ranges that MXNet would measure while scoring.
Result<Model> load_model(const std::filesystem::path& prefix, const LoadOptions& options = {});

/// Writes PREFIX-symbol.json and PREFIX-0000.params, each through a temporary file and rename.
/// Self-contained: preprocessing, labels and provenance are stored in the symbol; quantised weights
/// are stored as int8. load_model reads back an equal Model.
Result<void> save_model(const Model& model, const std::filesystem::path& prefix);

/// Where a file lies that preprocessing names, such as the labels: given as an option it is the user's path, where
/// there is such a file; one that the model names lies beside the model.
std::filesystem::path named_file(const std::filesystem::path& prefix, const std::filesystem::path& name, bool given);

/// Class names, one a line: line i (from 0) names class i; empty lines at the end do not count. Error(invalid_config)
/// with the line for what is not UTF-8.
Result<std::vector<std::string>> read_labels(const std::filesystem::path& file);

/// Lower-case hex SHA-256 of a file's bytes.
Result<std::string> file_digest(const std::filesystem::path& file);

}  // namespace octet
