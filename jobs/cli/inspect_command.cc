// octet inspect: the network as text or as a drawing, before and after fusion and quantisation.
#include <iostream>
#include <list>
#include <map>
#include <nlohmann/json.hpp>

#include "octet/graph/dot.h"
#include "octet/graph/output_file.h"
#include "octet/graph/passes.h"
#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/graphviz.h"

namespace octet::cli {
namespace {

using Counts = std::map<std::string, int>;

Counts count_operators(const Graph& graph) {
  Counts counts;
  for (const Node& node : graph.nodes) ++counts[op_name(node.op)];
  return counts;
}

nlohmann::json to_json(const Graph& graph) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const Node& node : graph.nodes) {
    nlohmann::json inputs = nlohmann::json::array();
    for (const ValueRef input : node.inputs) inputs.push_back(graph.nodes[input.node].name);
    const Value& value = node.outputs.front();
    nodes.push_back({{"name", node.name},
                     {"op", op_name(node.op)},
                     {"inputs", std::move(inputs)},
                     {"fused", node.fused},
                     {"shape", value.shape},
                     {"dtype", to_string(value.dtype)},
                     {"scale", value.scale}});
  }
  return nodes;
}

void print_counts(const Counts& before, const Counts& after) {
  Table table({"operator", "before", "after"});
  Counts all = before;
  all.insert(after.begin(), after.end());
  int sum_before = 0;
  int sum_after = 0;
  for (const auto& [name, ignored] : all) {
    const int b = before.contains(name) ? before.at(name) : 0;
    const int a = after.contains(name) ? after.at(name) : 0;
    sum_before += b;
    sum_after += a;
    table.add({name, std::to_string(b), std::to_string(a)});
  }
  table.add({"all", std::to_string(sum_before), std::to_string(sum_after)});
  table.print(std::cout);
}

void print_origin(const Model& model) {
  for (const auto& [key, value] : model.provenance) std::cout << key << ": " << value << '\n';
  if (!model.provenance.empty()) std::cout << '\n';
}

// A model's stages side by side; `stages` keeps the graphs alive.
Result<void> add_stages(const Model& model, std::vector<DotPart>& parts, std::list<Graph>& stages) {
  const Graph& stored = stages.emplace_back(model.graph);
  const bool quantized = stored.quantized();
  parts.push_back({model.name + (quantized ? ", INT8" : ", as stored"), &stored});
  if (quantized) return {};
  Graph& fused = stages.emplace_back(model.graph);
  OCTET_CHECK(optimize(fused));
  parts.push_back({model.name + ", after fusion", &fused});
  return {};
}

// --dot and --svg, where they are given.
Result<void> draw_graphs(const po::variables_map& values, const Model& model, const LoadOptions& load) {
  const auto dot_file = given<std::string>(values, "dot");
  const auto svg_file = given<std::string>(values, "svg");
  const auto against = given<std::string>(values, "against");
  if (!dot_file && !svg_file) {
    if (against) return Error{ErrorCode::usage, "", "--against needs --svg or --dot"};
    return {};
  }
  std::vector<DotPart> parts;
  std::list<Graph> stages;
  OCTET_CHECK(add_stages(model, parts, stages));
  if (against) {
    LoadOptions second;
    second.preprocess = load.preprocess;
    OCTET_TRY(const Model other, load_model(*against, second));
    OCTET_CHECK(add_stages(other, parts, stages));
  }
  const std::string dot = to_dot(parts);
  if (dot_file) OCTET_CHECK(write_file(*dot_file, dot));
  if (!svg_file) return {};
  OCTET_TRY(const std::string svg, render_svg(dot));
  return write_file(*svg_file, svg);
}

}  // namespace

po::options_description inspect_options() {
  po::options_description drawing("Drawing");
  auto add = drawing.add_options();
  add("svg", po::value<std::string>()->value_name("FILE"), "draw the network before and after fusion (needs Graphviz)");
  add("dot", po::value<std::string>()->value_name("FILE"), "the same drawing as text in the DOT language");
  add("against", po::value<std::string>()->value_name("PREFIX"),
      "draw a second model beside it, for example the INT8 one");
  po::options_description options;
  options.add(model_options()).add(symbol_options()).add(drawing).add(common_options());
  return options;
}

Result<ExitCode> inspect_command(const po::variables_map& values) {
  OCTET_TRY(const ModelArguments source, model_or_symbol(values));
  OCTET_TRY(const Model model, load_model(source.path, source.load));
  Graph fused = model.graph;
  if (!model.graph.quantized()) OCTET_CHECK(optimize(fused));
  OCTET_CHECK(draw_graphs(values, model, source.load));
  if (values["json"].as<bool>()) {
    nlohmann::json report = {{"model", model.name},
                             {"int8", model.graph.quantized()},
                             {"provenance", model.provenance},
                             {"before", to_json(model.graph)}};
    if (!model.graph.quantized()) report["after"] = to_json(fused);
    std::cout << report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return kDone;
  }
  if (model.graph.quantized()) {
    print_origin(model);
    std::cout << model.name << ": INT8, as stored\n" << dump(model.graph);
    return kDone;
  }
  std::cout << model.name << ": as stored\n" << dump(model.graph) << "\nafter fusion\n" << dump(fused) << '\n';
  print_counts(count_operators(model.graph), count_operators(fused));
  return kDone;
}

}  // namespace octet::cli
