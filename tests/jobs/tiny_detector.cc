#include "jobs/tiny_detector.h"

#include <gtest/gtest.h>

namespace octet::test {
namespace {

constexpr std::int64_t classes = 3;

NodeId append(Graph& graph, const std::string& name, Op op, std::vector<NodeId> inputs,
              std::vector<Parameter> params = {}) {
  Node node;
  node.name = name;
  node.output_name = name + "_output";
  node.op = std::move(op);
  for (const NodeId input : inputs) node.inputs.push_back({input, 0});
  node.params = std::move(params);
  node.outputs.resize(1);
  graph.nodes.push_back(std::move(node));
  return static_cast<NodeId>(graph.nodes.size() - 1);
}

Tensor tensor(Shape shape, const std::vector<float>& values) { return Tensor::from(std::move(shape), values).value(); }

// Its values whatever the picture: weights are 0.
NodeId append_constant_layer(Graph& graph, const std::string& name, NodeId input, const std::vector<float>& values) {
  const auto count = static_cast<std::int64_t>(values.size());
  const std::int64_t pixels = 3 * 16 * 16;
  return append(
      graph, name, FullyConnectedOp{count, true}, {input},
      {{name + "_weight", tensor({count, pixels}, std::vector<float>(static_cast<std::size_t>(count * pixels))), {}},
       {name + "_bias", tensor({count}, values), {}}});
}

}  // namespace

Model tiny_detector(const std::vector<Finding>& findings, const std::string& name) {
  Model model;
  model.name = name;
  model.labels = {"cat", "dog", "bird"};
  model.preprocess.height = model.preprocess.width = 16;
  model.preprocess.resize = ResizeMode::warp;
  const auto anchors = static_cast<std::int64_t>(findings.size());
  std::vector<float> scores(static_cast<std::size_t>((classes + 1) * anchors));
  std::vector<float> corners;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const Finding& one = findings[i];
    scores[static_cast<std::size_t>(one.id + 1) * findings.size() + i] = one.score;
    corners.insert(corners.end(), {one.xmin, one.ymin, one.xmax, one.ymax});
  }
  Graph& graph = model.graph;
  append(graph, "data", InputOp{}, {});
  graph.nodes[0].outputs[0] = {{1, 3, 16, 16}, DType::u8, 1};
  const NodeId pixels = append(graph, "normalize", NormalizeOp{{0, 0, 0}, {255, 255, 255}}, {0});
  const NodeId flat_scores = append_constant_layer(graph, "scores", pixels, scores);
  const NodeId cls_prob = append(graph, "cls_prob", ReshapeOp{{0, classes + 1, anchors}, false}, {flat_scores});
  const NodeId loc_pred = append_constant_layer(graph, "loc_pred", pixels, std::vector<float>(corners.size()));
  const NodeId anchor = append(graph, "anchor", ConstantOp{tensor({1, anchors, 4}, corners)}, {});
  MultiBoxDetectionOp detection;
  detection.nms_threshold = 1;
  graph.outputs = {{append(graph, "detection", detection, {cls_prob, loc_pred, anchor}), 0}};
  const auto shaped = infer_shapes(graph, 1);
  EXPECT_TRUE(shaped) << to_string(shaped.error());
  return model;
}

}  // namespace octet::test
