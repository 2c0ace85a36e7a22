// A graph compiled to an immutable chain of steps (oneDNN primitives and octet's own kernels).
#pragma once

#include <cstddef>  // std::size_t
#include <cstdint>  // std::int64_t
#include <memory>   // std::shared_ptr
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// Part of a network, from where the part before it ended: its steps run over so many of the mini-batch's images, one
/// step behind the other, before they begin with the next ones. What is left of a mini-batch runs one by one.
struct SubBatch {
  std::int32_t end = 0;  ///< behind the part's last node
  std::int64_t images = 1;
  bool operator==(const SubBatch&) const = default;
};

struct PlanOptions {
  /// Images computed together; 0 chooses by the network and the size of the caches (INT8), 1 for FP32. Float graphs
  /// always compute one image at a time, whatever is asked: results never depend on the batch.
  std::int64_t batch = 0;
  /// Show every value to observers as it is computed (calibration, tests). Costs memory and speed.
  bool observable = false;
  /// Ends must rise to the number of nodes, images be 1 to the batch. Empty: a few divisions that promise most take
  /// turns over the first mini-batches, and the fastest is kept (see `Plan::settled`). INT8 graphs that are not
  /// observed; for others, and where the network's shapes allow no mini-batch, there is one part.
  std::vector<SubBatch> sub_batches = {};
};

/// The u8 pixels that a plan reads: NHWC, `images` slots one behind the other.
struct InputLayout {
  std::int64_t channels = 0;
  std::int64_t height = 0, width = 0;  ///< including the border
  Border border;
  [[nodiscard]] std::size_t bytes() const noexcept { return static_cast<std::size_t>(channels * height * width); }
};

/// One output of the graph: float, row-major in the graph's (NCHW) order.
struct OutputLayout {
  std::string name;
  Shape shape;               ///< of one image, without the batch axis
  std::size_t elements = 0;  ///< product of shape
};

/// One step, for reports: `octet inspect` and `octet bench --layers`.
struct StepInfo {
  std::string name;            ///< node name
  std::string op;              ///< operator with post-ops
  std::string implementation;  ///< oneDNN's implementation name, or "octet:<kernel>"
  double operations = 0;       ///< multiply-adds x 2 for one image; 0 where that says nothing
  std::int64_t images = 1;     ///< that one run of it computes
};

/// Immutable, but for the choice between divisions that yield the same bits, and safe to share between threads and
/// stages; contexts run it. Owns the prepacked weights. Created from a shaped graph; the graph may go afterwards.
class Plan {
 public:
  /// Error(invalid_model or unsupported) names the node that cannot be compiled.
  static Result<std::shared_ptr<const Plan>> compile(const Graph& graph, const PlanOptions& options = {});
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  [[nodiscard]] const InputLayout& input() const noexcept;
  [[nodiscard]] std::span<const OutputLayout> outputs() const noexcept;
  /// The full mini-batch; any number of images can be run, this one is the fastest.
  [[nodiscard]] std::int64_t batch() const noexcept;
  /// The fastest division as far as is known.
  [[nodiscard]] std::span<const SubBatch> sub_batches() const noexcept;
  /// True when the division is chosen for good: the contexts have run each candidate over a few whole mini-batches.
  [[nodiscard]] bool settled() const noexcept;
  [[nodiscard]] bool quantized() const noexcept;
  [[nodiscard]] std::size_t arena_bytes() const noexcept;   ///< one context's activations and scratchpad
  [[nodiscard]] std::size_t weight_bytes() const noexcept;  ///< shared by all contexts
  [[nodiscard]] std::vector<StepInfo> steps() const;        ///< of a full mini-batch as divided now, in order

  class Impl;
  [[nodiscard]] const Impl& impl() const noexcept { return *impl_; }

 private:
  explicit Plan(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// oneDNN's name of the instruction set in use ("avx512_core_amx", "avx2", ...).
std::string effective_isa();

/// True when u8 x s8 products are summed without intermediate saturation (VNNI and newer).
bool has_int8_dot_product();

}  // namespace octet
