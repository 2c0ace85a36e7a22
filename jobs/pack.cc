#include "octet/jobs/pack.h"

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/flow_graph.h>
#include <atomic>   // std::atomic
#include <limits>   // std::numeric_limits
#include <utility>  // std::move

#include "octet/jobs/annotations.h"
#include "octet/jobs/pack/part_writer.h"
#include "octet/jobs/pack/picture.h"
#include "octet/jobs/stage/entry_counter.h"
#include "octet/jobs/stage/guarded.h"
#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

/// An entry on its way, with what came of it.
struct Item {
  std::size_t sequence = 0;  ///< of the entry in the order of packing, from 0
  Entry entry;
  PackedEntry packed;
  std::optional<Error> error;
};
using ItemPointer = std::shared_ptr<Item>;

Result<void> check_options(const PackOptions& options) {
  const auto bad = [](const char* message) { return Error{ErrorCode::usage, {}, message}; };
  OCTET_CHECK(check_stream_options(options.stream));
  const std::string extension = options.output.extension().string();
  if (!options.output.has_stem() || extension != (options.list_only ? ".lst" : ".rec")) {
    return bad(options.list_only ? "a list is named .lst" : "a record file is named .rec");
  }
  if (options.list_only && reads_records(options.stream.source)) {
    return bad("a record file holds no paths to list");
  }
  if (!options.annotations.empty()) {
    if (reads_records(options.stream.source)) {
      return bad("annotations are matched by file name; a record file's entries have labels of their own");
    }
    if (options.change && options.change->center_crop) return bad("annotated boxes do not fit to a centre crop");
  }
  if (options.chunks < 1 || options.chunks > 100'000) return bad("the number of chunks must be within 1 to 100000");
  const double train = options.train_ratio;
  const double test = options.test_ratio;
  if (!(train >= 0 && test >= 0 && train + test <= 1 + 1e-9)) {
    return bad("the ratios of train and test must not be negative, nor make more than 1 together");
  }
  return {};
}

class PackRun {
 public:
  PackRun(const PackOptions& options, std::optional<Annotations> annotations, EntryOrder& order,
          std::vector<PackPart> parts)
      : options_(options),
        annotations_(std::move(annotations)),
        order_(order),
        parts_(std::move(parts)),
        with_list_(!reads_records(options.stream.source)),
        counter_(options.stream, order.size()),
        meter_(options.stream.control, options.list_only ? "list" : "pack", order.size()) {}

  Result<PackSummary> execute(std::size_t tokens);

 private:
  void run_graph(std::size_t tokens);
  ItemPointer read(tbb::flow_control& control);
  void make(Item& item);
  [[nodiscard]] Result<std::vector<float>> labels_of(const Entry& entry, Size stored) const;
  Result<void> make_entry(Item& item);
  void write(const Item& item);
  Result<void> take(const Item& item);
  Result<void> report(const Item& item);
  Result<void> next_part();
  Result<void> finish(PackSummary& summary);
  void fail(Error error);

  const PackOptions& options_;
  const std::optional<Annotations> annotations_;
  EntryOrder& order_;
  const std::vector<PackPart> parts_;
  const bool with_list_;
  tbb::enumerable_thread_specific<std::unique_ptr<PicturePacker>> packers_;
  std::size_t read_ = 0;  ///< entries
  // The writing end, one entry at a time.
  EntryCounter counter_;
  ProgressMeter meter_;
  std::uint64_t position_ = 0;
  std::size_t opened_ = 0;  ///< parts that have been
  std::optional<PartWriter> writer_;
  std::vector<WrittenPart> written_;
  std::optional<OutputFile> bad_;
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::optional<Error> failure_;
};

void PackRun::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(error);
  ended_ = true;
}

ItemPointer PackRun::read(tbb::flow_control& control) {
  if (!ended_) {
    auto entry = order_.next();
    if (entry && *entry) return std::make_shared<Item>(Item{read_++, **std::move(entry), {}, {}});
    if (!entry) fail(std::move(entry).error());
  }
  control.stop();
  return nullptr;
}

