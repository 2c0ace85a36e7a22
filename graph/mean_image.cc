#include "octet/graph/mean_image.h"

#include <algorithm>  // std::find_if
#include <cmath>      // std::isfinite

#include "octet/graph/file_io.h"
#include "octet/graph/params.h"

namespace octet {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{64} << 10U;

/// image / std, (1, C, H, W).
Result<Tensor> scaled_mean(const Preprocess& preprocess, const std::filesystem::path& file) {
  const auto invalid = [&](std::string message) {
    return Error{ErrorCode::invalid_config, file.string(), std::move(message)};
  };
  const auto elements = static_cast<std::uint64_t>(preprocess.channels * preprocess.height * preprocess.width);
  // Room for a picture of another size or type, which is named below; what is far larger is not read at all.
  OCTET_TRY(const auto bytes, read_file(file, 4 * elements * sizeof(float) + kMaxHeaderBytes));
  OCTET_TRY(const ParamMap arrays, parse_params(bytes, file.string()));
  if (arrays.size() != 1) return invalid("holds " + std::to_string(arrays.size()) + " arrays; a mean image is one");
  const Tensor& image = arrays.begin()->second.value;
  const Shape wanted{preprocess.channels, preprocess.height, preprocess.width};
  if (image.dtype() != DType::f32 || image.shape() != wanted) {
    return invalid("holds an image " + to_string(image.shape()) + " of " + std::string(to_string(image.dtype())) +
                   "; the network's input takes f32 " + to_string(wanted));
  }
  const auto values = image.as<float>();
  std::vector<float> scaled(values.begin(), values.end());
  const auto plane = static_cast<std::size_t>(preprocess.height * preprocess.width);
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    if (!std::isfinite(scaled[i])) return invalid("holds NaN or infinity");
    scaled[i] /= preprocess.std[i / plane];
  }
  return Tensor::from({1, wanted[0], wanted[1], wanted[2]}, scaled);
}

}  // namespace

Result<void> subtract_mean_image(Graph& graph, const Preprocess& preprocess, const std::filesystem::path& file) {
  OCTET_TRY(Tensor mean, scaled_mean(preprocess, file));
  const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                  [](const Node& node) { return node.as<NormalizeOp>() != nullptr; });
  if (found == graph.nodes.end()) {
    return Error{ErrorCode::invalid_config, file.string(), "the network has no normalisation to subtract it in"};
  }
  const auto normalize = static_cast<NodeId>(found - graph.nodes.begin());
  // Two nodes come behind it: the image, and the difference, which every reader reads in its place.
  const auto moved = [normalize](ValueRef ref) {
    return ref.node < normalize ? ref : ValueRef{ref.node + 2, ref.output};
  };
  for (Node& node : graph.nodes) {
    for (ValueRef& input : node.inputs) input = moved(input);
  }
  for (ValueRef& output : graph.outputs) output = moved(output);
  Node constant, difference;
  constant.name = constant.output_name = found->output_name + "_mean_image";
  constant.op = ConstantOp{std::move(mean)};
  difference.name = difference.output_name = found->output_name + "_less_mean_image";
  difference.op = BinaryOp{BinaryKind::sub};
  difference.inputs = {{normalize, 0}, {normalize + 1, 0}};
  constant.outputs.resize(1);
  difference.outputs.resize(1);
  graph.nodes.insert(found + 1, {std::move(constant), std::move(difference)});
  return infer_shapes(graph, 1);
}

}  // namespace octet
