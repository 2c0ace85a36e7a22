#include "octet/jobs/stage/workers.h"

#include <algorithm>  // std::copy_n, std::find_if
#include <utility>    // std::move

#include "octet/jobs/stage/own_place.h"
#include "octet/jobs/stage/postprocess.h"

namespace octet {
namespace {

constexpr std::size_t kept_bytes = std::size_t{16} << 20U;

}  // namespace

Result<ImageInfo> DecodeWorker::decode(const ImageBytes& image, const Preprocess& preprocess, const Border& border,
                                       std::span<std::uint8_t> slot) {
  OCTET_TRY(const auto encoded, image.read(bytes, max_bytes));
  auto info = decoder.decode(encoded, preprocess, border, slot);
  if (bytes.capacity() > kept_bytes) std::vector<std::uint8_t>().swap(bytes);
  return info;
}

Result<std::unique_ptr<RunWorker>> RunWorker::create(std::shared_ptr<const Scorer> scorer, std::size_t capacity) {
  std::unique_ptr<RunWorker> worker(new RunWorker);
  OCTET_TRY(worker->context_, Context::create(scorer->plan));
  for (const OutputLayout& output : scorer->plan->outputs()) worker->outputs_.emplace_back(capacity * output.elements);
  worker->scorer_ = std::move(scorer);
  return worker;
}

Result<void> RunWorker::run(std::span<const std::uint8_t> pixels, std::size_t count) {
  std::vector<std::span<float>> outputs;
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    outputs.push_back(std::span(outputs_[k]).first(count * scorer_->plan->outputs()[k].elements));
  }
  return context_->run(pixels, static_cast<std::int64_t>(count), outputs);
}

std::span<const float> RunWorker::values(std::size_t output, std::size_t image) const {
  const std::size_t elements = scorer_->plan->outputs()[output].elements;
  return std::span(outputs_[output]).subspan(image * elements, elements);
}

Outcome RunWorker::outcome(std::size_t image, std::size_t k, bool keep_raw, const ImageInfo& picture) const {
  Outcome outcome;
  outcome.detection = scorer_->detection;
  outcome.features = scorer_->features;
  const auto head = values(scorer_->head, image);
  if (scorer_->features) {
    keep_raw = true;
  } else if (scorer_->parts) {
    const auto rows = detection_rows(head, values(1, image), values(2, image), scorer_->preprocess);
    outcome.detections = detections(rows, scorer_->preprocess, picture);
  } else if (scorer_->detection) {
    outcome.detections = detections(head, scorer_->preprocess, picture);
  } else {
    outcome.predictions = top_k(head, k);
  }
  if (keep_raw) {
    for (std::size_t output = 0; output < outputs_.size(); ++output) {
      const auto raw = values(output, image);
      outcome.outputs.insert(outcome.outputs.end(), raw.begin(), raw.end());
    }
  }
  return outcome;
}

Result<RunWorkers::Set> RunWorkers::take() {
  Set set;
  set.place = own_place();
  {
    const std::lock_guard lock(mutex_);
    const auto own = std::find_if(idle_.begin(), idle_.end(), [&](const Set& idle) { return idle.place == set.place; });
    if (own != idle_.end()) {
      std::swap(*own, idle_.back());
      set = std::move(idle_.back());
      idle_.pop_back();
      return set;
    }
  }
  for (const auto& scorer : scorers_) {
    OCTET_TRY(auto worker, RunWorker::create(scorer, capacity_));
    set.workers.push_back(std::move(worker));
  }
  return set;
}

void RunWorkers::give_back(Set set) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(set));
}

void copy_picture(const Preprocess& preprocess, const Border& src_border, std::span<const std::uint8_t> src,
                  const Border& dst_border, std::span<std::uint8_t> dst) {
  const auto channels = static_cast<std::size_t>(preprocess.channels);
  const auto row = static_cast<std::size_t>(preprocess.width) * channels;
  const auto src_left = static_cast<std::size_t>(src_border.left) * channels;
  const auto dst_left = static_cast<std::size_t>(dst_border.left) * channels;
  const std::size_t src_row = src_left + row + static_cast<std::size_t>(src_border.right) * channels;
  const std::size_t dst_row = dst_left + row + static_cast<std::size_t>(dst_border.right) * channels;
  if (!dst_border.empty()) {
    for (std::size_t i = 0; i < dst.size(); ++i) dst[i] = dst_border.value[i % channels];
  }
  for (std::int64_t y = 0; y < preprocess.height; ++y) {
    const auto from = static_cast<std::size_t>(y + src_border.top) * src_row + src_left;
    const auto to = static_cast<std::size_t>(y + dst_border.top) * dst_row + dst_left;
    std::copy_n(src.begin() + static_cast<std::ptrdiff_t>(from), row, dst.begin() + static_cast<std::ptrdiff_t>(to));
  }
}

}  // namespace octet
