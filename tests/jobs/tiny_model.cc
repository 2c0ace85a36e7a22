#include "jobs/tiny_model.h"

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <unistd.h>   // getpid
#include <algorithm>  // std::find
#include <array>      // std::array
#include <atomic>     // std::atomic
#include <cmath>      // std::sqrt
#include <cstdio>     // std::snprintf
#include <cstdlib>    // std::free
#include <cstring>    // std::memcpy
#include <fstream>    // std::ofstream
#include <sstream>    // std::ostringstream

namespace octet::test {
namespace {

class Noise {
 public:
  explicit Noise(std::uint32_t seed) : state_(seed * 2654435761U + 1) {}
  float next() {  // in -1..1
    state_ = state_ * 1664525U + 1013904223U;
    return static_cast<float>(state_ >> 8U) / static_cast<float>(1U << 23U) - 1;
  }

 private:
  std::uint32_t state_;
};

Parameter weight(const std::string& name, Shape shape, float scale, Noise& noise) {
  std::vector<float> values(element_count(shape).value());
  for (float& value : values) value = noise.next() * scale;
  return {name, Tensor::from(std::move(shape), values).value(), {}};
}

NodeId append(Graph& graph, const std::string& name, Op op, std::vector<Parameter> params = {}) {
  Node node;
  node.name = name;
  node.output_name = name + "_output";
  node.op = std::move(op);
  if (!graph.nodes.empty()) node.inputs = {{static_cast<NodeId>(graph.nodes.size() - 1), 0}};
  node.params = std::move(params);
  node.outputs.resize(1);
  graph.nodes.push_back(std::move(node));
  return static_cast<NodeId>(graph.nodes.size() - 1);
}

void append_convolution(Graph& graph, const std::string& name, std::int64_t in, std::int64_t out, std::int64_t stride,
                        Noise& noise) {
  ConvolutionOp convolution;
  convolution.num_filter = out;
  convolution.kernel = {3, 3};
  convolution.stride = {stride, stride};
  convolution.pad = {1, 1, 1, 1};
  const float scale = 2 / std::sqrt(static_cast<float>(9 * in));
  append(graph, name, convolution,
         {weight(name + "_weight", {out, in, 3, 3}, scale, noise), weight(name + "_bias", {out}, 0.1F, noise)});
  append(graph, name + "_relu", EltwiseOp{EltwiseKind::relu, 0, 0});
}

void append_record(std::ofstream& file, std::uint64_t id, float label, const std::vector<std::uint8_t>& bytes) {
  const std::uint32_t magic = 0xced7230a;
  std::vector<std::uint8_t> payload(24 + bytes.size());
  const std::uint32_t flag = 0;
  std::memcpy(payload.data(), &flag, 4);
  std::memcpy(payload.data() + 4, &label, 4);
  std::memcpy(payload.data() + 8, &id, 8);
  std::copy(bytes.begin(), bytes.end(), payload.begin() + 24);
  const std::uint32_t length = static_cast<std::uint32_t>(payload.size());
  payload.resize((payload.size() + 3) / 4 * 4);
  file.write(reinterpret_cast<const char*>(&magic), 4);
  file.write(reinterpret_cast<const char*>(&length), 4);
  file.write(reinterpret_cast<const char*>(payload.data()), static_cast<std::streamsize>(payload.size()));
}

}  // namespace

Model tiny_model(std::uint32_t seed) {
  Noise noise(seed);
  Model model;
  model.name = "tiny";
  Preprocess& preprocess = model.preprocess;
  preprocess.height = preprocess.width = 16;
  preprocess.resize_short = 18;
  preprocess.mean = {120, 115, 104};
  preprocess.std = {58, 57, 56};
  for (int i = 0; i < tiny_classes; ++i) model.labels.push_back("class " + std::to_string(i));
  Graph& graph = model.graph;
  append(graph, "data", InputOp{});
  graph.nodes[0].outputs[0] = {{1, 3, 16, 16}, DType::u8, 1};
  append(graph, "normalize", NormalizeOp{{120, 115, 104}, {58, 57, 56}});
  append_convolution(graph, "conv0", 3, 16, 2, noise);
  append_convolution(graph, "conv1", 16, 16, 1, noise);
  PoolingOp pooling;
  pooling.kind = PoolKind::avg;
  pooling.global = true;
  append(graph, "pool", pooling);
  append(graph, "flat", FlattenOp{});
  append(graph, "fc", FullyConnectedOp{tiny_classes, true},
         {weight("fc_weight", {tiny_classes, 16}, 3, noise), weight("fc_bias", {tiny_classes}, 0.1F, noise)});
  const NodeId last = append(graph, "softmax", SoftmaxOp{});
  graph.outputs = {{last, 0}};
  const auto shaped = infer_shapes(graph, 1);
  EXPECT_TRUE(shaped) << to_string(shaped.error());
  return model;
}

std::shared_ptr<const Scorer> tiny_scorer(std::int64_t batch, std::uint32_t seed) {
  PlanOptions options;
  options.batch = batch;
  return Scorer::create(tiny_model(seed), options).value();
}

std::vector<std::uint8_t> jpeg(int width, int height, std::uint32_t seed) {
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char* data = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): libjpeg's type
  jpeg_mem_dest(&encoder, &data, &size);
  encoder.image_width = static_cast<JDIMENSION>(width);
  encoder.image_height = static_cast<JDIMENSION>(height);
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, 90, TRUE);
  jpeg_start_compress(&encoder, TRUE);
  Noise noise(seed);
  std::array<float, 6> wave{};
  for (float& value : wave) value = noise.next();
  std::vector<std::uint8_t> row(static_cast<std::size_t>(width) * 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const float phase = wave[c] * static_cast<float>(x) + wave[3 + c] * static_cast<float>(y);
        row[static_cast<std::size_t>(x) * 3 + c] = static_cast<std::uint8_t>(127 + 120 * std::sin(phase + wave[c] * 3));
      }
    }
    std::uint8_t* rows[] = {row.data()};
    jpeg_write_scanlines(&encoder, rows, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  std::vector<std::uint8_t> bytes(data, data + size);
  std::free(data);
  return bytes;
}

Entry entry(std::uint64_t index, std::vector<std::uint8_t> bytes) {
  std::string key = std::to_string(index);
  key.insert(key.begin(), 'k');
  return {index, std::move(key), {}, ImageBytes::copy_of(bytes)};
}

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> counter{0};
  path_ = std::filesystem::temp_directory_path() /
          ("octet_test_" + std::to_string(getpid()) + "_" + std::to_string(counter++));
  std::filesystem::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_bytes(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::string read_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write_pictures(const std::filesystem::path& folder, int count, const std::vector<int>& bad) {
  std::filesystem::create_directories(folder);
  std::ofstream list(folder.parent_path() / "list.lst");
  std::ofstream records(folder.parent_path() / "pictures.rec", std::ios::binary);
  for (int i = 0; i < count; ++i) {
    std::array<char, 16> name{};
    std::snprintf(name.data(), name.size(), "%04d.jpg", i);
    auto bytes = jpeg(16 + i % 9, 16 + i % 7, static_cast<std::uint32_t>(i));
    if (std::find(bad.begin(), bad.end(), i) != bad.end()) bytes = {'n', 'o', ' ', 'j', 'p', 'e', 'g'};
    write_bytes(folder / name.data(), bytes);
    list << i << '\t' << i % tiny_classes << '\t' << folder.filename().string() << '/' << name.data() << '\n';
    append_record(records, static_cast<std::uint64_t>(i), static_cast<float>(i % tiny_classes), bytes);
  }
}

}  // namespace octet::test
