// The last node of the scoring stage: a TBB buffer that tells how many records have left it.
#pragma once

#include <oneapi/tbb/flow_graph.h>
#include <cstddef>     // std::size_t
#include <functional>  // std::function
#include <utility>     // std::forward

namespace octet {

/// `Base` is tbb::flow::queue_node or sequencer_node. A record has left when a successor accepted it
/// or pulled it; only then may the stage take another entry, whatever the successor's policy is (a
/// function_node in this place would lose what a rejecting successor refuses).
/// `left(count)` is called inside the buffer's critical section: it must not touch this node.
/// `was_reset()` is called by graph.reset().
template <class Base>
class ExitNode : public Base {
 public:
  template <class... Args>
  ExitNode(std::function<void(std::size_t)> left, std::function<void()> was_reset, tbb::flow::graph& graph,
           Args&&... args)
      : Base(graph, std::forward<Args>(args)...), left_(std::move(left)), was_reset_(std::move(was_reset)) {}

 protected:
  // All ways out (pushing to a successor, try_get, reserve and consume) pass through here, one
  // thread at a time; `my_head` counts what has been taken since the last reset.
  void handle_operations(typename Base::buffer_operation* operations) override {
    const std::size_t before = this->my_head;
    Base::handle_operations(operations);
    if (const std::size_t count = this->my_head - before; count > 0) left_(count);
  }

  void reset_node(tbb::flow::reset_flags flags) override {
    Base::reset_node(flags);
    was_reset_();
  }

 private:
  std::function<void(std::size_t)> left_;
  std::function<void()> was_reset_;
};

}  // namespace octet
