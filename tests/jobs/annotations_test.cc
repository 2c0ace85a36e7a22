// Labels of objects: MXNet's packed form, COCO JSON, Pascal VOC XML, and broken ones of each.
#include "octet/jobs/annotations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>    // std::nanf
#include <fstream>  // std::ofstream

#include "jobs/tiny_model.h"
#include "octet/loader/source.h"
#include "support/assets.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Labels = std::vector<std::string>;

TEST(PackedLabel, ReadsObjects) {
  const auto truth = parse_packed_label(std::vector<float>{2, 5, 3, 0.1F, 0.2F, 0.3F, 0.4F, 0, 0, 0, 1, 1}).value();
  EXPECT_EQ(truth.width, 1);
  EXPECT_EQ(truth.height, 1);
  ASSERT_EQ(truth.boxes.size(), 2U);
  EXPECT_EQ(truth.boxes[0].id, 3);
  EXPECT_FLOAT_EQ(static_cast<float>(truth.boxes[0].ymax), 0.4F);
  EXPECT_FALSE(truth.boxes[0].difficult);
  EXPECT_EQ(truth.boxes[1].xmax, 1);
}

TEST(PackedLabel, ReadsHeadersWideObjectsAndDifficulty) {
  // Two further header values; objects of seven values, of which the sixth says difficult.
  const auto truth =
      parse_packed_label(std::vector<float>{4, 7, 300, 200, 1, 0, 0, 1, 1, 1, 9, 2, 0, 0, 1, 1, 0, 9}).value();
  ASSERT_EQ(truth.boxes.size(), 2U);
  EXPECT_TRUE(truth.boxes[0].difficult);
  EXPECT_FALSE(truth.boxes[1].difficult);
  EXPECT_EQ(truth.boxes[1].id, 2);
}

TEST(PackedLabel, LeavesOutPaddingAndObjectsWithoutExtent) {
  EXPECT_TRUE(parse_packed_label(std::vector<float>{2, 5, -1, 0, 0, 1, 1, 0, 0.5F, 0, 0.5F, 1, 0, 0, 1, 1, 0.5F})
                  .value()
                  .boxes.empty());
  EXPECT_TRUE(parse_packed_label(std::vector<float>{2, 5}).value().boxes.empty());
}

TEST(PackedLabel, RefusesWhatIsNone) {
  const float nan = std::nanf("");
  const std::vector<std::vector<float>> broken = {
      {},
      {3},
      {1, 5},
      {2, 4, 0, 0, 0, 1},
      {2.5F, 5},
      {nan, nan},
      {2, 5, 0, 0, 0, 1},
      {2, 5, 0, 0, 0, 1, 1, 0},
      {9, 5, 0, 0, 0, 1, 1},
      {2, 5, 0.5F, 0, 0, 1, 1},
      {2, 5, nan, 0, 0, 1, 1},
      {2, 5, 0, nan, 0, 1, 1},
      {2, 5, 1e30F, 0, 0, 1, 1},
      {1e30F, 1e30F, 0},
      {2, 5, 0, 0, 0, std::numeric_limits<float>::infinity(), 1},
  };
  for (const auto& label : broken) {
    const auto truth = parse_packed_label(label);
    ASSERT_FALSE(truth) << testing::PrintToString(label);
    EXPECT_EQ(truth.error().code, ErrorCode::usage);
  }
}

TEST(TruthInPixels, ScalesCornersAndAreas) {
  ImageTruth truth;
  truth.width = 100;
  truth.height = 50;
  TruthBox box;
  box.xmin = 10;
  box.ymin = 10;
  box.xmax = 20;
  box.ymax = 20;
  truth.boxes = {box, box};
  truth.boxes[1].area = 80;
  const auto boxes = truth_in_pixels(truth, 200, 50);
  EXPECT_EQ(boxes[0].xmin, 20);
  EXPECT_EQ(boxes[0].ymax, 20);
  EXPECT_EQ(boxes[0].area, 200);
  EXPECT_EQ(boxes[1].area, 160);
  truth.width = truth.height = 0;
  EXPECT_EQ(truth_in_pixels(truth, 200, 50)[0].xmin, 10);
}

