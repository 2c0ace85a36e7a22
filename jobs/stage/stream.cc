#include "octet/jobs/stage/stream.h"

#include <algorithm>  // std::min
#include <atomic>     // std::atomic
#include <utility>    // std::move

#include "octet/jobs/stage/entry_counter.h"
#include "octet/jobs/stage/guarded.h"

namespace octet {
namespace {

constexpr std::size_t kTraceEvents = std::size_t{1} << 20U;  // 32 MB, and a file of some 100 MB

std::optional<std::uint64_t> wanted_entries(const StreamOptions& options, const Source& source, const StreamJob& job) {
  const auto total = expected_entries(options, source);
  if (!total || !job.wanted) return total;
  if (options.source.shard.count > 1) return std::nullopt;
  std::uint64_t wanted = 0;
  for (std::uint64_t i = 0; i < *total; ++i) wanted += job.wanted(i) ? 1 : 0;
  return wanted;
}

/// The state of one run; its members are called from the graph's bodies.
class Run {
 public:
  Run(const StreamOptions& options, Source& source, const StreamJob& job)
      : options_(options),
        source_(source),
        job_(job),
        total_(wanted_entries(options, source, job)),
        counter_(options, total_),
        trace_(options.trace.empty() ? 0 : kTraceEvents),
        meter_(options.control, job.name, total_, &trace_) {
    counter_.go_on_from(job.before);
    meter_.go_on_from(job.before.n, job.before.failed);
  }

  Result<StreamSummary> execute();

 private:
  Entry next(tbb::flow_control& control);
  Result<std::optional<Entry>> next_wanted();
  void take(const Record& record);
  Result<void> keep(const Record& record);
  void fail(Error error);

  const StreamOptions& options_;
  Source& source_;
  const StreamJob& job_;
  const std::optional<std::uint64_t> total_;
  EntryCounter counter_;
  Trace trace_;
  ProgressMeter meter_;
  std::atomic<bool> ended_{false};  // no further entry is read, no further record is taken
  std::mutex mutex_;
  std::optional<Error> failure_;
  tbb::flow::graph graph_;
};

void Run::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(error);
  ended_ = true;
  graph_.cancel();
}

Result<std::optional<Entry>> Run::next_wanted() {
  while (!options_.control.stopped()) {
    OCTET_TRY(auto entry, source_.next());
    if (!entry) return std::optional<Entry>();
    if (options_.limit > 0 && entry->index >= options_.limit) return std::optional<Entry>();
    if (job_.wanted && !job_.wanted(entry->index)) continue;
    if (job_.check) OCTET_CHECK(job_.check(*entry));
    return entry;
  }
  return Error{ErrorCode::cancelled, {}, "stopped from outside"};
}

Entry Run::next(tbb::flow_control& control) {
  if (!ended_) {
    const Trace::Span span(&trace_, Activity::read);
    auto entry = guarded([&] { return next_wanted(); });
    if (entry && *entry) return std::move(**entry);
    if (!entry) fail(std::move(entry).error());
  }
  ended_ = ended_ || failure_.has_value();
  control.stop();
  return {};
}

void Run::take(const Record& record) {
  if (ended_ && failure_) return;
  const Trace::Span span(&trace_, Activity::write);
  if (auto kept = guarded([&] { return keep(record); }); !kept) fail(std::move(kept).error());
}

Result<void> Run::keep(const Record& record) {
  if (options_.control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
  const Error* error = record.outcomes ? nullptr : &record.outcomes.error();
  const auto counted = counter_.add(record.index, record.key, error);
  // A defect of octet itself is not kept as if the picture were bad.
  if (counted || counted.error().code != ErrorCode::internal) OCTET_CHECK(job_.take(record));
  if (!counted) return counted.error();
  meter_.add(1, record.outcomes ? 0 : 1);
  return {};
}

Result<StreamSummary> Run::execute() {
  namespace flow = tbb::flow;
  OCTET_CHECK(counter_.within_bounds());
  StageOptions stage_options = job_.stage;
  stage_options.trace = &trace_;
  stage_options.decoder = options_.decoder;
  stage_options.batches_in_flight = options_.batches_in_flight;
  ScoreStage stage(graph_, job_.scorers, stage_options);
  flow::input_node<Entry> reader(graph_, [this](tbb::flow_control& control) { return next(control); });
  // Rejecting: while it is busy, records wait inside the stage, whose entrance then closes.
  flow::function_node<Record, flow::continue_msg, flow::rejecting> taker(
      graph_, flow::serial, [this](const Record& record) { return take(record), flow::continue_msg(); });
  flow::make_edge(reader, stage.input());
  flow::make_edge(stage.output(), taker);
  reader.activate();
  graph_.wait_for_all();
  if (!failure_ && options_.control.stopped()) failure_ = {ErrorCode::cancelled, {}, "stopped from outside"};
  if (failure_) return *failure_;
  OCTET_CHECK(counter_.finish());
  meter_.finish();
  StreamSummary summary = counter_.summary(meter_.seconds());
  summary.threads = trace_.threads();
  summary.busy = trace_.busy();
  summary.busy_seconds = meter_.seconds();
  if (!options_.trace.empty()) OCTET_CHECK(trace_.save(options_.trace));
  return summary;
}

}  // namespace

Result<StreamSummary> run_stream(const StreamOptions& options, Source& source, const StreamJob& job) {
  OCTET_CHECK(check_stream_options(options));
  OCTET_TRY(const auto workers, Workers::create(options.threads, options.pinning));
  // The graph takes the arena that it is made in.
  return guarded([&] { return workers->execute([&] { return Run(options, source, job).execute(); }); });
}

Result<std::vector<std::shared_ptr<const Scorer>>> load_scorers(const std::filesystem::path& prefix,
                                                                const LoadOptions& load,
                                                                const std::filesystem::path& against,
                                                                const LoadOptions& against_load, std::int64_t batch) {
  std::vector<std::shared_ptr<const Scorer>> scorers(1);
  OCTET_TRY(scorers.front(), load_scorer(prefix, load, batch));
  if (against.empty()) return scorers;
  OCTET_TRY(scorers.emplace_back(), load_scorer(against, against_load, batch));
  if (scorers[1]->detection != scorers[0]->detection) {
    return Error{ErrorCode::usage, scorers[1]->name,
                 "one model finds boxes and the other classifies: nothing to compare"};
  }
  return scorers;
}

Result<std::shared_ptr<const Scorer>> load_scorer(const std::filesystem::path& prefix, const LoadOptions& load,
                                                  std::int64_t batch) {
  OCTET_TRY(const Model model, load_model(prefix, load));
  PlanOptions options;
  options.batch = batch;
  return Scorer::create(model, options);
}

}  // namespace octet