/// `stored`: the picture's size, 0 x 0 when it has not been read.
Result<std::vector<float>> PackRun::labels_of(const Entry& entry, Size stored) const {
  if (!annotations_) {
    std::vector<float> labels = entry.labels;
    if (!options_.all_labels && labels.size() > 1) labels.resize(1);
    return labels;
  }
  const ImageTruth* const truth = annotations_->find(entry.key);
  if (truth == nullptr) {
    return Error{ErrorCode::bad_record, {}, "has no annotation of its own in " + options_.annotations.string()};
  }
  if (stored.width > 0) {
    return make_packed_label(*truth, static_cast<double>(stored.width), static_cast<double>(stored.height));
  }
  if (truth->width > 0) return make_packed_label(*truth, truth->width, truth->height);
  return Error{ErrorCode::bad_record, {}, "the annotation does not tell the picture's size, which a list alone needs"};
}

Result<void> PackRun::make_entry(Item& item) {
  const Entry& entry = item.entry;
  if (!entry.image) return entry.image.error();
  if (!entry.id) return Error{ErrorCode::bad_record, {}, "the index is not a whole number of 0 or more"};
  item.packed.id = *entry.id;
  std::span<const std::uint8_t> image;
  Size stored{0, 0};
  if (!options_.list_only) {
    auto& packer = packers_.local();
    if (packer == nullptr) {
      OCTET_TRY(packer, PicturePacker::create(options_));
    }
    OCTET_TRY(image, packer->run(*entry.image));
    stored = packer->stored_size();
  }
  OCTET_TRY(const std::vector<float> values, labels_of(entry, stored));
  std::span<const float> labels = values;
  if (with_list_) {
    OCTET_TRY(item.packed.line, list_line(*entry.id, labels, entry.key));
  }
  if (options_.list_only) return {};
  const IRHeader header = header_for(*entry.id, labels);
  if (header.flag == 0) labels = {};
  if (kIRHeaderBytes + labels.size_bytes() + image.size() >= kRecordPayloadLimit) {
    return Error{ErrorCode::limit, {}, "would be a record of 512 MiB or more"};
  }
  OCTET_CHECK(pack_payload(header, labels, image, item.packed.payload));
  if (options_.verify) item.packed.digest = payload_digest(item.packed.payload);
  return {};
}

void PackRun::make(Item& item) {
  if (ended_) return;
  if (auto made = make_entry(item); !made) item.error = std::move(made).error();
}

/// Closes the part that is being written, if any, and opens the one behind it.
Result<void> PackRun::next_part() {
  if (writer_) {
    OCTET_TRY(auto closed, writer_->close());
    writer_.reset();
    written_.push_back(std::move(closed));
  }
  if (opened_ < parts_.size()) {
    OCTET_TRY(writer_, PartWriter::create(options_, parts_[opened_]));
    ++opened_;
  }
  return {};
}

Result<void> PackRun::report(const Item& item) {
  if (!bad_) {
    OCTET_TRY(bad_, OutputFile::create(std::filesystem::path(options_.output).replace_extension(".bad.jsonl")));
  }
  std::string line = "{\"index\":" + std::to_string(item.entry.index) + ",\"key\":";
  append_json_string(item.entry.key, line);
  line += ",\"code\":";
  append_json_string(to_string(item.error->code), line);
  line += ",\"message\":";
  append_json_string(to_string(*item.error), line);
  return bad_->write(line + "}\n");
}

Result<void> PackRun::take(const Item& item) {
  while (position_ >= parts_[opened_ - 1].end) {
    if (opened_ == parts_.size()) return Error{ErrorCode::io, {}, "the data became longer while it was read"};
    OCTET_CHECK(next_part());
  }
  ++position_;
  const Error* error = item.error ? &*item.error : nullptr;
  OCTET_CHECK(error == nullptr ? writer_->add(item.packed) : report(item));
  OCTET_CHECK(counter_.add(item.entry.index, item.entry.key, error));
  meter_.add(1, error == nullptr ? 0 : 1);
  return {};
}

