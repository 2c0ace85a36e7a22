// Records as text and files that appear complete or not at all.
#include "octet/jobs/writers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>    // std::nanf
#include <fstream>  // std::ofstream
#include <limits>   // std::numeric_limits
#include <nlohmann/json.hpp>

#include "octet/jobs/report/record_line.h"
#include "octet/jobs/writers/utf8.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::vector<std::string> labels = {"cat", "dog, \"big\"", ""};

Record scored(std::vector<Prediction> predictions) {
  Record record;
  record.index = 17;
  record.key = "a/b.jpg";
  Outcome outcome;
  outcome.predictions = std::move(predictions);
  record.outcomes = std::vector<Outcome>{outcome};
  return record;
}

std::string text(OutputFormat format, const Record& record) {
  std::string line;
  append_record(format, record, labels, line);
  return line;
}

TEST(Writers, JsonLineOfPredictions) {
  const float third = 1.0F / 3;
  const std::string line = text(OutputFormat::jsonl, scored({{0, third}, {2, 1e-30F}, {7, -2}}));
  EXPECT_EQ(line.back(), '\n');
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const Json json = Json::parse(line);
  EXPECT_EQ(json["index"], 17);
  EXPECT_EQ(json["key"], "a/b.jpg");
  ASSERT_EQ(json["predictions"].size(), 3U);
  EXPECT_EQ(json["predictions"][0]["label"], "cat");
  EXPECT_EQ(json["predictions"][0]["score"].get<float>(), third);  // to the last bit
  EXPECT_EQ(json["predictions"][1]["score"].get<float>(), 1e-30F);
  EXPECT_FALSE(json["predictions"][1].contains("label"));  // the name is empty
  EXPECT_FALSE(json["predictions"][2].contains("label"));  // there is no such name
  EXPECT_FALSE(json.contains("error"));
  EXPECT_FALSE(json.contains("detections"));
}

TEST(Writers, JsonLineOfDetections) {
  Record record = scored({});
  record.outcomes->front().detection = true;
  EXPECT_EQ(Json::parse(text(OutputFormat::jsonl, record))["detections"], Json::array());
  record.outcomes->front().detections = {{1, 0.5F, 1.25F, 2, 300, 400}};
  const Json json = Json::parse(text(OutputFormat::jsonl, record));
  EXPECT_EQ(json["detections"][0]["box"], Json({1.25, 2, 300, 400}));
  EXPECT_EQ(json["detections"][0]["label"], labels[1]);
  EXPECT_FALSE(json.contains("predictions"));
}

TEST(Writers, JsonLineOfFeatures) {
  Record record = scored({});
  record.outcomes->front().features = true;
  record.outcomes->front().outputs = {0.5F, std::nanf(""), -2, 1e-30F};
  const std::vector<OutputLayout> outputs = {{"a \"b\"", {3, 1}, 3}, {"c", {1}, 1}};
  std::string line;
  append_record(OutputFormat::jsonl, record, labels, line, outputs);
  EXPECT_EQ(line, "{\"index\":17,\"key\":\"a/b.jpg\",\"features\":{\"a \\\"b\\\"\":[0.5,null,-2],\"c\":[1e-30]}}\n");
  const auto back = parse_record_line(line);
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->outcome.features);
  EXPECT_EQ(back->outcome.outputs.size(), 4U);
  EXPECT_EQ(back->outcome.outputs[3], 1e-30F);
  const std::string key = R"({"index":1,"key":"k",)";
  for (const char* wrong : {R"("features":{}})", R"("features":[1]})", R"("features":{"a":1}})",
                            R"("features":{"a":["1"]}})", R"("features":{"a":[1]},"predictions":[]})"}) {
    EXPECT_FALSE(parse_record_line(key + wrong)) << wrong;
  }
}

