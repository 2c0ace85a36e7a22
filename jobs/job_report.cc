#include "octet/jobs/job_report.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "octet/graph/output_file.h"
#include "octet/jobs/report/job_figures.h"
#include "octet/jobs/report/job_page.h"
#include "octet/loader/encoder.h"

namespace octet {
namespace {

constexpr int kMostPictures = 200;
constexpr std::int64_t kLongSide = 320;  // of a shown picture, in pixels

/// Makes pictures small. Not thread-safe.
class Shrinker {
 public:
  static Result<Shrinker> create(const DecoderOptions& options) {
    OCTET_TRY(Encoder encoder, Encoder::create({ImageFormat::jpeg, 85}));
    return Shrinker(options, std::move(encoder));
  }

  Result<PagePicture> shrink(const ImageBytes& image) {
    OCTET_TRY(const auto bytes, image.read(buffer_));
    OCTET_TRY(const ImageInfo info, decoder_.measure(bytes));
    const double scale =
        std::min(1.0, static_cast<double>(kLongSide) / static_cast<double>(std::max(info.width, info.height)));
    Preprocess preprocess;
    preprocess.width = std::max<std::int64_t>(1, std::llround(static_cast<double>(info.width) * scale));
    preprocess.height = std::max<std::int64_t>(1, std::llround(static_cast<double>(info.height) * scale));
    preprocess.resize = ResizeMode::warp;
    preprocess.interpolation = Interpolation::area;
    pixels_.resize(slot_bytes(preprocess, {}));
    OCTET_TRY(const ImageInfo decoded, decoder_.decode(bytes, preprocess, {}, pixels_));
    OCTET_TRY(const auto jpeg, encoder_.encode(pixels_, {preprocess.width, preprocess.height}, Color::rgb));
    return PagePicture{{}, {decoded.width, decoded.height}, std::string(jpeg.begin(), jpeg.end())};
  }

 private:
  Shrinker(const DecoderOptions& options, Encoder encoder) : decoder_(options), encoder_(std::move(encoder)) {}

  Decoder decoder_;
  Encoder encoder_;
  std::vector<std::uint8_t> buffer_, pixels_;
};

/// The samples' pictures, read in one pass. A key that is not what the record says is another data set.
Result<std::vector<PagePicture>> shrink_samples(SourceOptions options, const DecoderOptions& decoder,
                                                std::vector<SampleFigure> samples) {
  options.shard = {};
  OCTET_TRY(const auto source, Source::open(options));
  OCTET_TRY(Shrinker shrinker, Shrinker::create(decoder));
  std::vector<PagePicture> pictures;
  for (SampleFigure& sample : samples) {
    std::optional<Entry> entry;
    do {
      OCTET_TRY(entry, source->next());
    } while (entry && entry->index < sample.index);
    if (!entry || entry->index != sample.index || entry->key != sample.key) {
      return Error{ErrorCode::usage, options.data.string(),
                   "is not what was scored: entry " + std::to_string(sample.index) + " is '" +
                       (entry ? entry->key : "absent") + "', not '" + sample.key + "'"};
    }
    if (!entry->image) return entry->image.error();
    auto picture = shrinker.shrink(*entry->image);
    if (!picture) {
      Error error = std::move(picture).error();
      error.where = entry->key;
      return error;
    }
    picture->sample = std::move(sample);
    pictures.push_back(*std::move(picture));
  }
  return pictures;
}

}  // namespace

Result<JobReportSummary> write_job_report(const JobReportOptions& options) {
  if (options.pictures < 0 || options.pictures > kMostPictures) {
    return Error{ErrorCode::usage, "", "the number of pictures shown must be 0 to " + std::to_string(kMostPictures)};
  }
  const auto wanted = static_cast<std::size_t>(options.source ? options.pictures : 0);
  OCTET_TRY(const JobFigures figures, read_job_figures(options.output, wanted));
  std::vector<PagePicture> pictures;
  if (!figures.samples.empty()) {
    OCTET_TRY(pictures, shrink_samples(*options.source, options.decoder, figures.samples));
  }
  const auto name = std::filesystem::absolute(options.output).lexically_normal();
  const std::string title = (name.has_filename() ? name.filename() : name.parent_path().filename()).string();
  JobReportSummary summary;
  summary.page = options.page.empty() ? options.output / "report.html" : options.page;
  OCTET_CHECK(write_file(summary.page, job_page(title, figures, pictures)));
  summary.n = figures.n;
  summary.failed = figures.failed;
  summary.pictures = pictures.size();
  return summary;
}

}  // namespace octet
