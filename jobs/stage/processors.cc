#include "octet/jobs/stage/processors.h"

#include <sched.h>  // sched_getaffinity

#include <algorithm>  // std::sort
#include <cerrno>     // errno
#include <charconv>   // std::from_chars
#include <map>        // std::map
#include <memory>     // std::unique_ptr
#include <set>        // std::set
#include <string>     // std::string
#include <tuple>      // std::tuple

#include "octet/graph/file_io.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr int most_processors = 65536;
constexpr std::uint64_t list_bytes = std::uint64_t{1} << 16U;  // files of the kernel say that they have 4 KiB

struct CpuSetDeleter {
  void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
};
using CpuSet = std::unique_ptr<cpu_set_t, CpuSetDeleter>;

std::optional<std::vector<int>> read_processor_list(const fs::path& file) {
  const auto text = read_text_file(file, list_bytes);
  return text ? parse_processor_list(*text) : std::nullopt;
}

/// The node of every processor that the kernel tells of.
std::map<int, int> read_nodes(const fs::path& system) {
  std::map<int, int> nodes;
  const auto online = read_processor_list(system / "node" / "online");
  for (const int node : online.value_or(std::vector<int>())) {
    const auto ids = read_processor_list(system / "node" / ("node" + std::to_string(node)) / "cpulist");
    for (const int id : ids.value_or(std::vector<int>())) nodes[id] = node;
  }
  return nodes;
}

}  // namespace

std::optional<std::vector<int>> parse_processor_list(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  std::vector<int> ids;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](int& value) {
    const auto [next, failed] = std::from_chars(at, end, value);
    at = next;
    return failed == std::errc() && value >= 0 && value < most_processors;
  };
  while (at != end) {
    int first = 0;
    if (!number(first)) return std::nullopt;
    int last = first;
    if (at != end && *at == '-') {
      ++at;
      if (!number(last) || last < first) return std::nullopt;
    }
    if (ids.size() + static_cast<std::size_t>(last - first) >= most_processors) return std::nullopt;
    for (int id = first; id <= last; ++id) ids.push_back(id);
    if (at == end) return ids;
    if (*at++ != ',' || at == end) return std::nullopt;
  }
  return ids;
}

std::vector<Processor> describe_processors(const fs::path& system, std::span<const int> ids) {
  const auto nodes = read_nodes(system);
  std::vector<Processor> processors;
  for (const int id : ids) {
    Processor& processor = processors.emplace_back(Processor{id, id, 0});
    const auto siblings =
        read_processor_list(system / "cpu" / ("cpu" + std::to_string(id)) / "topology" / "thread_siblings_list");
    if (siblings && !siblings->empty()) processor.core = *std::min_element(siblings->begin(), siblings->end());
    if (const auto node = nodes.find(id); node != nodes.end()) processor.node = node->second;
  }
  return processors;
}

std::vector<int> placement(std::vector<Processor> processors) {
  std::sort(processors.begin(), processors.end(), [](const Processor& a, const Processor& b) { return a.id < b.id; });
  std::map<int, int> used;                             // of a core, how many of its processors have a turn
  std::vector<std::tuple<int, int, int, int>> places;  // turn, node, core, id
  places.reserve(processors.size());
  for (const Processor& p : processors) places.emplace_back(used[p.core]++, p.node, p.core, p.id);
  std::sort(places.begin(), places.end());
  std::vector<int> ids;
  ids.reserve(places.size());
  for (const auto& place : places) ids.push_back(std::get<3>(place));
  return ids;
}

std::size_t count_cores(std::span<const Processor> processors) {
  std::set<int> cores;
  for (const Processor& processor : processors) cores.insert(processor.core);
  return cores.size();
}

std::vector<int> allowed_processors() {
  for (int most = 1024; most <= most_processors; most *= 4) {
    const CpuSet set(CPU_ALLOC(static_cast<std::size_t>(most)));
    if (set == nullptr) return {};
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    CPU_ZERO_S(bytes, set.get());
    if (sched_getaffinity(0, bytes, set.get()) != 0) {
      if (errno == EINVAL) continue;  // the kernel has more
      return {};
    }
    std::vector<int> ids;
    for (int id = 0; id < most; ++id) {
      if (CPU_ISSET_S(static_cast<std::size_t>(id), bytes, set.get())) ids.push_back(id);
    }
    return ids;
  }
  return {};
}

bool run_on(std::span<const int> ids) noexcept {
  const auto most = static_cast<std::size_t>(*std::max_element(ids.begin(), ids.end())) + 1;
  const CpuSet set(CPU_ALLOC(most));
  if (set == nullptr) return false;
  const std::size_t bytes = CPU_ALLOC_SIZE(most);
  CPU_ZERO_S(bytes, set.get());
  for (const int id : ids) CPU_SET_S(static_cast<std::size_t>(id), bytes, set.get());
  return sched_setaffinity(0, bytes, set.get()) == 0;
}

}  // namespace octet