TEST(Writers, JsonLineOfAnError) {
  Record record = scored({});
  record.outcomes = Error{ErrorCode::bad_image, "x\xff.jpg", "cut \"short\"\n"};
  const Json json = Json::parse(text(OutputFormat::jsonl, record));
  EXPECT_EQ(json["error"]["code"], "bad_image");
  EXPECT_EQ(json["error"]["message"], "x\xEF\xBF\xBD.jpg: cut \"short\"\n");
  EXPECT_FALSE(json.contains("predictions"));
}

TEST(Writers, NumbersThatJsonCannotHoldAreNull) {
  const float infinite = std::numeric_limits<float>::infinity();
  const Json json = Json::parse(text(OutputFormat::jsonl, scored({{0, infinite}, {1, std::nanf("")}})));
  EXPECT_TRUE(json["predictions"][0]["score"].is_null());
  EXPECT_TRUE(json["predictions"][1]["score"].is_null());
}

TEST(Writers, EveryKeyBecomesValidJson) {
  for (int first = 0; first < 256; ++first) {
    for (const int second : {0x00, 0x41, 0x80, 0xBF, 0xC2, 0xED, 0xF4, 0xFF}) {
      Record record = scored({{0, 1}});
      record.key = {static_cast<char>(first), static_cast<char>(second), 'x'};
      const Json json = Json::parse(text(OutputFormat::jsonl, record), nullptr, false);
      ASSERT_FALSE(json.is_discarded()) << first << ' ' << second;
      ASSERT_EQ(json["key"].get<std::string>().back(), 'x');
    }
  }
  Record record = scored({{0, 1}});
  record.key = "na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x98\x80 \"\\\x01\x7F";  // valid: kept as it is
  EXPECT_EQ(Json::parse(text(OutputFormat::jsonl, record))["key"], record.key);
}

TEST(Writers, Utf8SequencesFollowTheTable) {
  EXPECT_EQ(utf8_sequence("a"), 1U);
  EXPECT_EQ(utf8_sequence("\xC2\x80"), 2U);
  EXPECT_EQ(utf8_sequence("\xED\x9F\xBF"), 3U);
  EXPECT_EQ(utf8_sequence("\xF4\x8F\xBF\xBF"), 4U);
  EXPECT_EQ(utf8_sequence("\xC0\x80"), 0U);          // overlong
  EXPECT_EQ(utf8_sequence("\xE0\x9F\xBF"), 0U);      // overlong
  EXPECT_EQ(utf8_sequence("\xED\xA0\x80"), 0U);      // surrogate
  EXPECT_EQ(utf8_sequence("\xF4\x90\x80\x80"), 0U);  // above U+10FFFF
  EXPECT_EQ(utf8_sequence("\xE2\x82"), 0U);          // cut
  EXPECT_EQ(utf8_sequence("\xE2\x82!"), 0U);
  EXPECT_EQ(utf8_sequence("\x80"), 0U);
  EXPECT_EQ(utf8_sequence(""), 0U);
}

TEST(Writers, CsvHasOneLineForEachClassAndOneForAnError) {
  EXPECT_EQ(header_text(OutputFormat::csv), "index,key,rank,id,label,score,xmin,ymin,xmax,ymax,error\n");
  Record record = scored({{1, 0.5F}, {0, 0.25F}});
  record.key = "a,b";
  EXPECT_EQ(text(OutputFormat::csv, record),
            "17,\"a,b\",1,1,\"dog, \"\"big\"\"\",0.5,,,,,\n17,\"a,b\",2,0,cat,0.25,,,,,\n");
  record.outcomes = Error{ErrorCode::bad_image, "", "no, never"};
  EXPECT_EQ(text(OutputFormat::csv, record), "17,\"a,b\",,,,,,,,,\"no, never\"\n");
  Record empty = scored({});
  empty.outcomes->front().detection = true;
  EXPECT_EQ(text(OutputFormat::csv, empty), "17,a/b.jpg,,,,,,,,,\n");
  empty.outcomes->front().detections = {{0, 1, 1, 2, 3, 4}};
  EXPECT_EQ(text(OutputFormat::csv, empty), "17,a/b.jpg,1,0,cat,1,1,2,3,4,\n");
}

}  // namespace
}  // namespace octet
