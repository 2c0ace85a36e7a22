// GluonCV's box code run as one native step and run operator by operator: the same detections.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "executor/executor_testing.h"
#include "octet/graph/build.h"
#include "octet/graph/file_io.h"
#include "octet/graph/mxnet_int8.h"
#include "octet/graph/passes.h"
#include "octet/graph/random_weights.h"
#include "octet/graph/ssd_tail.h"
#include "support/assets.h"
#include "support/gluon_ssd.h"

namespace octet::test {
namespace {

/// The three outputs of GluonCV's networks, image by image.
struct TailOutputs {
  std::vector<float> ids, scores, boxes;

  [[nodiscard]] std::size_t found() const {
    return static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), [](float id) { return id >= 0; }));
  }
};

template <class OpType>
int count_of(const Graph& graph) {
  return static_cast<int>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                        [](const Node& node) { return node.template as<OpType>() != nullptr; }));
}

TailOutputs outputs_of(const Graph& graph, std::span<const std::uint8_t> pixels, std::int64_t images) {
  const auto context = Context::create(Plan::compile(graph).value()).value();
  auto results = run(*context, pixels, images);
  EXPECT_EQ(results.size(), 3U);
  results.resize(3);
  return {results[0], results[1], results[2]};
}

/// Spells "/ 2" as "* 0.5": the same numbers, but not the form that is recognised.
Symbol spelled_otherwise(Symbol symbol) {
  for (SymbolNode& node : symbol.nodes) {
    if (node.op != "_div_scalar") continue;
    node.op = "_mul_scalar";
    node.attrs["scalar"] = "0.5";
  }
  return symbol;
}

/// Runs the symbol in both forms; expects equal ids, scores and, to rounding, boxes. Returns those of the native step.
TailOutputs expect_both_forms_agree(const Symbol& symbol, const ParamMap& params, const Preprocess& preprocess,
                                    std::span<const std::uint8_t> pixels, std::int64_t images) {
  Graph native = build_graph(symbol, params, preprocess, "native").value();
  Graph one_by_one = build_graph(spelled_otherwise(symbol), params, preprocess, "one by one").value();
  for (Graph* graph : {&native, &one_by_one}) EXPECT_TRUE(optimize(*graph));
  EXPECT_EQ(count_of<BoxDetectionOp>(native), 1);
  EXPECT_EQ(count_of<BoxNmsOp>(native), 0);
  EXPECT_EQ(count_of<BoxDetectionOp>(one_by_one), 0);
  EXPECT_EQ(count_of<BoxNmsOp>(one_by_one), 1);
  const TailOutputs got = outputs_of(native, pixels, images), want = outputs_of(one_by_one, pixels, images);
  EXPECT_EQ(got.ids, want.ids);
  EXPECT_EQ(got.scores, want.scores);
  EXPECT_EQ(got.boxes.size(), want.boxes.size());
  for (std::size_t i = 0; i < std::min(got.boxes.size(), want.boxes.size()); ++i) {
    // exp is a polynomial in one of them.
    const float bound = 1e-5F * std::max(1.0F, std::abs(want.boxes[i]));
    if (!(std::abs(got.boxes[i] - want.boxes[i]) <= bound)) {
      ADD_FAILURE() << "coordinate " << i << ": " << got.boxes[i] << ", not " << want.boxes[i];
      break;
    }
  }
  return got;
}

std::vector<std::uint8_t> noise(std::int64_t side, std::int64_t images, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(images * side * side * 3));
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random());
  return pixels;
}

TailOutputs run_miniature(const GluonSsd& options, const std::vector<std::string>& zeroed = {}) {
  SymbolWithParams net = gluon_ssd(options);
  for (auto& [name, param] : net.params) {
    for (const std::string& prefix : zeroed) {
      if (name.starts_with(prefix)) std::ranges::fill(param.value.mutable_as<float>(), 0.0F);
    }
  }
  return expect_both_forms_agree(net.symbol, net.params, square_input(options.side), noise(options.side, 3, 9), 3);
}

