#include "calibrator/pictures.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>

#include "octet/executor/context.h"
#include "octet/graph/passes.h"
#include "octet/loader/decoder.h"

namespace octet::test {

Pictures load_pictures(const std::filesystem::path& folder, const Preprocess& preprocess) {
  Pictures result{preprocess.height, preprocess.width, preprocess.channels, {}, {}};
  std::ifstream list(folder / "labels.lst");
  Decoder decoder;
  for (std::string line; std::getline(list, line);) {
    // index, label or labels, path; by tabs
    const std::string path = line.substr(line.rfind('\t') + 1);
    const std::string label = line.substr(line.find('\t') + 1);
    std::ifstream file(folder / path, std::ios::binary);
    const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    result.pixels.resize(result.pixels.size() + result.bytes());
    const std::span<std::uint8_t> slot = std::span(result.pixels).last(result.bytes());
    const ImageInfo info = decoder.decode(bytes, preprocess, Border{}, slot).value();
    if (info.truncated) throw std::runtime_error(path);
    result.labels.push_back(static_cast<int>(std::stof(label)));
  }
  return result;
}

Pictures noise(std::size_t count, std::int64_t size) {
  Pictures pictures{size, size, 3, {}, std::vector<int>(count)};
  std::mt19937 random(5);
  pictures.pixels.resize(count * pictures.bytes());
  for (std::uint8_t& p : pictures.pixels) p = static_cast<std::uint8_t>(random() % 256);
  return pictures;
}

Pictures select(const Pictures& all, const std::function<bool(std::size_t)>& keep) {
  Pictures result{all.height, all.width, all.channels, {}, {}};
  for (std::size_t i = 0; i < all.count(); ++i) {
    if (!keep(i)) continue;
    const auto first = all.pixels.begin() + static_cast<std::ptrdiff_t>(i * all.bytes());
    result.pixels.insert(result.pixels.end(), first, first + static_cast<std::ptrdiff_t>(all.bytes()));
    result.labels.push_back(all.labels[i]);
  }
  return result;
}

PictureSource source_of(const Pictures& pictures, std::int64_t at_most) {
  return [&pictures, at_most, next = std::size_t{0}](std::span<std::uint8_t> slots,
                                                     std::int64_t count) mutable -> Result<std::int64_t> {
    const std::size_t n = std::min(static_cast<std::size_t>(std::min(count, at_most)), pictures.count() - next);
    const auto first = pictures.pixels.begin() + static_cast<std::ptrdiff_t>(next * pictures.bytes());
    std::copy_n(first, n * pictures.bytes(), slots.begin());
    next += n;
    return static_cast<std::int64_t>(n);
  };
}

namespace {

/// Copies a picture into a slot with the border painted.
void paint(const std::uint8_t* picture, const Pictures& pictures, const InputLayout& layout, std::uint8_t* slot) {
  const auto channels = static_cast<std::size_t>(layout.channels);
  for (std::int64_t y = 0; y < layout.height; ++y) {
    for (std::int64_t x = 0; x < layout.width; ++x, slot += channels) {
      const std::int64_t from_y = y - layout.border.top, from_x = x - layout.border.left;
      const bool inside = from_y >= 0 && from_x >= 0 && from_y < pictures.height && from_x < pictures.width;
      const auto offset = static_cast<std::size_t>(inside ? from_y * pictures.width + from_x : 0) * channels;
      std::copy_n(inside ? picture + offset : layout.border.value.data(), channels, slot);
    }
  }
}

}  // namespace

std::vector<std::vector<float>> run(const std::shared_ptr<const Plan>& plan, const Pictures& pictures) {
  const std::unique_ptr<Context> context = Context::create(plan).value();
  std::vector<std::vector<float>> outputs;
  for (const OutputLayout& output : plan->outputs()) outputs.emplace_back(output.elements);
  std::vector<std::span<float>> spans(outputs.begin(), outputs.end());
  std::vector<std::uint8_t> slot(plan->input().bytes());
  std::vector<std::vector<float>> results;
  for (std::size_t i = 0; i < pictures.count(); ++i) {
    paint(pictures.pixels.data() + i * pictures.bytes(), pictures, plan->input(), slot.data());
    context->run(slot, 1, spans).value();
    results.push_back(outputs[0]);
  }
  return results;
}

int best_class(const std::vector<float>& outputs) {
  return static_cast<int>(std::max_element(outputs.begin(), outputs.end()) - outputs.begin());
}

Accuracy compare(const std::vector<std::vector<float>>& f32, const std::vector<std::vector<float>>& int8,
                 const std::vector<int>& labels) {
  Accuracy result;
  const double share = 100.0 / static_cast<double>(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const int a = best_class(f32[i]), b = best_class(int8[i]);
    result.top1_f32 += a == labels[i] ? share : 0;
    result.top1_int8 += b == labels[i] ? share : 0;
    result.agreement += a == b ? share : 0;
  }
  return result;
}

std::shared_ptr<const Plan> float_plan(const Model& model) {
  Graph graph = model.graph;
  optimize(graph).value();
  return Plan::compile(graph).value();
}

}  // namespace octet::test
