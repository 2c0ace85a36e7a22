// Scoring as a stage of a TBB flow graph: encoded images in, records out.
#pragma once

#include <oneapi/tbb/flow_graph.h>
#include <cstddef>     // std::size_t
#include <cstdint>     // std::uint64_t
#include <functional>  // std::function
#include <memory>      // std::unique_ptr
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/executor/plan.h"
#include "octet/graph/model.h"
#include "octet/jobs/record.h"
#include "octet/jobs/trace.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"

namespace octet {

/// A model ready to score: compiled once, shared by any number of stages and threads. Immutable.
struct Scorer {
  std::shared_ptr<const Plan> plan;
  Preprocess preprocess;
  std::vector<std::string> labels;
  bool detection = false;  ///< the head is MultiBoxDetection's (A, 6) rows, or GluonCV's three outputs
  std::size_t head = 0;    ///< the plan's output that is scored
  bool features = false;   ///< all outputs are written as they are: the model was cut (Model::is_cut)
  bool parts = false;      ///< outputs 0 to 2 are GluonCV's ids (K, 1), scores (K, 1) and boxes (K, 4)
  std::string name;

  /// Optimises (FP32) and compiles `model`.
  static Result<std::shared_ptr<const Scorer>> create(const Model& model, const PlanOptions& options = {});
};

struct StageOptions {
  int top_k = 5;
  bool keep_raw = false;      ///< also put the raw output values into Outcome::outputs
  int batches_in_flight = 0;  ///< mini-batches of slots; 0: two per thread of the arena, and two more
  bool ordered = true;        ///< records leave in the order in which entries came
  DecoderOptions decoder;
  Trace* trace = nullptr;  ///< told of decode, compute and write (`finish`) where it is given; must outlive the stage
  /// Called once for each record on the worker that made it, in parallel, before records are put in
  /// order: the place for work on a record that needs no order (making text of it). What it throws
  /// turns the record into an Error.
  std::function<void(Record&)> finish;
  /// Called in place of each entry's decoding, on the worker, in parallel: calls `decode` once and
  /// returns its result, or refuses the entry with an Error. Empty: entries are decoded.
  std::function<Result<void>(const Entry&, const std::function<Result<void>()>& decode)> around_decoding;
};

/// A node of the caller's graph: `make_edge(source, stage.input())`, `make_edge(stage.output(), sink)`.
/// Runs in the caller's arena and starts no threads. At most batches_in_flight mini-batches of
/// entries are inside at any time: `input()` rejects more, as a tbb::flow::limiter_node does, so its
/// predecessor must be a node that keeps what is rejected (input_node, queue_node, buffer_node).
/// Each entry leaves as exactly one Record; errors are values. A mini-batch runs as soon as it is
/// full or nothing else is being decoded, so no flush is needed: graph.wait_for_all() drains it.
/// After wait_for_all it can be fed again; after graph.cancel() call graph.reset(), which empties
/// the stage too. The graph must outlive the stage and be idle when the stage goes.
class ScoreStage {
 public:
  /// Throws Failure(usage) when there is no scorer, when options are out of range or when the
  /// scorers do not read the same pixels.
  ScoreStage(tbb::flow::graph& graph, std::shared_ptr<const Scorer> scorer, const StageOptions& options = {});
  /// Several models score the same decoded pixels (their preprocessing must agree but for the
  /// border); Record::outcomes then has one element per scorer, in this order.
  ScoreStage(tbb::flow::graph& graph, std::vector<std::shared_ptr<const Scorer>> scorers,
             const StageOptions& options = {});
  ~ScoreStage();
  ScoreStage(const ScoreStage&) = delete;
  ScoreStage& operator=(const ScoreStage&) = delete;

  [[nodiscard]] tbb::flow::receiver<Entry>& input();
  [[nodiscard]] tbb::flow::sender<Record>& output();
  /// The same as the graph's reset does for this stage alone. Call while the graph is idle.
  void reset();
  /// The most entries that are inside at any time.
  [[nodiscard]] std::size_t capacity() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace octet