TEST(SsdTail, OneStepAndManyYieldTheSameDetections) {
  int found = 0, cases = 0;
  for (const std::int64_t topk : {-1, 7, 400}) {
    for (const float threshold : {0.0F, 0.01F, 0.3F}) {
      for (const std::int64_t classes : {1, 3, 20}) {
        GluonSsd options;
        options.classes = classes;
        options.topk = topk;
        options.rows = 50;
        options.score_threshold = threshold;
        options.valid = cases % 2 == 0 ? 0.01F : 0.2F;
        options.mean_x = cases % 3 == 0 ? 0.125F : 0.0F;
        SCOPED_TRACE(testing::Message() << "topk " << topk << ", threshold " << threshold << ", classes " << classes);
        found += run_miniature(options).found() > 0 ? 1 : 0;
        ++cases;
      }
    }
  }
  EXPECT_GE(found, cases / 2) << "most networks find something";
}

// Without class weights every class of every anchor has the probability 1/4 exactly.
TEST(SsdTail, EqualScoresComeInTheSameOrder) {
  GluonSsd options;
  options.rows = 60;
  options.topk = 60;
  options.overlap = 1;  // suppresses nothing
  const TailOutputs all = run_miniature(options, {"cls"});
  EXPECT_EQ(all.found(), 3U * 60U);
  EXPECT_EQ(all.scores, std::vector<float>(3U * 60U, 0.25F));
  EXPECT_EQ(all.ids, std::vector<float>(3U * 60U, 0.0F)) << "the first class comes first";
}

TEST(SsdTail, AScoreAtAThresholdIsNotAboveIt) {
  const float below = std::nextafter(0.25F, 0.0F);
  for (const bool valid : {false, true}) {
    GluonSsd options;
    (valid ? options.valid : options.score_threshold) = 0.25F;
    EXPECT_EQ(run_miniature(options, {"cls"}).found(), 0U);
    (valid ? options.valid : options.score_threshold) = below;
    EXPECT_GT(run_miniature(options, {"cls"}).found(), 0U);
  }
}

// Without box weights the boxes are the anchors; of 8 x 12 pixels every 4 (and larger ones), those two rows apart share
// 8 x 4 of 160 pixels: a fifth.
TEST(SsdTail, AnOverlapAtTheThresholdDoesNotSuppress) {
  GluonSsd options;
  options.classes = 1;
  options.rows = 160;
  options.topk = 400;
  options.overlap = 0.2F;
  EXPECT_EQ(run_miniature(options, {"cls", "loc"}).found(), 3U * 32U);
  options.overlap = std::nextafter(options.overlap, 0.0F);
  EXPECT_EQ(run_miniature(options, {"cls", "loc"}).found(), 3U * 16U);
}

TEST(SsdTail, NetworksThatGluonCvPublishes) {
  OCTET_REQUIRE_ASSETS();
  for (const auto& [name, side] : {std::pair{"ssd_300_vgg16_atrous_voc_int8_gluoncv", 300},
                                   std::pair{"ssd_512_mobilenet1.0_voc_int8_gluoncv", 512}}) {
    SCOPED_TRACE(name);
    const auto file = assets() / "symbols" / (std::string(name) + "-symbol.json");
    const Symbol stored = parse_symbol(read_text_file(file, 1 << 24).value(), name).value();
    const Symbol symbol = expand_mxnet_int8(stored, nullptr, Int8Reading::as_float, name).value().symbol;
    const Preprocess preprocess = square_input(side);
    const ParamMap params = random_weights(symbol, preprocess, 1, name).value();
    const TailOutputs found = expect_both_forms_agree(symbol, params, preprocess, noise(side, 1, 9), 1);
    EXPECT_EQ(found.ids.size(), 100U);
    EXPECT_GT(found.found(), 0U);
  }
}

}  // namespace
}  // namespace octet::test
