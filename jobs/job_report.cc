#include "octet/jobs/job_report.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "octet/graph/output_file.h"
#include "octet/jobs/draw/whole_picture.h"
#include "octet/jobs/report/job_figures.h"
#include "octet/jobs/report/job_page.h"
#include "octet/loader/encoder.h"

namespace octet {
namespace {

constexpr int kMostPictures = 200;
constexpr std::int64_t kLongSide = 320;  // of a shown picture, in pixels

Display small(Size stored) {
  const double scale =
      std::min(1.0, static_cast<double>(kLongSide) / static_cast<double>(std::max(stored.width, stored.height)));
  const auto scaled = [scale](std::int64_t side) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(side) * scale));
  };
  return {{scaled(stored.width), scaled(stored.height)}, Interpolation::area};
}

/// The samples' pictures, read in one pass. A key that is not what the record says is another data set.
Result<std::vector<PagePicture>> shrink_samples(SourceOptions options, const DecoderOptions& decoder_options,
                                                std::vector<SampleFigure> samples) {
  options.shard = {};
  OCTET_TRY(const auto source, Source::open(options));
  OCTET_TRY(Encoder encoder, Encoder::create({ImageFormat::jpeg, 85}));
  Decoder decoder(decoder_options);
  std::vector<std::uint8_t> buffer;
  const auto shrink = [&](const ImageBytes& image) -> Result<PagePicture> {
    OCTET_TRY(const WholePicture picture, decode_whole(image, decoder, small, buffer));
    OCTET_TRY(const auto jpeg, encoder.encode(picture.pixels, picture.display.size, Color::rgb));
    return PagePicture{{}, picture.stored, std::string(jpeg.begin(), jpeg.end())};
  };
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
    auto picture = shrink(*entry->image);
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