void PackRun::write(const Item& item) {
  if (ended_ && failure_) return;
  if (options_.stream.control.stopped()) return fail({ErrorCode::cancelled, {}, "stopped from outside"});
  if (auto taken = take(item); !taken) fail(std::move(taken).error());
}

Result<void> PackRun::finish(PackSummary& summary) {
  OCTET_CHECK(counter_.finish());
  while (writer_) OCTET_CHECK(next_part());
  const std::filesystem::path bad = std::filesystem::path(options_.output).replace_extension(".bad.jsonl");
  if (bad_) {
    OCTET_CHECK(bad_->commit());
    summary.bad = bad;
  } else {
    std::error_code ignored;  // of an earlier run
    std::filesystem::remove(bad, ignored);
  }
  meter_.finish();
  summary.stream = counter_.summary(meter_.seconds());
  for (const WrittenPart& part : written_) {
    summary.bytes += part.file.bytes;
    summary.files.push_back(part.file);
  }
  if (options_.list_only || !options_.verify) return {};
  const auto begin = std::chrono::steady_clock::now();
  for (const WrittenPart& part : written_) OCTET_CHECK(verify_part(part, options_.stream.control));
  summary.verify_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  summary.verified = true;
  return {};
}

/// Entries are read one by one, made in parallel and written in order, at most `tokens` of them on the way.
void PackRun::run_graph(std::size_t tokens) {
  namespace flow = tbb::flow;
  flow::graph graph;
  flow::input_node<ItemPointer> reader(graph, [this](tbb::flow_control& control) { return read(control); });
  flow::limiter_node<ItemPointer> bound(graph, tokens);
  flow::function_node<ItemPointer, ItemPointer> maker(graph, flow::unlimited, [this](ItemPointer item) {
    make(*item);
    return item;
  });
  flow::sequencer_node<ItemPointer> in_order(graph, [](const ItemPointer& item) { return item->sequence; });
  flow::function_node<ItemPointer, flow::continue_msg> writer(graph, flow::serial, [this](const ItemPointer& item) {
    write(*item);
    return flow::continue_msg();
  });
  flow::make_edge(reader, bound);
  flow::make_edge(bound, maker);
  flow::make_edge(maker, in_order);
  flow::make_edge(in_order, writer);
  flow::make_edge(writer, bound.decrementer());
  reader.activate();
  graph.wait_for_all();
}

Result<PackSummary> PackRun::execute(std::size_t tokens) {
  OCTET_CHECK(next_part());
  run_graph(tokens);
  if (failure_) return *failure_;
  PackSummary summary;
  OCTET_CHECK(finish(summary));
  return summary;
}

Result<PackSummary> run_pack(const PackOptions& options) {
  OCTET_CHECK(check_options(options));
  OCTET_CHECK(PicturePacker::create(options));
  std::optional<Annotations> annotations;
  if (!options.annotations.empty()) {
    OCTET_TRY(annotations, Annotations::load(options.annotations, options.labels));
  }
  OCTET_TRY(auto source, Source::open(options.stream.source));
  OCTET_TRY(EntryOrder order, EntryOrder::create(options, std::move(source)));
  std::vector<PackPart> parts = {{"", 0, std::numeric_limits<std::uint64_t>::max()}};
  if (options.chunks > 1 || options.train_ratio < 1) {
    OCTET_TRY(const std::uint64_t total, order.count());
    parts = plan_parts(total, options);
  }
  OCTET_CHECK(make_folder(options.output.parent_path()));
  OCTET_TRY(const auto workers, Workers::create(options.stream.threads));
  const auto tokens = 4 * static_cast<std::size_t>(workers->threads());
  return workers->execute(
      [&] { return PackRun(options, std::move(annotations), order, std::move(parts)).execute(tokens); });
}

}  // namespace

Result<PackSummary> pack(const PackOptions& options) {
  return guarded([&] { return run_pack(options); });
}

}  // namespace octet
