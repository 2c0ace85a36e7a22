// From a shaped graph to the steps, divisions and memory of a plan. For plan.cc alone.
#pragma once

#include <cstdint>  // std::int64_t
#include <map>      // std::map
#include <utility>  // std::pair
#include <vector>   // std::vector

#include "octet/executor/plan_impl.h"

namespace octet {

/// The graph for `images` images at once; empty when its shapes do not allow that, as with a Reshape to a fixed first
/// axis. `single` is the graph shaped for one.
Graph shaped_for(const Graph& single, std::int64_t images);

/// Compiles a graph part by part: `full` is `single` shaped for the mini-batch of `plan`.
class Compiler {
 public:
  Compiler(Plan::Impl& plan, const Graph& single, const Graph& full);

  /// Division by division: those given, or the candidates for the plan's mini-batch.
  Result<void> compile(const std::vector<SubBatch>& given);

 private:
  using Divisions = std::vector<std::vector<SubBatch>>;

  /// The steps for one number of images, per node: null where there is none, or none is needed.
  struct Chain {
    std::vector<const Step*> steps;
    std::vector<const Step*> output_steps;
    std::vector<Location> outputs;
  };
  /// A temporary buffer is that of one step.
  struct Owner {
    std::int64_t images = 0;
    NodeId node = 0;
  };

  Divisions divisions(const std::vector<SubBatch>& given) const;
  Result<void> keep_constants();
  Result<void> make_chain(std::int64_t images, const std::vector<char>& needed);
  Result<void> make_step(StepBuilder& builder, NodeId id, Chain& chain);
  void make_outputs(StepBuilder& builder, Chain& chain);
  const Step* keep(std::unique_ptr<Step> step);
  void own_temporaries(std::int64_t images, NodeId node);

  void assemble(Division& division) const;
  Pass assemble_pass(const Division& division, std::size_t part, std::int64_t images) const;
  void observe(std::int64_t images, NodeId id, Pass& pass) const;
  void size_buffers(Division& division, std::vector<Lifetime>& buffers) const;
  void drop_unused_temporaries(const Division& division, std::vector<Lifetime>& buffers) const;
  void place_buffers(Division& division);

  /// Time behind all steps: outputs are read.
  std::int32_t end_time() const { return static_cast<std::int32_t>(single_.nodes.size() + single_.outputs.size()); }

  Plan::Impl& plan_;
  const Graph& single_;
  const Graph& full_;
  std::vector<char> constant_nodes_;
  Layout layout_;
  std::size_t values_ = 0;     // buffers of the layout that hold values; those behind are temporary
  std::vector<Owner> owners_;  // of the temporary ones
  std::map<std::int64_t, Graph> graphs_;
  std::map<std::int64_t, Chain> chains_;
};

}  // namespace octet
