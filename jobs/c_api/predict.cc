#include <algorithm>  // std::max

#include "octet/jobs/c_api/failure.h"
#include "octet/jobs/c_api/octet_c.h"
#include "octet/jobs/score_stage.h"
#include "octet/jobs/stage/workers.h"
#include "octet/loader/decoder.h"

struct octet_model {
  std::shared_ptr<const octet::Scorer> scorer;
};

struct octet_predictor {
  std::shared_ptr<const octet::Scorer> scorer;
  std::unique_ptr<octet::RunWorker> worker;
  octet::Decoder decoder;
  std::vector<std::uint8_t> pixels;  // capacity slots
  std::size_t capacity = 0, computed = 0;
};

namespace octet::c_api {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 40U;  // far above any use: sizes never overflow

const OutputLayout* output_of(const Scorer& scorer, std::size_t output) {
  const auto outputs = scorer.plan->outputs();
  return output < outputs.size() ? &outputs[output] : nullptr;
}

Result<octet_model*> load(const char* prefix, int epoch, std::int64_t batch) {
  OCTET_CHECK(given(prefix, "prefix"));
  LoadOptions options;
  options.epoch = std::max(epoch, -1);
  OCTET_TRY(const Model model, load_model(prefix, options));
  PlanOptions plan;
  plan.batch = batch;
  auto loaded = std::make_unique<octet_model>();
  OCTET_TRY(loaded->scorer, Scorer::create(model, plan));
  return loaded.release();
}

std::size_t picture_bytes(const Preprocess& preprocess) {
  return static_cast<std::size_t>(preprocess.channels * preprocess.height * preprocess.width);
}

/// Where nothing is set a picture is black; with a border around it, that is what the network expects there.
void paint_black(octet_predictor& predictor) {
  const InputLayout& input = predictor.scorer->plan->input();
  const Preprocess& preprocess = predictor.scorer->preprocess;
  const std::vector<std::uint8_t> black(picture_bytes(preprocess));
  for (std::size_t i = 0; i < predictor.capacity; ++i) {
    copy_picture(preprocess, {}, black, input.border,
                 std::span(predictor.pixels).subspan(i * input.bytes(), input.bytes()));
  }
}

Result<octet_predictor*> create(const octet_model* model, std::size_t capacity) {
  OCTET_CHECK(given(model, "model"));
  const Plan& plan = *model->scorer->plan;
  std::size_t floats = 1;
  for (const OutputLayout& output : plan.outputs()) floats += output.elements;
  if (capacity < 1 || capacity > most_bytes / (plan.input().bytes() + floats * sizeof(float))) {
    return Error{ErrorCode::usage, "capacity", std::to_string(capacity) + " pictures are none or too many"};
  }
  auto predictor = std::make_unique<octet_predictor>();
  predictor->scorer = model->scorer;
  predictor->capacity = capacity;
  OCTET_TRY(predictor->worker, RunWorker::create(model->scorer, capacity));
  predictor->pixels.resize(capacity * plan.input().bytes());
  paint_black(*predictor);
  return predictor.release();
}

/// The slot of a picture.
Result<std::span<std::uint8_t>> slot_of(octet_predictor* predictor, std::size_t image) {
  OCTET_CHECK(given(predictor, "predictor"));
  if (image >= predictor->capacity) {
    return Error{ErrorCode::usage, "image",
                 std::to_string(image) + " is not below the capacity, " + std::to_string(predictor->capacity)};
  }
  const std::size_t bytes = predictor->scorer->plan->input().bytes();
  return std::span(predictor->pixels).subspan(image * bytes, bytes);
}

Result<void> set_encoded(octet_predictor* predictor, std::size_t image, const std::uint8_t* bytes, std::size_t size) {
  OCTET_TRY(const auto slot, slot_of(predictor, image));
  OCTET_CHECK(given(bytes, "bytes"));
  const Scorer& scorer = *predictor->scorer;
  OCTET_CHECK(predictor->decoder.decode({bytes, size}, scorer.preprocess, scorer.plan->input().border, slot));
  return {};
}

Result<void> set_pixels(octet_predictor* predictor, std::size_t image, const std::uint8_t* pixels, std::size_t size) {
  OCTET_TRY(const auto slot, slot_of(predictor, image));
  OCTET_CHECK(given(pixels, "pixels"));
  const Preprocess& preprocess = predictor->scorer->preprocess;
  const std::size_t wanted = picture_bytes(preprocess);
  if (size != wanted) {
    return Error{ErrorCode::usage, "pixels",
                 std::to_string(size) + " bytes; the network takes " + std::to_string(wanted)};
  }
  copy_picture(preprocess, {}, {pixels, size}, predictor->scorer->plan->input().border, slot);
  return {};
}

Result<void> run(octet_predictor* predictor, std::size_t count) {
  OCTET_CHECK(given(predictor, "predictor"));
  predictor->computed = 0;
  if (count < 1 || count > predictor->capacity) {
    return Error{ErrorCode::usage, "count",
                 std::to_string(count) + " is not between 1 and the capacity, " + std::to_string(predictor->capacity)};
  }
  OCTET_CHECK(predictor->worker->run(predictor->pixels, count));
  predictor->computed = count;
  return {};
}

}  // namespace
}  // namespace octet::c_api

