#include "octet/loader/file_window.h"

#include <gtest/gtest.h>
#include <cstring>
#include <thread>
#include <vector>

namespace octet::test {
namespace {

TEST(ChunkPool, GivesMemoryAgainThatNobodyHolds) {
  const auto pool = std::make_shared<ChunkPool>();
  auto first = pool->take(1000);
  const std::uint8_t* const at = first.get();
  const auto second = pool->take(1000);
  EXPECT_NE(second.get(), at);  // the first one is still held
  auto also_first = first;
  first.reset();
  EXPECT_NE(pool->take(1000).get(), at);
  also_first.reset();
  EXPECT_EQ(pool->take(1000).get(), at);
  EXPECT_NE(pool->take(2000).get(), at);  // other sizes have other memory
}

TEST(ChunkPool, KeepsAFewOnly) {
  const auto pool = std::make_shared<ChunkPool>();
  std::vector<std::shared_ptr<std::uint8_t[]>> held;
  for (int i = 0; i < 100; ++i) held.push_back(pool->take(1 << 20));
  const std::uint8_t* const last = held.back().get();
  held.clear();  // in order: the one dropped last is the first to be used again
  EXPECT_EQ(pool->take(1 << 20).get(), last);
}

TEST(ChunkPool, MemoryOutlivesThePool) {
  auto pool = std::make_shared<ChunkPool>();
  auto memory = pool->take(64);
  pool.reset();
  std::memset(memory.get(), 7, 64);
  EXPECT_EQ(memory[63], 7);
  memory.reset();
}

TEST(ChunkPool, TakesMemoryBackFromAnyThread) {
  const auto pool = std::make_shared<ChunkPool>();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 2000; ++i) {
        auto memory = pool->take(256);
        std::memset(memory.get(), t, 256);
        auto other = pool->take(256);
        std::memset(other.get(), t + 1, 256);
        for (std::size_t k = 0; k < 256; ++k) ASSERT_EQ(memory[k], t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace octet::test