class AnnotationFiles : public testing::Test {
 protected:
  Result<Annotations> coco(const std::string& text, const Labels& labels = {}) const {
    std::ofstream(folder_.path() / "a.json") << text;
    return Annotations::load(folder_.path() / "a.json", labels);
  }
  void expect_bad_coco(const std::string& text, const std::string& message) const {
    const auto loaded = coco(text);
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().code, ErrorCode::invalid_config) << to_string(loaded.error());
    EXPECT_THAT(to_string(loaded.error()), HasSubstr(message));
    EXPECT_THAT(to_string(loaded.error()), HasSubstr("a.json"));
  }
  void write_xml(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
  }
  Result<Annotations> voc(const Labels& labels = {"cat", "dog"}) const {
    return Annotations::load(folder_.path(), labels);
  }
  const test::TemporaryFolder folder_;
};

// COCO with `annotations` as its list.
std::string coco_text(const std::string& annotations) {
  return R"({"info":{"images":[1]},"images":[{"id":7,"file_name":"x/a.jpg","width":100,"height":50},
    {"id":9,"file_name":"y/b.jpg","width":10,"height":10}],"annotations":[)" +
         annotations + R"(],"categories":[{"id":18,"name":"dog"},{"id":17,"name":"cat"}]})";
}

TEST_F(AnnotationFiles, CocoObjects) {
  const auto annotations = coco(coco_text(
      R"({"id":1,"image_id":7,"category_id":18,"bbox":[10,20,30,5.5],"area":77.5,"iscrowd":1,
          "segmentation":{"counts":[1,2,{"bbox":[9]}],"size":[3,4]}},
         {"image_id":7,"category_id":17,"bbox":[0,0,1,1],"segmentation":[[1,2,3,4]]})"));
  ASSERT_TRUE(annotations) << to_string(annotations.error());
  EXPECT_EQ(annotations->pictures(), 2U);
  const ImageTruth& truth = *annotations->find("x/a.jpg");
  EXPECT_EQ(truth.id, 7);
  EXPECT_EQ(truth.width, 100);
  ASSERT_EQ(truth.boxes.size(), 2U);
  EXPECT_EQ(truth.boxes[0].id, 1);  // without labels: by ascending category
  EXPECT_EQ(truth.boxes[0].xmax, 40);
  EXPECT_EQ(truth.boxes[0].ymax, 25.5);
  EXPECT_EQ(truth.boxes[0].area, 77.5);
  EXPECT_TRUE(truth.boxes[0].crowd);
  EXPECT_FALSE(truth.boxes[1].crowd);
  EXPECT_EQ(truth.boxes[1].id, 0);
  EXPECT_TRUE(annotations->find("y/b.jpg")->boxes.empty());
  EXPECT_EQ(annotations->category(0), 17);
  EXPECT_EQ(annotations->category(1), 18);
  EXPECT_FALSE(annotations->category(2));
}

TEST_F(AnnotationFiles, CocoCategoriesBecomeClassesByName) {
  const std::string object = R"({"image_id":7,"category_id":18,"bbox":[0,0,1,1]})";
  EXPECT_EQ(coco(coco_text(object), {"bird", "dog", "cow", "cat"})->find("a.jpg")->boxes[0].id, 1);
  EXPECT_EQ(coco(coco_text(object), {"bird", "dog", "cow", "cat"})->category(3), 17);
  EXPECT_FALSE(coco(coco_text(object), {"bird", "dog"})->category(0));  // cat has no class and no objects
  EXPECT_EQ(coco(coco_text(object), {"Katze", "Hund"})->find("a.jpg")->boxes[0].id, 1);  // by order
  const auto missing = coco(coco_text(object), {"cat", "bird"});
  ASSERT_FALSE(missing);
  EXPECT_THAT(to_string(missing.error()), HasSubstr("'dog' is none of the model's labels"));
  EXPECT_FALSE(coco(coco_text(object), {"Katze"}));
}

