#include <algorithm>  // std::find_if
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

// The output that holds detections, or the first one.
void choose_head(const Graph& graph, Scorer& scorer) {
  const auto is_detection = [&](const ValueRef& ref) {
    return graph.nodes[static_cast<std::size_t>(ref.node)].as<MultiBoxDetectionOp>() != nullptr;
  };
  const auto found = std::find_if(graph.outputs.begin(), graph.outputs.end(), is_detection);
  scorer.detection = found != graph.outputs.end();
  scorer.head = scorer.detection ? static_cast<std::size_t>(found - graph.outputs.begin()) : 0;
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
  choose_head(graph, *scorer);
  if (!reads_pixels_of(scorer->plan->input(), scorer->preprocess)) {
    return Error{ErrorCode::invalid_model, model.name, "the network's input and the preprocessing differ in size"};
  }
  if (scorer->plan->outputs().size() <= scorer->head) {
    return Error{ErrorCode::invalid_model, model.name, "the network has no output to score"};
  }
  return std::shared_ptr<const Scorer>(std::move(scorer));
}

}  // namespace octet
