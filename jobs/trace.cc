#include "octet/jobs/trace.h"

#include <oneapi/tbb/task_arena.h>
#include <algorithm>
#include <cstdio>
#include <mutex>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include "octet/graph/output_file.h"

namespace octet {
namespace {

using Clock = std::chrono::steady_clock;

/// One finished span; times in nanoseconds since the trace began.
struct TraceEvent {
  std::int64_t begin = 0, length = 0;
  std::uint32_t images = 0;
  Activity activity = Activity::read;
};

std::int64_t nanoseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

std::string event_json(const TraceEvent& event, std::size_t worker) {
  char text[200];
  const int length =
      std::snprintf(text, sizeof text,
                    ",\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%zu,\"ts\":%lld.%03d,\"dur\":%lld.%03d,"
                    "\"args\":{\"images\":%u}}",
                    to_string(event.activity).data(), worker, static_cast<long long>(event.begin / 1000),
                    static_cast<int>(event.begin % 1000), static_cast<long long>(event.length / 1000),
                    static_cast<int>(event.length % 1000), event.images);
  return {text, static_cast<std::size_t>(length)};
}

}  // namespace

std::string_view to_string(Activity activity) noexcept {
  switch (activity) {
    case Activity::read: return "read";
    case Activity::decode: return "decode";
    case Activity::compute: return "compute";
    case Activity::write: return "write";
  }
  return "";
}

double BusySeconds::total() const noexcept { return std::accumulate(of.begin(), of.end(), 0.0); }

struct alignas(64) Trace::Cell {
  std::mutex mutex;  // its worker's alone but for readers of the sums
  std::array<std::int64_t, kActivities.size()> busy{};
  std::vector<TraceEvent> events;
  std::uint64_t dropped = 0;
};

// One cell for each slot of the arena, and one for threads that are not in it.
Trace::Trace(std::size_t max_events)
    : cells_(static_cast<std::size_t>(std::max(1, tbb::this_task_arena::max_concurrency())) + 1),
      events_per_cell_(max_events == 0 ? 0 : std::max<std::size_t>(1, max_events / cells_)),
      cell_(std::make_unique<Cell[]>(cells_)) {}

Trace::~Trace() = default;

Trace::Span::Span(Trace* trace, Activity activity, std::size_t images) noexcept
    : trace_(trace),
      activity_(activity),
      images_(images),
      begin_(trace == nullptr ? Clock::time_point() : Clock::now()) {}

Trace::Span::~Span() {
  if (trace_ != nullptr) trace_->add(activity_, images_, begin_);
}

void Trace::add(Activity activity, std::size_t images, Clock::time_point begin) noexcept {
  const std::int64_t length = nanoseconds(Clock::now() - begin);
  const int slot = tbb::this_task_arena::current_thread_index();
  const std::size_t outside = cells_ - 1;
  Cell& cell = cell_[slot < 0 ? outside : std::min(static_cast<std::size_t>(slot), outside)];
  const std::lock_guard lock(cell.mutex);
  cell.busy[static_cast<std::size_t>(activity)] += length;
  if (events_per_cell_ == 0) return;
  try {
    if (cell.events.size() < events_per_cell_) {
      cell.events.push_back({nanoseconds(begin - begin_), length, static_cast<std::uint32_t>(images), activity});
    } else {
      ++cell.dropped;
    }
  } catch (const std::bad_alloc&) {
    ++cell.dropped;
  }
}

BusySeconds Trace::busy() const {
  BusySeconds sum;
  for (std::size_t i = 0; i < cells_; ++i) {
    const std::lock_guard lock(cell_[i].mutex);
    for (std::size_t a = 0; a < sum.of.size(); ++a) sum.of[a] += static_cast<double>(cell_[i].busy[a]) * 1e-9;
  }
  return sum;
}

Result<void> Trace::save(const std::filesystem::path& file) const {
  OCTET_TRY(OutputFile out, OutputFile::create(file));
  OCTET_CHECK(out.write(R"({"traceEvents":[
{"name":"process_name","ph":"M","pid":1,"args":{"name":"octet"}})"));
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < cells_; ++i) {
    const std::lock_guard lock(cell_[i].mutex);
    dropped += cell_[i].dropped;
    if (cell_[i].events.empty()) continue;
    const std::string name = i + 1 == cells_ ? "other threads" : "worker " + std::to_string(i);
    OCTET_CHECK(out.write(",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":" + std::to_string(i) +
                          ",\"args\":{\"name\":\"" + name + "\"}}"));
    for (const TraceEvent& event : cell_[i].events) OCTET_CHECK(out.write(event_json(event, i)));
  }
  OCTET_CHECK(
      out.write("\n],\"displayTimeUnit\":\"ms\",\"otherData\":{\"dropped\":" + std::to_string(dropped) + "}}\n"));
  return out.commit();
}

}  // namespace octet