TEST_F(AnnotationFiles, PicturesAreFoundByWholeNameElseByItsEnd) {
  const auto annotations = coco(R"({"annotations":[],"categories":[],"images":[
    {"id":1,"file_name":"a/1.jpg","width":1,"height":1},{"id":2,"file_name":"b/1.jpg","width":1,"height":1},
    {"id":3,"file_name":"b/3.jpg","width":1,"height":1}]})")
                               .value();
  EXPECT_EQ(annotations.find("a/1.jpg")->id, 1);
  EXPECT_EQ(annotations.find("b/1.jpg")->id, 2);
  EXPECT_EQ(annotations.find("1.jpg"), nullptr);  // two end so
  EXPECT_EQ(annotations.find("3.jpg")->id, 3);
  EXPECT_EQ(annotations.find("deep/below/3.jpg")->id, 3);
  EXPECT_EQ(annotations.find("3.png"), nullptr);
  EXPECT_EQ(annotations.find(""), nullptr);
}

TEST_F(AnnotationFiles, BrokenCocoIsNamed) {
  expect_bad_coco("", "not valid JSON");
  expect_bad_coco("{\"images\":[", "not valid JSON");
  expect_bad_coco("[]", "is a list");
  expect_bad_coco("7", "no images or no annotations");
  expect_bad_coco("{}", "no images or no annotations");
  expect_bad_coco(R"({"images":[],"categories":[]})", "no images or no annotations");
  expect_bad_coco(R"({"images":[5],"annotations":[]})", "images[0]: is no object");
  expect_bad_coco(R"({"images":[[]],"annotations":[]})", "images[0]: is no object");
  expect_bad_coco(R"({"images":[null],"annotations":[]})", "images[0]: is no object");
  expect_bad_coco(R"({"images":["x"],"annotations":[]})", "images[0]: is no object");
  expect_bad_coco(R"({"images":[{"file_name":"a","width":1,"height":1}],"annotations":[]})", "images[0]: has no whole");
  expect_bad_coco(R"({"images":[{"id":"1","file_name":"a","width":1,"height":1}],"annotations":[]})", "as id");
  expect_bad_coco(R"({"images":[{"id":1,"width":1,"height":1}],"annotations":[]})", "no file_name");
  expect_bad_coco(R"({"images":[{"id":1,"file_name":"a","width":0,"height":1}],"annotations":[]})", "width and height");
  expect_bad_coco(R"({"images":[{"id":1,"file_name":"a","width":1,"height":1},{"id":1,"file_name":"b","width":1,
    "height":1}],"annotations":[]})",
                  "image id 1 occurs twice");
  expect_bad_coco(R"({"images":[{"id":1,"file_name":"a","width":1,"height":1},{"id":2,"file_name":"a","width":1,
    "height":1}],"annotations":[]})",
                  "the file_name a occurs twice");
  expect_bad_coco(coco_text(R"({"image_id":8,"category_id":17,"bbox":[0,0,1,1]})"), "unknown image_id 8");
  expect_bad_coco(coco_text(R"({"image_id":7,"category_id":1,"bbox":[0,0,1,1]})"), "unknown category_id 1");
  expect_bad_coco(coco_text(R"({"category_id":17,"bbox":[0,0,1,1]})"), "annotations[0]: has no whole number");
  expect_bad_coco(coco_text(R"({"image_id":7,"bbox":[0,0,1,1]})"), "category_id");
  expect_bad_coco(coco_text(R"({"image_id":7,"category_id":17,"bbox":[0,0,1]})"), "four numbers");
  expect_bad_coco(coco_text(R"({"image_id":7,"category_id":17,"bbox":[0,0,1,1,1]})"), "more than four");
  expect_bad_coco(coco_text(R"({"image_id":7,"category_id":17,"bbox":{"a":1}})"), "bbox is no list");
  expect_bad_coco(coco_text(R"({"image_id":7,"category_id":17,"bbox":[0,0,-1,1]})"), "negative side");
  expect_bad_coco(coco_text(R"({"image_id":7,"category_id":17,"bbox":[0,0,1e300,1]})"), "too large");
  expect_bad_coco(coco_text(R"({"image_id":7,"category_id":17,"bbox":[0,0,1,1],"area":-1})"), "negative area");
  expect_bad_coco(R"({"images":[],"annotations":[],"categories":[{"id":1,"name":"a"},{"id":1,"name":"b"}]})",
                  "category id 1 occurs twice");
  expect_bad_coco(R"({"images":[],"annotations":[],"categories":[{"id":1}]})", "categories[0]: has no name");
}