octet_model* octet_load(const char* prefix, int epoch, int64_t batch) {
  return octet::c_api::or_else<octet_model*>(nullptr, [&] { return octet::c_api::load(prefix, epoch, batch); });
}

void octet_free(octet_model* model) { delete model; }

octet_size octet_input(const octet_model* model) {
  if (model == nullptr) return {};
  const octet::Preprocess& preprocess = model->scorer->preprocess;
  return {preprocess.channels, preprocess.height, preprocess.width};
}

int octet_is_int8(const octet_model* model) { return model != nullptr && model->scorer->plan->quantized() ? 1 : 0; }

int64_t octet_batch(const octet_model* model) { return model != nullptr ? model->scorer->plan->batch() : 0; }

size_t octet_outputs(const octet_model* model) { return model != nullptr ? model->scorer->plan->outputs().size() : 0; }

const char* octet_output_name(const octet_model* model, size_t output) {
  const auto* const layout = model != nullptr ? octet::c_api::output_of(*model->scorer, output) : nullptr;
  return layout != nullptr ? layout->name.c_str() : nullptr;
}

size_t octet_output_size(const octet_model* model, size_t output) {
  const auto* const layout = model != nullptr ? octet::c_api::output_of(*model->scorer, output) : nullptr;
  return layout != nullptr ? layout->elements : 0;
}

const char* octet_label(const octet_model* model, size_t id) {
  return model != nullptr && id < model->scorer->labels.size() ? model->scorer->labels[id].c_str() : nullptr;
}

octet_predictor* octet_predictor_new(const octet_model* model, size_t capacity) {
  return octet::c_api::or_else<octet_predictor*>(nullptr, [&] { return octet::c_api::create(model, capacity); });
}

void octet_predictor_free(octet_predictor* predictor) { delete predictor; }

int octet_set_encoded(octet_predictor* predictor, size_t image, const uint8_t* bytes, size_t size) {
  return octet::c_api::status([&] { return octet::c_api::set_encoded(predictor, image, bytes, size); });
}

int octet_set_pixels(octet_predictor* predictor, size_t image, const uint8_t* pixels, size_t size) {
  return octet::c_api::status([&] { return octet::c_api::set_pixels(predictor, image, pixels, size); });
}

int octet_run(octet_predictor* predictor, size_t count) {
  return octet::c_api::status([&] { return octet::c_api::run(predictor, count); });
}

const float* octet_values(const octet_predictor* predictor, size_t output, size_t image) {
  if (predictor == nullptr || image >= predictor->computed) return nullptr;
  if (octet::c_api::output_of(*predictor->scorer, output) == nullptr) return nullptr;
  return predictor->worker->values(output, image).data();
}
