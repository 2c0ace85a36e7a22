// Scores the given JPEG files as one batch: score_batch MODEL_PREFIX FILE...
#include <octet/executor/context.h>
#include <octet/jobs/score_stage.h>
#include <octet/loader/decoder.h>

#include <algorithm>
#include <iostream>

int main(int argc, char** argv) try {
  if (argc < 3) return 64;
  const octet::Model model = octet::load_model(argv[1]).value();
  const auto scorer = octet::Scorer::create(model).value();
  const auto context = octet::Context::create(scorer->plan).value();
  const octet::InputLayout& input = scorer->plan->input();
  const std::size_t classes = scorer->plan->outputs()[0].elements;
  const std::size_t count = argc - 2;

  std::vector<std::uint8_t> batch(count * input.bytes()), file;
  octet::Decoder decoder;
  for (std::size_t i = 0; i < count; ++i) {
    const auto bytes = octet::ImageBytes::from_file(argv[i + 2]).read(file).value();
    const std::span slot = std::span(batch).subspan(i * input.bytes(), input.bytes());
    static_cast<void>(decoder.decode(bytes, model.preprocess, input.border, slot).value());
  }
  std::vector<float> scores(count * classes);
  const std::span<float> output(scores);
  context->run(batch, static_cast<std::int64_t>(count), {&output, 1}).value();
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = output.subspan(i * classes, classes);
    const auto best = std::max_element(row.begin(), row.end());
    std::cout << argv[i + 2] << '\t' << best - row.begin() << '\t' << *best << '\n';
  }
} catch (const octet::Failure& failure) {
  std::cerr << failure.what() << '\n';
  return 1;
}
