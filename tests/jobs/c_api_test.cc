// The functions for C: what they compute is what the C++ ones do, and what they refuse.
#include "octet/jobs/c_api/octet_c.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "jobs/tiny_model.h"
#include "octet/executor/context.h"
#include "octet/graph/model.h"
#include "octet/loader/decoder.h"

namespace octet {
namespace {

using testing::HasSubstr;
using testing::StrEq;

struct FreeC {
  void operator()(octet_model* model) const { octet_free(model); }
  void operator()(octet_predictor* predictor) const { octet_predictor_free(predictor); }
};
using CModel = std::unique_ptr<octet_model, FreeC>;
using CPredictor = std::unique_ptr<octet_predictor, FreeC>;

class FunctionsForC : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(save_model(test::tiny_model(), float_)); }

  CModel load() const { return CModel(octet_load(float_.c_str(), -1, 0)); }
  /// What the C++ functions make of the picture.
  std::vector<float> expected(const std::vector<std::uint8_t>& jpeg) const {
    const auto scorer = Scorer::create(load_model(float_).value()).value();
    const Plan& plan = *scorer->plan;
    std::vector<std::uint8_t> slot(plan.input().bytes());
    EXPECT_TRUE(Decoder().decode(jpeg, scorer->preprocess, plan.input().border, slot));
    std::vector<float> values(plan.outputs()[0].elements);
    const std::span<float> output(values);
    EXPECT_TRUE(Context::create(scorer->plan).value()->run(slot, 1, {&output, 1}));
    return values;
  }
  static std::vector<float> values(const CPredictor& predictor, std::size_t image) {
    const float* const first = octet_values(predictor.get(), 0, image);
    return first == nullptr ? std::vector<float>() : std::vector<float>(first, first + test::tiny_classes);
  }
  /// Expects that the call has failed, so and for that.
  static void expect_failure(bool failed, const char* code, const char* text) {
    EXPECT_TRUE(failed);
    EXPECT_THAT(octet_error_code(), StrEq(code));
    EXPECT_THAT(octet_error(), HasSubstr(text));
  }

  const test::TemporaryFolder folder_;
  const std::string float_ = folder_.path() / "tiny";
};

TEST_F(FunctionsForC, TellOfTheModel) {
  const CModel model = load();
  ASSERT_NE(model, nullptr) << octet_error();
  const octet_size size = octet_input(model.get());
  EXPECT_EQ(size.channels, 3);
  EXPECT_EQ(size.height, 16);
  EXPECT_EQ(size.width, 16);
  EXPECT_EQ(octet_is_int8(model.get()), 0);
  EXPECT_EQ(octet_batch(model.get()), 1);
  EXPECT_EQ(octet_outputs(model.get()), 1U);
  EXPECT_EQ(octet_output_size(model.get(), 0), static_cast<std::size_t>(test::tiny_classes));
  EXPECT_NE(octet_output_name(model.get(), 0), nullptr);
  EXPECT_EQ(octet_output_name(model.get(), 1), nullptr);
  EXPECT_EQ(octet_output_size(model.get(), 1), 0U);
  EXPECT_EQ(octet_label(model.get(), 1000), nullptr);
}

TEST_F(FunctionsForC, ComputeWhatTheOthersDo) {
  CModel model = load();
  const CPredictor predictor(octet_predictor_new(model.get(), 3));
  ASSERT_NE(predictor, nullptr) << octet_error();
  model.reset();  // predictors keep it
  const auto first = test::jpeg(20, 30, 1), second = test::jpeg(40, 18, 2);
  ASSERT_EQ(octet_set_encoded(predictor.get(), 0, first.data(), first.size()), 0) << octet_error();
  ASSERT_EQ(octet_set_encoded(predictor.get(), 2, second.data(), second.size()), 0) << octet_error();
  ASSERT_EQ(octet_run(predictor.get(), 3), 0) << octet_error();
  EXPECT_EQ(values(predictor, 0), expected(first));
  EXPECT_EQ(values(predictor, 2), expected(second));
  ASSERT_EQ(octet_run(predictor.get(), 1), 0) << octet_error();
  EXPECT_EQ(octet_values(predictor.get(), 0, 1), nullptr) << "of no picture of the last run";
}

