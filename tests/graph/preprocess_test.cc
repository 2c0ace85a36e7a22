#include "octet/graph/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace octet {
namespace {

using testing::HasSubstr;

const char* kFull = R"({"input": "image", "shape": [3, 224, 192], "color": "BGR", "resize_short": 256,
  "crop": "center", "interpolation": "area", "mean": [123.68, 116.78, 103.94], "std": [58.4, 57.1, 57.4],
  "labels": "labels.txt"})";

void expect_same(const Preprocess& a, const Preprocess& b) {
  EXPECT_EQ(a.input, b.input);
  EXPECT_EQ(a.channels, b.channels);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.color, b.color);
  EXPECT_EQ(a.resize, b.resize);
  EXPECT_EQ(a.resize_short, b.resize_short);
  EXPECT_EQ(a.interpolation, b.interpolation);
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.std, b.std);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.fill, b.fill);
  EXPECT_EQ(a.mean_image, b.mean_image);
}

TEST(Preprocess, ReadsEveryField) {
  const Preprocess p = parse_preprocess(kFull, "p.json").value();
  EXPECT_EQ(p.input, "image");
  EXPECT_EQ(p.channels, 3);
  EXPECT_EQ(p.height, 224);
  EXPECT_EQ(p.width, 192);
  EXPECT_EQ(p.color, Color::bgr);
  EXPECT_EQ(p.resize, ResizeMode::shorter_side);
  EXPECT_EQ(p.resize_short, 256);
  EXPECT_EQ(p.interpolation, Interpolation::area);
  EXPECT_EQ(p.mean, (std::array<float, 3>{123.68F, 116.78F, 103.94F}));
  EXPECT_EQ(p.std, (std::array<float, 3>{58.4F, 57.1F, 57.4F}));
  EXPECT_EQ(p.labels, "labels.txt");
}

TEST(Preprocess, DefaultsAndShortForms) {
  const Preprocess p = parse_preprocess(R"({"shape": [3, 32, 32], "mean": 127.5, "std": [2]})", "p").value();
  EXPECT_EQ(p.input, "data");
  EXPECT_EQ(p.color, Color::rgb);
  EXPECT_EQ(p.resize, ResizeMode::shorter_side);
  EXPECT_EQ(p.resize_short, 0);
  EXPECT_EQ(p.mean, (std::array<float, 3>{127.5F, 127.5F, 127.5F}));
  EXPECT_EQ(p.std, (std::array<float, 3>{2, 2, 2}));
  const Preprocess gray = parse_preprocess(R"({"shape": [1, 28, 28], "mean": 33, "std": 7})", "p").value();
  EXPECT_EQ(gray.color, Color::gray);
  EXPECT_EQ(gray.mean, (std::array<float, 3>{33, 0, 0}));
  EXPECT_EQ(gray.std, (std::array<float, 3>{7, 1, 1}));
}

TEST(Preprocess, WritesWhatItReads) {
  for (const char* json : {kFull, R"({"shape": [3, 300, 300], "resize": "warp", "mean": [0.1, 1e-7, 254.9999]})",
                           R"({"shape": [1, 28, 28], "color": "GRAY", "resize": "none", "std": 0.3333333})",
                           R"({"shape": [3, 10, 20], "resize": "letterbox", "fill": 0, "mean_image": "mean.nd"})",
                           R"({"shape": [3, 10, 20], "interpolation": "lanczos4"})",
                           R"({"shape": [3, 10, 20], "interpolation": "auto"})"}) {
    const Preprocess p = parse_preprocess(json, "p").value();
    const std::string text = write_preprocess(p);
    const auto back = parse_preprocess(text, "p");
    ASSERT_TRUE(back) << text << to_string(back.error());
    expect_same(*back, p);
  }
  EXPECT_THAT(write_preprocess(parse_preprocess(kFull, "p").value()), HasSubstr("123.68,"));
}

