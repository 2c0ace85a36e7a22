// Pictures kept in memory for the passes that look at a sample more than once.
#pragma once

#include <cstdint>     // std::uint8_t
#include <functional>  // std::function
#include <span>        // std::span
#include <vector>      // std::vector

#include "octet/executor/context.h"

namespace octet {

/// Keeps at most `capacity` of the pictures that pass by, evenly spread: the first, then every
/// 2^k-th, where k grows as more arrive. Which ones depends on their order alone.
class PictureStore {
 public:
  PictureStore(std::size_t bytes_per_picture, std::size_t capacity);

  void add(std::span<const std::uint8_t> picture);  ///< `bytes_per_picture` bytes
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::span<const std::uint8_t> operator[](std::size_t i) const;
  /// How many pictures had been added before the i-th kept one.
  [[nodiscard]] std::size_t position(std::size_t i) const noexcept { return i * stride_; }

 private:
  std::size_t bytes_, capacity_;
  std::size_t count_ = 0, seen_ = 0, stride_ = 1;
  std::vector<std::uint8_t> pixels_;
};

/// Which run a visitor is told about.
struct PictureRun {
  std::size_t picture;  ///< index in the store
  std::size_t graph;    ///< index in the list of graphs
  std::size_t worker;   ///< below worker_count(): one thread at a time uses it
};
/// Told of each value as it is computed. Called from several threads at once, but for one worker
/// from one at a time; a worker runs all graphs on a picture, in their order, before the next picture.
using PictureVisitor = std::function<void(const PictureRun& run, const Observation& seen)>;

/// How many workers run_pictures uses: `threads` (0: all) of the calling thread's TBB arena at most.
std::size_t worker_count(int threads);

/// Runs each of `graphs` once on every picture of the store. The store's pictures have no border; one
/// is painted where a graph wants it.
Result<void> run_pictures(std::span<const Graph* const> graphs, const PictureStore& pictures, int threads,
                          const PictureVisitor& visit);

}  // namespace octet
