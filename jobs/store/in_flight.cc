#include "octet/jobs/store/in_flight.h"

#include <fcntl.h>     // open
#include <sys/mman.h>  // mmap
#include <time.h>      // clock_gettime
#include <unistd.h>    // close

#include <algorithm>  // std::any_of
#include <array>      // std::array
#include <cerrno>     // errno
#include <cstring>    // std::memcpy
#include <mutex>      // std::unique_lock
#include <new>        // placement new
#include <span>       // std::span
#include <utility>    // std::move

#include "octet/graph/file_io.h"
#include "octet/graph/output_file.h"
#include "octet/graph/write_error.h"
#include "octet/jobs/stage/own_place.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t page_magic = 0x325448474C464E49;  // "INFLGHT2", little-endian
constexpr int refused_from = 4;                           // points
constexpr std::uint64_t beat_ms = 40;
constexpr std::uint64_t long_beats = 20;  // about a second

std::uint64_t now_ms() noexcept {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1000 + static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
}

struct InFlightSlot {
  std::atomic<std::uint64_t> entry;  // its index + 1; 0: none
  std::atomic<std::uint64_t> begin;  // the beat at which its decoding began
  std::atomic<std::uint64_t> crashed;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a signal handler writes them");

struct KeptSuspect {
  std::uint64_t entry;  // its index + 1; 0: none
  std::uint64_t points;
};

thread_local std::atomic<InFlightSlot*> own_slot{nullptr};

}  // namespace

struct InFlight::Page {
  std::uint64_t magic = page_magic;
  std::atomic<std::uint64_t> beats{0};       // so far
  std::array<KeptSuspect, 1024> suspects{};  // of the process that writes the page
  std::array<InFlightSlot, 1024> slots{};    // by the thread's place in the arena
};

void InFlight::mark_crash() noexcept {
  if (InFlightSlot* const slot = own_slot.load(std::memory_order_relaxed)) slot->crashed = 1;
}

InFlight::InFlight(fs::path file, Page* page, bool mapped) : file_(std::move(file)), page_(page), mapped_(mapped) {}

InFlight::~InFlight() {
  if (mapped_) {
    ::munmap(page_, sizeof(Page));
  } else {
    delete page_;
  }
}

Result<std::unique_ptr<InFlight>> InFlight::open(const fs::path& file) {
  auto fresh = std::make_unique<Page>();
  auto before = std::make_unique<Page>();
  std::error_code ignored;
  if (fs::file_size(file, ignored) == sizeof(Page)) {
    OCTET_TRY(const auto bytes, read_file(file, sizeof(Page)));
    if (bytes.size() == sizeof(Page)) std::memcpy(static_cast<void*>(before.get()), bytes.data(), sizeof(Page));
  }
  std::unique_ptr<InFlight> flight(new InFlight(file, fresh.release(), false));
  if (before->magic == page_magic) OCTET_CHECK(flight->recall(*before));
  OCTET_CHECK(write_file(file, std::as_bytes(std::span(flight->page_, 1))));
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return write_error(errno, file, "cannot open");
  void* const memory = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (memory == MAP_FAILED) return flight;  // a file system without: nothing is noted, all else works
  delete std::exchange(flight->page_, static_cast<Page*>(memory));
  flight->mapped_ = true;
  return flight;
}

/// Who was in flight when the process before died, and what it had already been suspected of.
Result<void> InFlight::recall(const Page& page) {
  const auto points_of = [&page](std::uint64_t entry) {
    std::uint64_t points = 0;
    for (const KeptSuspect& kept : page.suspects) points = kept.entry == entry ? kept.points : points;
    return points;
  };
  std::size_t count = 0;
  const auto keep = [&](std::uint64_t entry, std::uint64_t points) {
    if (count == page_->suspects.size()) return;
    page_->suspects[count++] = {entry, points};
    suspects_[entry - 1] = static_cast<int>(points);
  };
  for (const KeptSuspect& kept : page.suspects) {
    if (kept.entry != 0 && kept.points >= refused_from) keep(kept.entry, kept.points);
  }
  const bool crashed =
      std::any_of(page.slots.begin(), page.slots.end(), [](const InFlightSlot& slot) { return slot.crashed != 0; });
  for (const InFlightSlot& slot : page.slots) {
    const std::uint64_t entry = slot.entry;
    if (entry == 0 || suspects_.contains(entry - 1)) continue;
    const bool was_long = page.beats >= slot.begin + long_beats;
    if (crashed && slot.crashed == 0) continue;  // another one was the cause
    keep(entry, std::min<std::uint64_t>(refused_from, points_of(entry) + (crashed || was_long ? 2 : 1)));
  }
  return {};
}

Result<void> InFlight::pass(const Entry& entry, const std::function<Result<void>()>& decode) {
  std::shared_lock<std::shared_mutex> among(alone_, std::defer_lock);
  std::unique_lock<std::shared_mutex> alone(alone_, std::defer_lock);
  if (!suspects_.empty()) {
    const auto suspect = suspects_.find(entry.index);
    if (suspect == suspects_.end()) {
      among.lock();
    } else if (suspect->second >= refused_from) {
      return Error{ErrorCode::bad_image, {}, "the process ended while it was decoded, more than once in a row"};
    } else {
      alone.lock();
    }
  }
  InFlightSlot& slot = page_->slots[own_place() % page_->slots.size()];
  slot.begin.store(page_->beats.load(std::memory_order_relaxed), std::memory_order_relaxed);
  slot.entry.store(entry.index + 1, std::memory_order_release);
  own_slot.store(&slot, std::memory_order_relaxed);
  auto decoded = decode();
  own_slot.store(nullptr, std::memory_order_relaxed);
  slot.entry.store(0, std::memory_order_release);
  return decoded;
}

/// Time is counted in beats that came in time: while the whole process stood still nobody took long.
void InFlight::beat() noexcept {
  const std::uint64_t now = now_ms();
  if (now < last_beat_ms_ + beat_ms) return;
  last_beat_ms_ = now;
  page_->beats.fetch_add(1, std::memory_order_relaxed);
}

void InFlight::close() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

}  // namespace octet
