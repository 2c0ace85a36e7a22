// The scoring stage between two nodes of a program's own flow graph: own_graph MODEL_PREFIX DATA
#include <octet/jobs/score_stage.h>

#include <iostream>

namespace flow = oneapi::tbb::flow;

int main(int argc, char** argv) try {
  if (argc != 3) return 64;
  const auto scorer = octet::Scorer::create(octet::load_model(argv[1]).value()).value();
  const auto source = octet::Source::open({.data = argv[2]}).value();

  flow::graph graph;
  flow::input_node<octet::Entry> reader(graph, [&](oneapi::tbb::flow_control& control) -> octet::Entry {
    auto entry = source->next().value();
    if (entry) return std::move(*entry);
    control.stop();
    return {};
  });
  octet::ScoreStage stage(graph, scorer);
  flow::function_node<octet::Record> writer(graph, flow::serial, [](const octet::Record& record) {
    std::cout << record.key << '\t';
    if (record.outcomes) {
      const octet::Prediction& best = record.outcomes->front().predictions.front();
      std::cout << best.id << '\t' << best.score << '\n';
    } else {
      std::cout << to_string(record.outcomes.error()) << '\n';
    }
    return flow::continue_msg();
  });
  flow::make_edge(reader, stage.input());
  flow::make_edge(stage.output(), writer);
  reader.activate();
  graph.wait_for_all();
} catch (const octet::Failure& failure) {
  std::cerr << failure.what() << '\n';
  return 1;
}
