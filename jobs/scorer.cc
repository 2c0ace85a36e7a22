#include <algorithm>  // std::find_if
#include <set>        // std::set
#include <utility>    // std::move

#include "octet/graph/passes.h"
#include "octet/jobs/score_stage.h"

namespace octet {
namespace {

bool reads_pixels_of(const InputLayout& input, const Preprocess& preprocess) {
  return input.channels == preprocess.channels &&
         input.height == preprocess.height + input.border.top + input.border.bottom &&
         input.width == preprocess.width + input.border.left + input.border.right;
}

// GluonCV's detection networks end in box_nms and have three outputs: ids, scores and boxes.
bool ends_in_parts(const Graph& graph, const Plan& plan) {
  const auto finds_boxes = [](const Node& node) {
    return node.as<BoxNmsOp>() != nullptr || node.as<BoxDetectionOp>() != nullptr;
  };
  const auto outputs = plan.outputs();
  if (outputs.size() != 3 || std::none_of(graph.nodes.begin(), graph.nodes.end(), finds_boxes)) return false;
  const std::int64_t rows = outputs[0].shape.empty() ? 0 : outputs[0].shape[0];
  return outputs[0].shape == Shape{rows, 1} && outputs[1].shape == Shape{rows, 1} && outputs[2].shape == Shape{rows, 4};
}

// The output that holds detections, or the first one.
void choose_head(const Graph& graph, Scorer& scorer) {
  const auto is_detection = [&](const ValueRef& ref) {
    return graph.nodes[static_cast<std::size_t>(ref.node)].as<MultiBoxDetectionOp>() != nullptr;
  };
  const auto found = std::find_if(graph.outputs.begin(), graph.outputs.end(), is_detection);
  const bool rows = found != graph.outputs.end();
  scorer.head = rows ? static_cast<std::size_t>(found - graph.outputs.begin()) : 0;
  scorer.parts = !rows && ends_in_parts(graph, *scorer.plan);
  scorer.detection = rows || scorer.parts;
}

// Nodes that nothing is left of, such as Dropout, are the node before them.
Result<void> check_names_differ(const Plan& plan) {
  std::set<std::string> names;
  for (const OutputLayout& output : plan.outputs()) {
    if (names.insert(output.name).second) continue;
    return Error{ErrorCode::usage, "output nodes", "two of them are the value of '" + output.name + "'"};
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const Scorer>> Scorer::create(const Model& model, const PlanOptions& options) {
  Graph graph = model.graph;
  if (!graph.quantized()) OCTET_CHECK(optimize(graph));
  auto scorer = std::make_shared<Scorer>();
  OCTET_TRY(scorer->plan, Plan::compile(graph, options));
  scorer->preprocess = model.preprocess;
  scorer->labels = model.labels;
  scorer->name = model.name;
  scorer->features = model.is_cut;
  if (!scorer->features) choose_head(graph, *scorer);
  if (!reads_pixels_of(scorer->plan->input(), scorer->preprocess)) {
    return Error{ErrorCode::invalid_model, model.name, "the network's input and the preprocessing differ in size"};
  }
  if (scorer->plan->outputs().size() <= scorer->head) {
    return Error{ErrorCode::invalid_model, model.name, "the network has no output to score"};
  }
  if (scorer->features) OCTET_CHECK(check_names_differ(*scorer->plan));
  return std::shared_ptr<const Scorer>(std::move(scorer));
}

}  // namespace octet
