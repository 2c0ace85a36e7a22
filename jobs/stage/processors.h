// The machine's logical processors, and which of them workers take.
#pragma once

#include <filesystem>   // std::filesystem::path
#include <optional>     // std::optional
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace octet {

/// One logical processor. Those with the same `core` are hyperthreads of one core.
struct Processor {
  int id = 0;    ///< the kernel's number
  int core = 0;  ///< the lowest id among its hyperthreads, whether it may be used or not
  int node = 0;  ///< of memory (NUMA)
  bool operator==(const Processor&) const = default;
};

/// "0-3,8", as the kernel writes it, in its order; nullopt for other text and for ids of 65536 or more.
std::optional<std::vector<int>> parse_processor_list(std::string_view text);

/// Processors `ids` as files below `system` (the kernel's /sys/devices/system) describe them. What they do not tell of
/// is a core of its own, on node 0.
std::vector<Processor> describe_processors(const std::filesystem::path& system, std::span<const int> ids);

/// Ids in the order in which workers take them: one of each core, node by node, then the cores' other hyperthreads.
std::vector<int> placement(std::vector<Processor> processors);

/// Number of different cores.
std::size_t count_cores(std::span<const Processor> processors);

/// Where the calling thread may run (what taskset, a cpuset of Slurm or of a container leave), ascending. Empty when
/// the kernel does not say.
std::vector<int> allowed_processors();

/// Lets the calling thread run on `ids` (not empty, 0 to 65535) alone. A hint: false when the kernel refuses.
bool run_on(std::span<const int> ids) noexcept;

}  // namespace octet
