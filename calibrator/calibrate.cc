#include "octet/calibrator/calibrate.h"

#include <utility>  // std::move

#include "octet/calibrator/damage.h"
#include "octet/calibrator/session.h"

namespace octet {

std::string_view to_string(CalibrationMode mode) noexcept {
  static constexpr std::string_view kModeNames[] = {"naive", "entropy", "percentile", "mse", "auto"};
  return kModeNames[static_cast<std::size_t>(mode)];
}

Result<CalibratedModel> calibrate(const Model& model, const CalibrationOptions& wanted, const PictureSource& pictures) {
  CalibrationOptions options = wanted;
  OCTET_TRY(SampledGraph sampled, prepare(model, options));
  PictureStore kept(picture_bytes(sampled.graph), kKeptPictures);
  OCTET_CHECK(sample(
      sources_of(find_regions(sampled.graph, options.exclude)), options.threads, pictures,
      [&](std::span<const std::uint8_t> picture) { kept.add(picture); }, sampled));
  const std::int64_t images = sampled.collection.images;
  OCTET_TRY(QuantizedGraph quantized, quantize_sample(std::move(sampled), options, kept));
  if (options.measure_damage) {
    OCTET_CHECK(report_damage(quantized.f32, quantized.int8, options.judged, kept, options.threads, quantized.report));
  }
  return as_model(model, options, images, std::move(quantized));
}

}  // namespace octet