TEST_F(FunctionsForC, TakePixelsAndBlackWhereThereAreNone) {
  const CModel model = load();
  const CPredictor predictor(octet_predictor_new(model.get(), 2));
  const std::vector<std::uint8_t> black(3 * 16 * 16, 0), grey(3 * 16 * 16, 128);
  ASSERT_EQ(octet_set_pixels(predictor.get(), 0, black.data(), black.size()), 0) << octet_error();
  ASSERT_EQ(octet_run(predictor.get(), 2), 0);
  EXPECT_EQ(values(predictor, 0), values(predictor, 1));
  ASSERT_EQ(octet_set_pixels(predictor.get(), 1, grey.data(), grey.size()), 0);
  ASSERT_EQ(octet_run(predictor.get(), 2), 0);
  EXPECT_NE(values(predictor, 0), values(predictor, 1));
}

TEST_F(FunctionsForC, SayWhatIsWrong) {
  expect_failure(octet_load(nullptr, -1, 0) == nullptr, "usage", "prefix: is NULL");
  expect_failure(octet_load((folder_.path() / "absent").c_str(), -1, 0) == nullptr, "not_found", "absent");
  const CModel model = load();
  expect_failure(octet_predictor_new(nullptr, 1) == nullptr, "usage", "model");
  expect_failure(octet_predictor_new(model.get(), 0) == nullptr, "usage", "capacity");
  expect_failure(octet_predictor_new(model.get(), SIZE_MAX) == nullptr, "usage", "capacity");
  const CPredictor predictor(octet_predictor_new(model.get(), 2));
  const std::vector<std::uint8_t> pixels(3 * 16 * 16);
  expect_failure(octet_set_pixels(predictor.get(), 2, pixels.data(), pixels.size()) != 0, "usage", "2 is not below");
  expect_failure(octet_set_pixels(predictor.get(), 0, pixels.data(), 17) != 0, "usage", "the network takes 768");
  expect_failure(octet_set_pixels(predictor.get(), 0, nullptr, 768) != 0, "usage", "pixels: is NULL");
  expect_failure(octet_set_encoded(predictor.get(), 0, pixels.data(), 100) != 0, "bad_image", "");
  expect_failure(octet_run(predictor.get(), 0) != 0, "usage", "count");
  expect_failure(octet_run(predictor.get(), 3) != 0, "usage", "count");
  expect_failure(octet_run(nullptr, 1) != 0, "usage", "predictor");
  EXPECT_EQ(octet_values(predictor.get(), 0, 0), nullptr) << "nothing was computed";
  std::thread([] { EXPECT_THAT(octet_error(), StrEq("")) << "failures are a thread's own"; }).join();
  octet_free(nullptr);
  octet_predictor_free(nullptr);
}

TEST_F(FunctionsForC, CalibrateAndScoreArchives) {
  test::write_pictures(folder_.path() / "pictures", 40, {7});
  const std::string data = folder_.path() / "pictures.rec", int8 = folder_.path() / "int8",
                    scores = folder_.path() / "scores";
  octet_calibration calibration{};
  expect_failure(octet_calibrate(&calibration) != 0, "usage", "model: is NULL");
  calibration.model = float_.c_str();
  calibration.data = data.c_str();
  calibration.output = int8.c_str();
  calibration.mode = 77;
  expect_failure(octet_calibrate(&calibration) != 0, "usage", "77");
  calibration.mode = OCTET_MSE;
  calibration.samples = 20;
  calibration.threads = 2;
  ASSERT_EQ(octet_calibrate(&calibration), 0) << octet_error();
  octet_scoring scoring{};
  expect_failure(octet_score(nullptr) != 0, "usage", "NULL");
  scoring.model = int8.c_str();
  scoring.data = data.c_str();
  scoring.output = scores.c_str();
  scoring.threads = 2;
  ASSERT_EQ(octet_score(&scoring), 0) << octet_error();
  const std::string text = test::read_text(folder_.path() / "scores" / "scores.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 40);
  const CModel model(octet_load(int8.c_str(), -1, 0));
  EXPECT_EQ(octet_is_int8(model.get()), 1);
}

}  // namespace
}  // namespace octet
