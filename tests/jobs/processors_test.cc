// Which processors workers take, from descriptions of machines; and that they stay there.
#include "octet/jobs/stage/processors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::Optional;

/// A folder laid out as the kernel's /sys/devices/system.
class FakeMachine {
 public:
  FakeMachine() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~FakeMachine() { fs::remove_all(folder_); }
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;

  void siblings(int id, const std::string& list) const {
    write(fs::path("cpu") / ("cpu" + std::to_string(id)) / "topology" / "thread_siblings_list", list);
  }
  void nodes(const std::vector<std::string>& lists) const {
    write("node/online", lists.size() == 1 ? "0" : "0-" + std::to_string(lists.size() - 1));
    for (std::size_t i = 0; i < lists.size(); ++i) {
      write(fs::path("node") / ("node" + std::to_string(i)) / "cpulist", lists[i]);
    }
  }
  [[nodiscard]] const fs::path& folder() const { return folder_; }

 private:
  void write(const fs::path& file, const std::string& text) const {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << text << '\n';
  }
  fs::path folder_ = fs::path(testing::TempDir()) /
                     (std::string("octet_machine_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

std::vector<int> ids_until(int end) {
  std::vector<int> ids;
  for (int id = 0; id < end; ++id) ids.push_back(id);
  return ids;
}

TEST(Processors, ListsAreReadAsTheKernelWritesThem) {
  EXPECT_THAT(parse_processor_list("0-3,8\n"), Optional(ElementsAre(0, 1, 2, 3, 8)));
  EXPECT_THAT(parse_processor_list("5"), Optional(ElementsAre(5)));
  EXPECT_THAT(parse_processor_list("\n"), Optional(ElementsAre()));
  for (const char* bad : {"0-", "-1", "3-1", "1,", ",1", "1 2", "x", "0-65536", "99999999999", "0-65535,0"}) {
    EXPECT_EQ(parse_processor_list(bad), std::nullopt) << bad;
  }
}

// Two sockets of four cores, numbered as Intel's: second hyperthreads behind all cores.
TEST(Processors, CoresComeNodeByNodeAndHyperthreadsLast) {
  const FakeMachine machine;
  for (int id = 0; id < 16; ++id) machine.siblings(id, std::to_string(id % 8) + "," + std::to_string(id % 8 + 8));
  machine.nodes({"0,2,4,6,8,10,12,14", "1,3,5,7,9,11,13,15"});
  const auto processors = describe_processors(machine.folder(), ids_until(16));
  EXPECT_EQ(processors[11], (Processor{11, 3, 1}));
  EXPECT_EQ(count_cores(processors), 8U);
  EXPECT_THAT(placement(processors), ElementsAre(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15));
}

// Hyperthreads beside each other, and a cpuset that leaves one or both of a core's.
TEST(Processors, ACpusetIsRespected) {
  const FakeMachine machine;
  for (int id = 0; id < 8; ++id)
    machine.siblings(id, std::to_string(id / 2 * 2) + "-" + std::to_string(id / 2 * 2 + 1));
  machine.nodes({"0-7"});
  const std::vector<int> allowed = {1, 4, 5, 6};
  const auto processors = describe_processors(machine.folder(), allowed);
  EXPECT_THAT(processors, ElementsAre(Processor{1, 0, 0}, Processor{4, 4, 0}, Processor{5, 4, 0}, Processor{6, 6, 0}));
  EXPECT_EQ(count_cores(processors), 3U);
  EXPECT_THAT(placement(processors), ElementsAre(1, 4, 6, 5));
}

TEST(Processors, WhatIsNotDescribedIsACoreOfItsOwn) {
  const FakeMachine machine;
  machine.siblings(0, "nonsense");
  machine.siblings(1, "");
  machine.nodes({"0-", "2"});
  const auto processors = describe_processors(machine.folder(), ids_until(4));
  EXPECT_THAT(processors, ElementsAre(Processor{0, 0, 0}, Processor{1, 1, 0}, Processor{2, 2, 1}, Processor{3, 3, 0}));
  EXPECT_THAT(placement(processors), ElementsAre(0, 1, 3, 2));
  EXPECT_THAT(placement(describe_processors(machine.folder() / "none", ids_until(3))), ElementsAre(0, 1, 2));
}

TEST(Processors, AThreadIsPutOnWhatItIsTold) {
  const auto before = allowed_processors();
  ASSERT_FALSE(before.empty());
  std::thread([&] {
    ASSERT_TRUE(run_on(std::span(before).last(1)));
    EXPECT_THAT(allowed_processors(), ElementsAre(before.back()));
    ASSERT_TRUE(run_on(before));
    EXPECT_EQ(allowed_processors(), before);
  }).join();
  EXPECT_EQ(allowed_processors(), before);
}

/// Where the threads of an arena may run, by their place; all of them are there at once.
std::vector<std::vector<int>> places_of(Workers& workers) {
  const int threads = workers.threads();
  std::vector<std::vector<int>> places(static_cast<std::size_t>(threads));
  std::atomic<int> present{0};
  workers.execute([&] {
    tbb::parallel_for(
        0, threads,
        [&](int) {
          ++present;
          while (present < threads) std::this_thread::yield();
          places.at(static_cast<std::size_t>(tbb::this_task_arena::current_thread_index())) = allowed_processors();
        },
        tbb::simple_partitioner());
  });
  return places;
}

TEST(Workers, PinnedOnesHaveACoreEachAndAreLetGo) {
  const auto allowed = allowed_processors();
  const auto order = placement(describe_processors("/sys/devices/system", allowed));
  const int threads = static_cast<int>(std::min<std::size_t>(allowed.size(), 4));
  {
    const auto workers = Workers::create(threads, Pinning::cores).value();
    EXPECT_TRUE(workers->pinned());
    const auto places = places_of(*workers);
    for (std::size_t i = 0; i < places.size(); ++i) EXPECT_THAT(places[i], ElementsAre(order[i]));
  }
  EXPECT_EQ(allowed_processors(), allowed);
  const auto free = Workers::create(threads).value();
  EXPECT_FALSE(free->pinned());
  for (const auto& place : places_of(*free)) EXPECT_EQ(place, allowed);
}

TEST(Workers, AutomaticPinningWantsAWorkerForEveryCore) {
  const auto allowed = allowed_processors();
  const std::size_t cores = count_cores(describe_processors("/sys/devices/system", allowed));
  const auto pinned = [](std::size_t threads) {
    return Workers::create(static_cast<int>(threads), Pinning::automatic).value()->pinned();
  };
  EXPECT_TRUE(pinned(cores));
  EXPECT_TRUE(pinned(allowed.size()));
  EXPECT_FALSE(pinned(allowed.size() + 1));
  EXPECT_EQ(pinned(std::max<std::size_t>(cores, 2) - 1), cores == 1) << "one core is all of one";
}

TEST(Workers, TheCallersArenaIsNeverPinned) {
  const auto allowed = allowed_processors();
  tbb::task_arena callers(2);
  callers.execute([&] {
    const auto own = Workers::create(0).value();
    own->execute([&] { EXPECT_EQ(allowed_processors(), allowed); });
    const auto pinned = Workers::create(0, Pinning::cores).value();
    EXPECT_EQ(pinned->threads(), 2);
    pinned->execute([&] { EXPECT_EQ(allowed_processors().size(), 1U); });
    EXPECT_EQ(allowed_processors(), allowed);
  });
}

}  // namespace
}  // namespace octet
