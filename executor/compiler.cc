#include "octet/executor/compiler.h"

#include <algorithm>  // std::max
#include <array>      // std::array
#include <limits>     // std::numeric_limits
#include <utility>    // std::move

#include "octet/executor/kernels/transpose.h"
#include "octet/executor/sub_batches.h"

namespace octet {
namespace {

/// True when all of the node's inputs come from constants: its value is the same for every image.
std::vector<char> find_constant_nodes(const Graph& graph) {
  std::vector<char> constant(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.as<InputOp>() != nullptr) continue;
    constant[i] = 1;
    for (const ValueRef input : node.inputs) constant[i] = static_cast<char>(constant[i] & constant[input.node]);
  }
  return constant;
}

NodeId begin_of(const std::vector<SubBatch>& parts, std::size_t part) { return part == 0 ? 0 : parts[part - 1].end; }

}  // namespace

Graph shaped_for(const Graph& single, std::int64_t images) {
  Graph graph = single;
  if (!infer_shapes(graph, images) || !check_values(graph)) return {};
  const std::vector<char> constant = find_constant_nodes(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (constant[i] != 0) continue;
    for (std::size_t k = 0; k < graph.nodes[i].outputs.size(); ++k) {
      Shape expected = single.nodes[i].outputs[k].shape;
      if (expected.empty() || expected[0] != 1) return {};
      expected[0] = images;
      if (graph.nodes[i].outputs[k].shape != expected) return {};
    }
  }
  for (const ValueRef output : graph.outputs) {
    if (constant[output.node] != 0) return {};
  }
  return graph;
}

Compiler::Compiler(Plan::Impl& plan, const Graph& single, const Graph& full)
    : plan_(plan),
      single_(single),
      full_(full),
      constant_nodes_(find_constant_nodes(full)),
      layout_(make_layout(full, plan.observable)),
      values_(layout_.buffers.size()) {}

Compiler::Divisions Compiler::divisions(const std::vector<SubBatch>& given) const {
  if (!given.empty()) return {given};
  if (plan_.batch > 1 && !plan_.observable) {
    return candidate_divisions(step_traffic(full_, layout_), plan_.batch, fast_bytes());
  }
  return {{{static_cast<NodeId>(full_.nodes.size()), plan_.batch}}};
}

/// Each part runs over its sub-batch, or over single images.
Result<void> Compiler::compile(const std::vector<SubBatch>& given) {
  OCTET_CHECK(keep_constants());
  const std::size_t nodes = single_.nodes.size();
  std::map<std::int64_t, std::vector<char>> needed{{1, std::vector<char>(nodes, 1)}};
  for (std::vector<SubBatch>& parts : divisions(given)) {
    for (std::size_t part = 0; part < parts.size(); ++part) {
      std::vector<char>& of = needed.try_emplace(parts[part].images, nodes).first->second;
      std::fill(of.begin() + begin_of(parts, part), of.begin() + parts[part].end, 1);
    }
    plan_.divisions.emplace_back().parts = std::move(parts);
  }
  for (const auto& [images, of] : needed) OCTET_CHECK(make_chain(images, of));
  for (Division& division : plan_.divisions) {
    assemble(division);
    place_buffers(division);
  }
  plan_.tuner = std::make_unique<Tuner>(plan_.divisions.size());
  return {};
}

/// Constants of four axes are brought into NHWC order like every other value.
Result<void> Compiler::keep_constants() {
  plan_.constants.resize(single_.nodes.size());
  for (std::size_t i = 0; i < single_.nodes.size(); ++i) {
    const auto* constant = single_.nodes[i].as<ConstantOp>();
    if (constant == nullptr) continue;
    const Value& value = single_.nodes[i].outputs[0];
    if (constant->value.dtype() != value.dtype || constant->value.shape() != value.shape) {
      return Error{ErrorCode::invalid_model, single_.nodes[i].name, "the constant is not what the graph says"};
    }
    const std::span<const std::byte> bytes = constant->value.bytes();
    std::vector<std::byte> moved(bytes.begin(), bytes.end());
    if (value.shape.size() == 4) {
      static constexpr std::array<std::int64_t, 4> kSame{0, 1, 2, 3};
      kernels::transpose(value.shape, kSame, size_of(value.dtype), bytes.data(), kernels::Order::row_major,
                         moved.data(), kernels::Order::nhwc);
    }
    const auto id = static_cast<NodeId>(i);
    OCTET_TRY(plan_.constants[i], plan_.weights.keep(id, "constant", moved.data(), moved.size()));
  }
  return {};
}

const Step* Compiler::keep(std::unique_ptr<Step> step) {
  plan_.steps.push_back(std::move(step));
  return plan_.steps.back().get();
}

void Compiler::own_temporaries(std::int64_t images, NodeId node) {
  owners_.resize(layout_.buffers.size() - values_, {images, node});
}

Result<void> Compiler::make_step(StepBuilder& builder, NodeId id, Chain& chain) {
  const Node& node = builder.node(id);
  const bool source = node.as<InputOp>() != nullptr || node.as<ConstantOp>() != nullptr;
  if (source || layout_.nodes[id].moves_nothing) return {};
  const bool layer = node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
  OCTET_TRY(auto step, layer ? make_layer_step(builder, id) : make_kernel_step(builder, id));
  step->info.images = builder.images;
  chain.steps[id] = keep(std::move(step));
  return {};
}

void Compiler::make_outputs(StepBuilder& builder, Chain& chain) {
  for (std::size_t k = 0; k < builder.graph.outputs.size(); ++k) {
    const ValueRef ref = builder.graph.outputs[k];
    Location location = layout_[ref].location;
    BufferId buffer = -1;
    const auto time = static_cast<std::int32_t>(builder.graph.nodes.size() + k);
    if (auto step = make_output_step(builder, ref, time, buffer)) {
      location = {Location::Kind::arena, buffer};
      step->info.images = builder.images;
      chain.output_steps.push_back(keep(std::move(step)));
    } else {
      layout_.buffers[location.index].last = end_time();  // read when all steps have run
    }
    chain.outputs.push_back(location);
  }
}

