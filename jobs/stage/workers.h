// What the stage's bodies borrow while they run: contexts, decoders, read buffers.
#pragma once

#include <cstdint>  // std::uint8_t
#include <memory>   // std::unique_ptr
#include <mutex>    // std::mutex
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/executor/context.h"
#include "octet/jobs/score_stage.h"

namespace octet {

/// A decoder and the bytes it reads; one per thread that decodes.
struct DecodeWorker {
  Decoder decoder;
  std::vector<std::uint8_t> bytes;
  std::uint64_t max_bytes;

  explicit DecodeWorker(const DecoderOptions& options) : decoder(options), max_bytes(options.max_bytes) {}
  /// Reads and decodes. A read buffer that one huge file made grow is given back.
  Result<ImageInfo> decode(const ImageBytes& image, const Preprocess& preprocess, const Border& border,
                           std::span<std::uint8_t> slot);
};

/// One model's context with room for the outputs of a mini-batch.
class RunWorker {
 public:
  static Result<std::unique_ptr<RunWorker>> create(std::shared_ptr<const Scorer> scorer, std::size_t capacity);
  Result<void> run(std::span<const std::uint8_t> pixels, std::size_t count);
  /// Reads image `image` of the last run. `top_k` is for classification.
  [[nodiscard]] Outcome outcome(std::size_t image, std::size_t top_k, bool keep_raw, const ImageInfo& picture) const;
  /// The raw values of one output; they live until the next run.
  [[nodiscard]] std::span<const float> values(std::size_t output, std::size_t image) const;

 private:
  RunWorker() = default;

  std::shared_ptr<const Scorer> scorer_;
  std::unique_ptr<Context> context_;
  std::vector<std::vector<float>> outputs_;  // per output, capacity * elements
};

/// Contexts of all models of a stage: a set for each place in the arena, made by the thread that has that place when it
/// first runs (its memory is then near it) and used by it alone, so that what one run leaves in a core's caches the
/// next one finds there.
class RunWorkers {
 public:
  struct Set {
    std::size_t place = 0;  ///< in the arena, of the thread that made it
    std::vector<std::unique_ptr<RunWorker>> workers;
  };
  RunWorkers(std::vector<std::shared_ptr<const Scorer>> scorers, std::size_t capacity)
      : scorers_(std::move(scorers)), capacity_(capacity) {}
  Result<Set> take();
  void give_back(Set set);

 private:
  const std::vector<std::shared_ptr<const Scorer>> scorers_;
  const std::size_t capacity_;
  std::mutex mutex_;
  std::vector<Set> idle_;
};

/// Copies the picture area of `src` (laid out with `src_border`) into `dst` and paints `dst_border`.
void copy_picture(const Preprocess& preprocess, const Border& src_border, std::span<const std::uint8_t> src,
                  const Border& dst_border, std::span<std::uint8_t> dst);

}  // namespace octet
