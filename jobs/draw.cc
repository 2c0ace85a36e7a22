#include "octet/jobs/draw.h"

#include <algorithm>  // std::max
#include <map>        // std::map
#include <mutex>      // std::mutex
#include <utility>    // std::move

#include "octet/graph/output_file.h"
#include "octet/jobs/draw/page.h"
#include "octet/jobs/draw/sheet.h"
#include "octet/jobs/draw/whole_picture.h"
#include "octet/jobs/stage/stream.h"
#include "octet/loader/labels.h"

namespace octet {
namespace {

using Scorers = std::vector<std::shared_ptr<const Scorer>>;

constexpr int kJpegQuality = 92, kPngLevel = 6;
constexpr int kMaxTopK = 20;

/// A picture on its way from the source to its sheet.
struct Work {
  Result<ImageBytes> image = Error{};
  std::string name;  ///< of the sheet's file
  std::string file;  ///< its bytes
  PageItem item;
  bool differs = false;
};

/// The state of one job. draw_record() runs on many threads, take() on one at a time.
class Drawing {
 public:
  Drawing(const DrawOptions& options, const Scorers& scorers) : options_(options) {
    for (const auto& scorer : scorers) {
      page_.speakers.push_back({scorer->name, scorer->plan->quantized(), scorer->labels});
    }
  }

  void enter(const Entry& entry) {
    const std::lock_guard lock(mutex_);
    under_way_[entry.index].image = entry.image;
  }

  void draw_record(Record& record) {
    if (!record.outcomes) return;
    Work work = remove(record.index);
    if (auto drawn = draw_outcomes(record, work); !drawn) record.outcomes = std::move(drawn).error();
    const std::lock_guard lock(mutex_);
    under_way_[record.index] = std::move(work);
  }

  Result<void> take(const Record& record) {
    Work work = remove(record.index);
    if (!record.outcomes) {
      page_.errors.push_back({record.index, 0, error_html(record.index, record.key, record.outcomes.error())});
      return {};
    }
    OCTET_CHECK(write_file(options_.output / work.name, work.file));
    page_.sheets.push_back(std::move(work.item));
    page_.differing += work.differs ? 1 : 0;
    return {};
  }

  [[nodiscard]] const Page& page() const { return page_; }

 private:
  Work remove(std::uint64_t index) {
    const std::lock_guard lock(mutex_);
    auto node = under_way_.extract(index);
    return node.empty() ? Work() : std::move(node.mapped());
  }

  Result<void> draw_outcomes(const Record& record, Work& work) const {
    if (!work.image) return work.image.error();
    Decoder decoder(options_.stream.decoder);
    std::vector<std::uint8_t> buffer;
    OCTET_TRY(const WholePicture shown, decode_whole(*work.image, decoder, display_of, buffer));
    const auto& outcomes = *record.outcomes;
    OutcomeComparison comparison;
    SheetInput input;
    if (outcomes.size() > 1) {
      comparison = compare(outcomes[0], outcomes[1], options_.top_k, options_.min_score);
      input.comparison = &comparison;
    }
    input.title = record.key;
    input.stored = shown.stored;
    input.display = shown.display;
    input.pixels = shown.pixels;
    input.speakers = page_.speakers;
    input.outcomes = outcomes;
    if (!outcomes[0].detection) input.truth = class_id(record.labels);
    input.top_k = options_.top_k;
    input.min_score = options_.min_score;
    OCTET_TRY(const Sheet sheet, draw_sheet(input));
    const bool png = options_.format == ImageFormat::png;
    OCTET_TRY(Encoder encoder, Encoder::create({options_.format, png ? kPngLevel : kJpegQuality, true}));
    OCTET_TRY(const auto file, encoder.encode(sheet.canvas.rgb(), sheet.canvas.size(), Color::rgb));
    work.file.assign(file.begin(), file.end());
    work.name = sheet_name(record.index, record.key, png ? "png" : "jpg");
    work.item = {record.index, comparison.size, sheet_html(input, sheet, work.name)};
    work.differs = comparison.in_kind;
    return {};
  }

  const DrawOptions& options_;
  Page page_;
  std::mutex mutex_;
  std::map<std::uint64_t, Work> under_way_;  ///< by the entry's index; as many as the stage holds
};

Result<void> check(const DrawOptions& options) {
  if (options.top_k < 1 || options.top_k > kMaxTopK) {
    return Error{ErrorCode::usage, "", "the number of classes drawn must be 1 to " + std::to_string(kMaxTopK)};
  }
  if (!(options.min_score >= 0 && options.min_score <= 1)) {
    return Error{ErrorCode::usage, "", "the least score of a box must be between 0 and 1"};
  }
  return {};
}

}  // namespace

Result<ImageFormat> parse_image_format(std::string_view text) {
  if (text == "jpeg") return ImageFormat::jpeg;
  if (text == "png") return ImageFormat::png;
  return Error{ErrorCode::usage, "", "the format of pictures is jpeg or png, not '" + std::string(text) + "'"};
}

Result<DrawSummary> draw(const DrawOptions& options) {
  OCTET_CHECK(check(options));
  OCTET_TRY(const Scorers scorers,
            load_scorers(options.model, options.load, options.against, options.against_load, options.stream.batch));
  OCTET_TRY(const auto source, Source::open(options.stream.source));
  OCTET_CHECK(make_folder(options.output));
  Drawing drawing(options, scorers);
  StreamJob job;
  job.name = "draw";
  job.scorers = scorers;
  for (const auto& scorer : scorers) {  // all classes: a comparison needs both scores of each
    job.stage.top_k = std::max(job.stage.top_k, static_cast<int>(scorer->plan->outputs()[scorer->head].elements));
  }
  job.stage.finish = [&](Record& record) { drawing.draw_record(record); };
  job.check = [&](const Entry& entry) -> Result<void> {
    drawing.enter(entry);
    return {};
  };
  job.take = [&](const Record& record) { return drawing.take(record); };
  DrawSummary summary;
  OCTET_TRY(summary.stream, run_stream(options.stream, *source, job));
  for (const auto& scorer : scorers) summary.models.push_back(scorer->name);
  summary.drawn = drawing.page().sheets.size();
  summary.differing = drawing.page().differing;
  summary.page = options.output / "index.html";
  OCTET_CHECK(write_file(summary.page, page_html(drawing.page())));
  return summary;
}

}  // namespace octet