Result<void> Compiler::make_chain(std::int64_t images, const std::vector<char>& needed) {
  Graph& graph = graphs_[images];
  graph = images == 1 ? single_ : shaped_for(single_, images);
  if (graph.nodes.empty()) return Error{ErrorCode::internal, "", "the network has no sub-batches"};
  StepBuilder builder{graph, layout_, plan_.weights, plan_.engine, images};
  Chain& chain = chains_[images];
  chain.steps.resize(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (needed[i] != 0) OCTET_CHECK(make_step(builder, id, chain));
    own_temporaries(images, id);
  }
  if (needed.back() != 0) make_outputs(builder, chain);
  own_temporaries(images, static_cast<NodeId>(graph.nodes.size()) - 1);  // with the last part
  return {};
}

void Compiler::observe(std::int64_t images, NodeId id, Pass& pass) const {
  const Node& node = graphs_.at(images).nodes[id];
  if (node.as<ConstantOp>() != nullptr) return;
  const PlacedValue& placed = layout_.values[id][0];
  pass.observed.push_back({{id, 0},
                           node.output_name,
                           node.outputs[0],
                           placed.location,
                           placed.order == kernels::Order::nhwc,
                           pass.steps.size()});
}

Pass Compiler::assemble_pass(const Division& division, std::size_t part, std::int64_t images) const {
  const Chain& chain = chains_.at(images);
  Pass pass;
  pass.images = images;
  for (NodeId id = begin_of(division.parts, part); id < division.parts[part].end; ++id) {
    if (chain.steps[id] != nullptr) pass.steps.push_back(chain.steps[id]);
    if (plan_.observable) observe(images, id, pass);
  }
  if (part + 1 == division.parts.size()) {
    pass.steps.insert(pass.steps.end(), chain.output_steps.begin(), chain.output_steps.end());
    pass.outputs = chain.outputs;
  }
  return pass;
}

void Compiler::assemble(Division& division) const {
  for (std::size_t part = 0; part < division.parts.size(); ++part) {
    Segment& segment = division.segments.emplace_back();
    const std::int64_t images = division.parts[part].images;
    if (images > 1) segment.push_back(assemble_pass(division, part, images));
    segment.push_back(assemble_pass(division, part, 1));
  }
}

/// What one part alone reads and writes needs room for a sub-batch, everything else for the mini-batch; the latter
/// lives as long as its parts run, since they come back to their first step.
void Compiler::size_buffers(Division& division, std::vector<Lifetime>& buffers) const {
  struct Use {
    std::size_t first = std::numeric_limits<std::size_t>::max(), last = 0;
    bool constant = true;
  };
  const std::vector<SubBatch>& all = division.parts;
  std::vector<Use> uses(values_);
  const auto use = [&](ValueRef ref, std::size_t part, bool constant) {
    const Location& location = layout_[ref].location;
    if (location.kind != Location::Kind::arena) return;
    Use& u = uses[static_cast<std::size_t>(location.index)];
    u = {std::min(u.first, part), std::max(u.last, part), u.constant && constant};
  };
  for (std::size_t part = 0; part < all.size(); ++part) {
    for (NodeId id = begin_of(all, part); id < all[part].end; ++id) {
      const Node& node = full_.nodes[id];
      for (std::size_t k = 0; k < node.outputs.size(); ++k) {
        use({id, static_cast<std::int32_t>(k)}, part, constant_nodes_[id] != 0);
      }
      for (const ValueRef input : node.inputs) use(input, part, true);
    }
  }
  for (const ValueRef output : full_.outputs) use(output, all.size() - 1, true);
  for (std::size_t b = 0; b < values_; ++b) {
    Lifetime& buffer = buffers[b];
    const Use& u = uses[b];
    if (u.first != u.last) {
      buffer.first = std::min(buffer.first, begin_of(all, u.first));
      buffer.last = u.last + 1 == all.size() ? end_time() : std::max(buffer.last, all[u.last].end - 1);
    }
    if (u.constant) continue;
    const std::size_t image = buffer.bytes / static_cast<std::size_t>(plan_.batch);
    if (u.first != u.last) {
      division.strides[b] = image;
    } else {
      buffer.bytes = image * static_cast<std::size_t>(all[u.first].images);
    }
  }
}

/// Temporary buffers of steps that other divisions alone run take no room.
void Compiler::drop_unused_temporaries(const Division& division, std::vector<Lifetime>& buffers) const {
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    const Owner& owner = owners_[i];
    std::size_t part = 0;
    while (owner.node >= division.parts[part].end) ++part;
    if (owner.images != 1 && owner.images != division.parts[part].images) buffers[values_ + i].bytes = 0;
  }
}

void Compiler::place_buffers(Division& division) {
  std::vector<Lifetime> buffers = layout_.buffers;
  division.strides.resize(buffers.size());
  size_buffers(division, buffers);
  drop_unused_temporaries(division, buffers);
  const ArenaPlan arena = place(buffers, true);
  std::size_t scratchpad = 0;
  for (const Segment& segment : division.segments) {
    for (const Pass& pass : segment) {
      for (const Step* step : pass.steps) scratchpad = std::max(scratchpad, step->scratchpad_bytes());
    }
  }
  division.offsets = arena.offsets;
  division.scratchpad_offset = arena.bytes;
  plan_.arena_bytes = std::max(plan_.arena_bytes, arena.bytes + aligned(scratchpad));
}

}  // namespace octet