TEST_F(AnnotationFiles, HostileCocoEndsAtALimit) {
  const auto deep = coco("{\"x\":" + std::string(100'000, '['));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, ErrorCode::limit);
  const auto name = coco(R"({"images":[{"id":1,"file_name":")" + std::string(10'000, 'a') + "\"}]}");
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().code, ErrorCode::limit);
  const std::string whole = coco_text(R"({"image_id":7,"category_id":17,"bbox":[0,0,1,1],"iscrowd":0})");
  for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
    ASSERT_FALSE(coco(whole.substr(0, length))) << length;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {  // any byte replaced: an error or a value, never a crash
    for (const char replacement : {'"', '{', ']', '9', '\xFF', '\0'}) {
      std::string changed = whole;
      changed[at] = replacement;
      static_cast<void>(coco(changed));
    }
  }
}

TEST_F(AnnotationFiles, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(Annotations::load(folder_.path() / "absent.json", {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(voc().error().code, ErrorCode::not_found);  // no XML
}

std::string object_text(const std::string& name, const std::string& box, const std::string& more = "") {
  return "<object><name>" + name + "</name>" + more + "<bndbox>" + box + "</bndbox></object>";
}

const std::string plain_box = "<xmin>1</xmin><ymin>11</ymin><xmax>50.0</xmax><ymax> 30 </ymax>";

TEST_F(AnnotationFiles, VocObjects) {
  write_xml("Annotations/2007_1.xml",
            "<?xml version=\"1.0\"?><annotation><filename>other.jpg</filename><size><width>100</width>"
            "<height>60</height></size>" +
                object_text("dog", plain_box, "<difficult>1</difficult><part><name>head</name></part>") +
                object_text(" cat ", plain_box, "<difficult>0</difficult>") + "</annotation>");
  write_xml("Annotations/deep/2.xml", "<annotation></annotation>");
  write_xml("Segmentation/3.xml", "not read");
  const auto annotations = voc();
  ASSERT_TRUE(annotations) << to_string(annotations.error());
  EXPECT_EQ(annotations->pictures(), 2U);
  const ImageTruth& truth = *annotations->find("JPEGImages/2007_1.jpg");
  EXPECT_EQ(truth.width, 100);
  EXPECT_FALSE(truth.id);
  ASSERT_EQ(truth.boxes.size(), 2U);
  EXPECT_EQ(truth.boxes[0].id, 1);
  EXPECT_TRUE(truth.boxes[0].difficult);
  EXPECT_FALSE(truth.boxes[1].difficult);
  EXPECT_EQ(truth.boxes[0].xmin, 0);  // the first pixel is 1 in the file
  EXPECT_EQ(truth.boxes[0].ymin, 10);
  EXPECT_EQ(truth.boxes[0].xmax, 49);
  EXPECT_EQ(truth.boxes[0].ymax, 29);
  const ImageTruth* const empty = annotations->find("deep/2.png");
  ASSERT_NE(empty, nullptr);
  EXPECT_EQ(empty->width, 0);
  EXPECT_EQ(voc({}).value().find("2007_1")->boxes[0].id, 1);  // sorted names: cat, dog
  EXPECT_THAT(to_string(voc({"cat"}).error()), HasSubstr("2007_1.xml: 'dog' is none of the model's labels"));
}

TEST_F(AnnotationFiles, BrokenVocIsNamed) {
  const auto expect_bad = [&](const std::string& text, const std::string& message, ErrorCode code) {
    write_xml("a.xml", text);
    const auto loaded = voc();
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().code, code) << to_string(loaded.error());
    EXPECT_THAT(to_string(loaded.error()), HasSubstr(message));
    EXPECT_THAT(to_string(loaded.error()), HasSubstr("a.xml"));
  };
  const auto in_file = [](const std::string& objects) { return "<annotation>" + objects + "</annotation>"; };
  const ErrorCode invalid = ErrorCode::invalid_config;
  expect_bad("", "not valid XML", invalid);
  expect_bad("<annotation><object>", "not valid XML", invalid);
  expect_bad("<other/>", "no element 'annotation'", invalid);
  expect_bad(in_file("<object/>"), "no name", invalid);
  expect_bad(in_file(object_text("dog", "")), "no number for xmin", invalid);
  expect_bad(in_file(object_text("dog", "<xmin>1</xmin><ymin>x</ymin>")), "no number for ymin", invalid);
  expect_bad(in_file(object_text("dog", "<xmin>nan</xmin>")), "no number for xmin", invalid);
  expect_bad(in_file(object_text("dog", "<xmin>9</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>")),
             "before it begins", invalid);
  expect_bad(in_file(object_text("dog", plain_box, "<difficult>maybe</difficult>")), "difficult", invalid);
  expect_bad(std::string(2'000'000, ' '), "", ErrorCode::limit);
  expect_bad(in_file(object_text(std::string(5000, 'a'), plain_box)), "too long", ErrorCode::limit);
}

TEST_F(AnnotationFiles, HostileXmlNeitherGrowsNorCrashes) {
  write_xml("a.xml",
            "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY e SYSTEM \"/etc/passwd\">]>"
            "<annotation>" +
                object_text("&b;&e;", plain_box) + "</annotation>");
  const auto loaded = voc();
  ASSERT_FALSE(loaded);  // the entities are plain text and no label
  EXPECT_THAT(to_string(loaded.error()), HasSubstr("'&b;&e;' is none"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  write_xml("a.xml", deep);
  EXPECT_FALSE(voc());
  deep = "<annotation>" + deep;
  for (int i = 0; i < 100'000; ++i) deep += "</a>";
  write_xml("a.xml", deep + "</annotation>");
  EXPECT_TRUE(voc());
}

TEST(AnnotationAssets, PackedLabelsAndJsonSayTheSame) {
  OCTET_REQUIRE_ASSETS();
  std::vector<std::string> labels;
  std::ifstream names(test::assets() / "models" / "ssd_mobilenet_v1_coco" / "labels.txt");
  for (std::string name; std::getline(names, name);) labels.push_back(name);
  const fs::path folder = test::assets() / "images" / "coco_val128";
  const auto annotations = Annotations::load(folder / "annotations.json", labels).value();
  const auto source = Source::open({.data = folder / "labels.lst"}).value();
  std::size_t pictures = 0;
  std::size_t objects = 0;
  while (const auto entry = source->next().value()) {
    const ImageTruth packed = parse_packed_label(entry->labels).value();
    const ImageTruth* const json = annotations.find(entry->key);
    ASSERT_NE(json, nullptr);
    ASSERT_EQ(json->boxes.size(), packed.boxes.size());
    const auto scaled = truth_in_pixels(packed, json->width, json->height);
    for (std::size_t i = 0; i < scaled.size(); ++i) {
      EXPECT_EQ(scaled[i].id, json->boxes[i].id);
      EXPECT_NEAR(scaled[i].xmin, json->boxes[i].xmin, 0.02);
      EXPECT_NEAR(scaled[i].ymax, json->boxes[i].ymax, 0.02);
    }
    ++pictures;
    objects += scaled.size();
  }
  EXPECT_EQ(pictures, 128U);
  EXPECT_EQ(objects, 898U);
  const auto variants = Source::open({.data = test::assets() / "rec" / "special" / "detection_labels_variants.rec"});
  while (const auto entry = (*variants)->next().value()) EXPECT_TRUE(parse_packed_label(entry->labels)) << entry->key;
}

}  // namespace
}  // namespace octet
