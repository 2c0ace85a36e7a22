// octet inspect: the network as text, before and after fusion.
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "octet/graph/passes.h"
#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/table.h"

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

}  // namespace

po::options_description inspect_options() {
  po::options_description options;
  options.add(model_options()).add(symbol_options()).add(common_options());
  return options;
}

Result<ExitCode> inspect_command(const po::variables_map& values) {
  OCTET_TRY(const ModelArguments source, model_or_symbol(values));
  OCTET_TRY(const Model model, load_model(source.path, source.load));
  Graph fused = model.graph;
  if (!model.graph.quantized()) OCTET_CHECK(optimize(fused));
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
