// Records per second of one core from a warm page cache: in file order, in the order of a shuffled index, and
// the limit, read(2) of the same bytes in large pieces. On a file made for it: 2,000 records of 43 KB, the size of
// a photograph stored at short side 256.
#include <benchmark/benchmark.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "octet/loader/input_file.h"
#include "octet/loader/record_io.h"
#include "octet/loader/source.h"

namespace {

constexpr std::uint64_t kRecords = 2000;
constexpr std::size_t kImageBytes = 43'000;

/// The file, its index in file order, and one in random order. Removed at the end.
class RecordFiles {
 public:
  RecordFiles() {
    std::filesystem::create_directories(folder_);
    auto writer = octet::RecordWriter::create(records(), index()).value();
    std::mt19937 random(1);
    std::vector<std::uint8_t> image(kImageBytes);
    for (std::uint64_t id = 0; id < kRecords; ++id) {
      for (std::uint8_t& byte : image) byte = static_cast<std::uint8_t>(random());
      const float label = 1;
      static_cast<void>(writer.append(id, {&label, 1}, image));
    }
    static_cast<void>(writer.close());
    std::vector<std::string> lines;
    std::ifstream in(index());
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    std::shuffle(lines.begin(), lines.end(), random);
    std::ofstream out(shuffled());
    for (const std::string& line : lines) out << line << '\n';
  }
  ~RecordFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  RecordFiles(const RecordFiles&) = delete;
  RecordFiles& operator=(const RecordFiles&) = delete;

  [[nodiscard]] std::filesystem::path records() const { return folder_ / "x.rec"; }
  [[nodiscard]] std::filesystem::path index() const { return folder_ / "x.idx"; }
  [[nodiscard]] std::filesystem::path shuffled() const { return folder_ / "shuffled.idx"; }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("octet_bench_record." + std::to_string(std::random_device()()));
};

const RecordFiles& files() {
  static const RecordFiles made;
  return made;
}

void count(benchmark::State& state, std::uint64_t records, std::uint64_t bytes) {
  state.SetItemsProcessed(static_cast<std::int64_t>(records));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void ReadAlone(benchmark::State& state) {
  const auto file = octet::InputFile::open(files().records()).value();
  std::vector<std::uint8_t> buffer(std::size_t{1} << 20U);
  std::uint64_t bytes = 0, records = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (std::uint64_t at = 0; at < file.size(); at += buffer.size()) {
      const std::size_t step = std::min<std::uint64_t>(buffer.size(), file.size() - at);
      if (!file.read_at(at, std::span(buffer).first(step))) return state.SkipWithError("the file cannot be read");
      benchmark::DoNotOptimize(buffer.data());
    }
    bytes += file.size();
    records += kRecords;
  }
  count(state, records, bytes);
}

void read_entries(benchmark::State& state, const octet::SourceOptions& options) {
  const auto source = octet::Source::open(options).value();
  std::uint64_t bytes = 0, records = 0;
  std::vector<std::uint8_t> unused;
  for ([[maybe_unused]] auto _ : state) {
    for (auto entry = source->next(); entry && *entry; entry = source->next()) {
      const auto image = (*entry)->image->read(unused);
      benchmark::DoNotOptimize(image->data());
      bytes += image->size();
      ++records;
    }
    if (!source->rewind()) return state.SkipWithError("the file cannot be read again");
  }
  if (records != kRecords * static_cast<std::uint64_t>(state.iterations())) state.SkipWithError("records are missing");
  count(state, records, bytes);
}

void InFileOrder(benchmark::State& state) { read_entries(state, {.data = files().records()}); }
void ByIndex(benchmark::State& state) {
  read_entries(state, {.data = files().records(), .index = files().index(), .use_index = true});
}
void ByShuffledIndex(benchmark::State& state) {
  read_entries(state, {.data = files().records(), .index = files().shuffled(), .use_index = true});
}

BENCHMARK(ReadAlone)->Unit(benchmark::kMillisecond);
BENCHMARK(InFileOrder)->Unit(benchmark::kMillisecond);
BENCHMARK(ByIndex)->Unit(benchmark::kMillisecond);
BENCHMARK(ByShuffledIndex)->Unit(benchmark::kMillisecond);

}  // namespace