TEST(Preprocess, WrongFilesSayWhatIsWrong) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {R"({})", "'shape' is missing"},
      {R"([1])", "not a JSON object"},
      {R"({"shape": [3, 32, 32)", "not valid JSON"},
      {R"({"shape": [3, 32]})", "channels, height, width"},
      {R"({"shape": [2, 32, 32]})", "2 channels"},
      {R"({"shape": [3, 0, 32]})", "16384"},
      {R"({"shape": [3, 32, 16385]})", "16384"},
      {R"({"shape": [3, 32, 32.5]})", "three integers"},
      {R"({"shape": "big"})", "not an array"},
      {R"({"shape": [3, 32, 32], "std": 0})", "'std' is not positive"},
      {R"({"shape": [3, 32, 32], "std": [1, -1, 1]})", "'std' is not positive"},
      {R"({"shape": [3, 32, 32], "mean": [1, 2]})", "2 values for 3 channels"},
      {R"({"shape": [3, 32, 32], "mean": "x"})", "numbers"},
      {R"({"shape": [3, 32, 32], "mean": []})", "empty"},
      {R"({"shape": [3, 32, 32], "color": "CMYK"})", "RGB, BGR, GRAY"},
      {R"({"shape": [1, 32, 32], "color": "RGB"})", "does not fit"},
      {R"({"shape": [3, 32, 32], "color": 3})", "not a string"},
      {R"({"shape": [3, 32, 32], "resize": "fit"})", "shorter_side, warp, none"},
      {R"({"shape": [3, 32, 32], "resize": "warp", "resize_short": 256})", "contradicts"},
      {R"({"shape": [3, 32, 32], "resize": "none", "crop": "center"})", "contradicts"},
      {R"({"shape": [3, 32, 32], "crop": "random"})", "center"},
      {R"({"shape": [3, 32, 32], "resize_short": 0})", "positive"},
      {R"({"shape": [3, 32, 32], "resize_short": 20000})", "16384"},
      {R"({"shape": [3, 32, 32], "interpolation": "magic"})", "bilinear"},
      {R"({"shape": [3, 32, 32], "resize": "letterbox", "resize_short": 256})", "contradicts"},
      {R"({"shape": [3, 32, 32], "resize": "letterbox", "fill": 256})", "0 to 255"},
      {R"({"shape": [3, 32, 32], "resize": "letterbox", "fill": "gray"})", "not an integer"},
      {R"({"shape": [3, 32, 32], "resize": "warp", "fill": 1})", "letterbox"},
      {R"({"shape": [3, 32, 32], "mean": 1, "mean_image": "m.nd"})", "contradicts"},
      {R"({"shape": [3, 32, 32], "mean_image": 3})", "not a string"},
      {R"({"shape": [3, 32, 32], "input": ""})", "'input' is empty"},
      {R"({"shape": [3, 32, 32], "meen": 3})", "unknown key 'meen'"},
  };
  for (const auto& [json, message] : cases) {
    const auto result = parse_preprocess(json, "p.json");
    ASSERT_FALSE(result) << json;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_config) << json;
    EXPECT_THAT(result.error().where, HasSubstr("p.json")) << json;
    EXPECT_THAT(result.error().message, HasSubstr(message)) << json;
  }
}

TEST(Preprocess, OverridesWin) {
  PreprocessOverrides o;
  o.shape = {{3, 64, 48}};
  o.color = Color::rgb;
  o.mean = {{1}};
  o.std = {{2, 3, 4}};
  o.resize = ResizeMode::warp;
  o.interpolation = Interpolation::cubic;
  o.labels = "other.txt";
  const Preprocess p = merge(parse_preprocess(kFull, "p").value(), o).value();
  EXPECT_EQ(p.height, 64);
  EXPECT_EQ(p.width, 48);
  EXPECT_EQ(p.color, Color::rgb);
  EXPECT_EQ(p.resize, ResizeMode::warp);
  EXPECT_EQ(p.resize_short, 0);
  EXPECT_EQ(p.mean, (std::array<float, 3>{1, 1, 1}));
  EXPECT_EQ(p.std, (std::array<float, 3>{2, 3, 4}));
  EXPECT_EQ(p.labels, "other.txt");
  EXPECT_EQ(p.input, "image");

  PreprocessOverrides side;
  side.resize_short = 300;
  const Preprocess q = merge(p, side).value();
  EXPECT_EQ(q.resize, ResizeMode::shorter_side);
  EXPECT_EQ(q.resize_short, 300);
  PreprocessOverrides gray;
  gray.shape = {{1, 8, 8}};
  EXPECT_EQ(merge(q, gray).value().color, Color::gray);
}

TEST(Preprocess, AMeanAndAMeanImageTakeEachOthersPlace) {
  PreprocessOverrides o;
  o.mean_image = "mean.nd";
  const Preprocess image = merge(parse_preprocess(kFull, "p").value(), o).value();
  EXPECT_EQ(image.mean_image, "mean.nd");
  EXPECT_EQ(image.mean, (std::array<float, 3>{}));
  o = {};
  o.mean = {{5}};
  const Preprocess mean = merge(image, o).value();
  EXPECT_EQ(mean.mean_image, "");
  EXPECT_EQ(mean.mean, (std::array<float, 3>{5, 5, 5}));
}

TEST(Preprocess, OverridesAreChecked) {
  const Preprocess p = parse_preprocess(kFull, "p").value();
  PreprocessOverrides o;
  o.std = {{0}};
  EXPECT_EQ(merge(p, o).error().code, ErrorCode::invalid_config);
  o = {};
  o.shape = {{3, 10}};
  EXPECT_FALSE(merge(p, o));
  o = {};
  o.resize = ResizeMode::warp;
  o.resize_short = 5;
  EXPECT_FALSE(merge(p, o));
  o = {};
  o.mean = {{1, 2, 3, 4}};
  EXPECT_FALSE(merge(p, o));
}

TEST(Preprocess, DamagedTextNeverCrashes) {
  const std::string text = kFull;
  for (std::size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(parse_preprocess(text.substr(0, size), "p"));
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = text;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto result = parse_preprocess(damaged, "p");
    EXPECT_TRUE(!result || merge(*result, {})) << damaged;
  }
}

}  // namespace
}  // namespace octet
