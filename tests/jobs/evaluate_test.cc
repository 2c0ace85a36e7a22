// Accuracy over labelled entries.
#include "octet/jobs/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fstream>  // std::ofstream

#include "jobs/tiny_model.h"
#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/report.h"
#include "support/assets.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Two tiny models on disk and labelled pictures; entry 3 is bad.
class Evaluate : public testing::Test {
 protected:
  void SetUp() override {
    test::write_pictures(folder_.path() / "pictures", 50, {3});
    ASSERT_TRUE(save_model(test::tiny_model(1), folder_.path() / "one"));
    ASSERT_TRUE(save_model(test::tiny_model(2), folder_.path() / "two"));
  }
  EvaluateOptions options() const {
    EvaluateOptions result;
    result.model = folder_.path() / "one";
    result.stream.source.data = folder_.path() / "list.lst";
    return result;
  }
  // A list whose labels are what model one says, but for every fifth entry.
  void write_agreeing_list() const {
    ScoreOptions scoring;
    scoring.model = folder_.path() / "one";
    scoring.stream.source.data = folder_.path() / "pictures";
    scoring.output = folder_.path() / "scores";
    scoring.format = OutputFormat::csv;
    scoring.top_k = 1;
    const auto summary = score(scoring).value();
    std::ifstream scores(summary.scores);
    std::ofstream list(folder_.path() / "agreeing.lst");
    std::string line;
    std::getline(scores, line);
    for (int i = 0; std::getline(scores, line); ++i) {
      std::vector<std::string> fields;
      std::istringstream row(line);
      for (std::string field; std::getline(row, field, ',');) fields.push_back(field);
      int label = fields.size() > 3 && !fields[3].empty() ? std::stoi(fields[3]) : 0;
      if (i % 5 == 4) label = (label + 1) % test::tiny_classes;
      list << i << '\t' << label << "\tpictures/" << fields[1] << '\n';
    }
  }
  const test::TemporaryFolder folder_;
};

TEST_F(Evaluate, CountsHits) {
  write_agreeing_list();
  EvaluateOptions agreeing = options();
  agreeing.stream.source.data = folder_.path() / "agreeing.lst";
  const auto summary = evaluate(agreeing).value();
  EXPECT_EQ(summary.stream.n, 50U);
  EXPECT_EQ(summary.stream.failed, 1U);
  EXPECT_EQ(summary.judged, 49U);
  EXPECT_EQ(summary.accuracy.correct1, 39U);  // of 49, entries 4, 9, ..., 49 are mislabelled
  EXPECT_DOUBLE_EQ(summary.accuracy.top1, 100.0 * 39 / 49);
  EXPECT_GE(summary.accuracy.correct5, summary.accuracy.correct1);
  EXPECT_EQ(summary.accuracy.interval95, wilson95(39, 49));
  EXPECT_FALSE(summary.against);
}

TEST_F(Evaluate, ComparesTwoModelsOnTheSamePixels) {
  write_agreeing_list();
  EvaluateOptions both = options();
  both.stream.source.data = folder_.path() / "agreeing.lst";
  both.against = folder_.path() / "one";
  const auto same = evaluate(both).value();
  ASSERT_TRUE(same.against);
  EXPECT_DOUBLE_EQ(same.against->agreement, 100);
  EXPECT_DOUBLE_EQ(same.against->drop, 0);
  EXPECT_EQ(same.against->accuracy.correct5, same.accuracy.correct5);
  both.model = folder_.path() / "two";
  const auto other = evaluate(both).value();
  EXPECT_EQ(other.against->accuracy.correct1, 39U);
  EXPECT_LT(other.against->agreement, 100);
  EXPECT_DOUBLE_EQ(other.against->drop, other.against->accuracy.top1 - other.accuracy.top1);
  const PairedCounts& correct = other.against->correct;
  EXPECT_EQ(correct.n(), 49U);
  EXPECT_EQ(correct.both + correct.only_first, other.accuracy.correct1);
  EXPECT_EQ(correct.both + correct.only_second, 39U);
  EXPECT_EQ(other.against->drop_interval95, paired_difference95(correct));
  EXPECT_EQ(other.against->mcnemar_p, mcnemar_exact(correct.only_first, correct.only_second));
  EXPECT_EQ(other.against->agreement_interval95, wilson95(other.against->agreeing, 49));
}

TEST_F(Evaluate, NamesTheClassThatLostMost) {
  write_agreeing_list();
  EvaluateOptions both = options();
  both.stream.source.data = folder_.path() / "agreeing.lst";
  both.model = folder_.path() / "two";
  both.against = folder_.path() / "one";
  const auto summary = evaluate(both).value();
  std::uint64_t n = 0;
  double mean = 0;
  std::optional<ClassDrop> worst;
  for (const ClassHits& hits : summary.classes) {
    n += hits.n;
    const double drop = 100 * (static_cast<double>(hits.correct1[1]) - static_cast<double>(hits.correct1[0])) /
                        static_cast<double>(hits.n);
    mean += drop / static_cast<double>(summary.classes.size());
    if (!worst || drop > worst->drop + 1e-9) worst = ClassDrop{hits.id, hits.label, hits.n, drop};
  }
  EXPECT_EQ(n, 49U);
  EXPECT_NEAR(summary.against->mean_class_drop, mean, 1e-9);
  ASSERT_TRUE(worst && summary.against->worst_class);
  EXPECT_GT(worst->drop, 0);
  EXPECT_NEAR(summary.against->worst_class->drop, worst->drop, 1e-9);
  const std::string json = to_json(summary);
  for (const char* field : {"\"agreement_interval95\":[", "\"drop_interval95\":[", "\"mcnemar_p\":",
                            "\"worst_class\":{", "\"mean_class_drop\":", "\"only_second\":", "\"classes\":[{\"id\":"}) {
    EXPECT_THAT(json, HasSubstr(field));
  }
}

TEST_F(Evaluate, ComparesWithoutLabels) {
  EvaluateOptions both = options();
  both.stream.source.data = folder_.path() / "pictures";
  both.against = folder_.path() / "one";
  const auto same = evaluate(both).value();
  EXPECT_FALSE(same.labelled);
  EXPECT_EQ(same.judged, 49U);
  EXPECT_DOUBLE_EQ(same.against->agreement, 100);
  EXPECT_TRUE(same.classes.empty());
  const std::string json = to_json(same);
  EXPECT_THAT(json, HasSubstr("\"agreement\":100.0"));
  for (const char* absent : {"top1", "drop", "mcnemar"}) EXPECT_THAT(json, testing::Not(HasSubstr(absent)));
  // Without a class folder of its own, the first picture has no label.
  fs::create_directories(folder_.path() / "mixed" / "cats");
  fs::copy(folder_.path() / "pictures" / "0000.jpg", folder_.path() / "mixed" / "a.jpg");
  fs::copy(folder_.path() / "pictures" / "0001.jpg", folder_.path() / "mixed" / "cats" / "b.jpg");
  both.stream.source.data = folder_.path() / "mixed";
  both.stream.source.folder_labels = true;
  const auto mixed = evaluate(both);
  ASSERT_FALSE(mixed);
  EXPECT_THAT(to_string(mixed.error()), HasSubstr("cats/b.jpg: has a label where the first entry has none"));
}

TEST_F(Evaluate, JudgesOnlyWhatIsWanted) {
  write_agreeing_list();
  EvaluateOptions some = options();
  some.stream.source.data = folder_.path() / "agreeing.lst";
  some.skip_stride = 2;  // leaves the odd ones
  some.wanted = [](std::uint64_t index) { return index < 9; };
  EXPECT_EQ(evaluate(some).value().stream.n, 4U);
}

TEST_F(Evaluate, LeavesOutEveryNth) {
  EvaluateOptions some = options();
  some.skip_stride = 10;
  some.skip_offset = 3;
  const auto summary = evaluate(some).value();
  EXPECT_EQ(summary.stream.n, 45U);
  EXPECT_EQ(summary.stream.failed, 0U);  // the bad one is left out
  some.skip_offset = 10;
  EXPECT_EQ(evaluate(some).error().code, ErrorCode::usage);
}

TEST_F(Evaluate, NeedsLabelsThatFit) {
  EvaluateOptions unlabelled = options();
  unlabelled.stream.source.data = folder_.path() / "pictures";
  const auto without = evaluate(unlabelled);
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::usage);
  EXPECT_THAT(without.error().message, HasSubstr("label"));
  std::ofstream(folder_.path() / "outside.lst") << "0\t10\tpictures/0000.jpg\n";
  EvaluateOptions outside = options();
  outside.stream.source.data = folder_.path() / "outside.lst";
  EXPECT_THAT(to_string(evaluate(outside).error()), HasSubstr("label 10 is outside the 10 classes"));
  std::ofstream(folder_.path() / "bad.lst") << "0\t1\tpictures/0003.jpg\n";
  outside.stream.source.data = folder_.path() / "bad.lst";
  EXPECT_EQ(evaluate(outside).error().code, ErrorCode::not_found);
}

TEST_F(Evaluate, RefusesModelsThatSeeOtherPixels) {
  Model other = test::tiny_model(2);
  other.preprocess.resize_short = 30;
  ASSERT_TRUE(save_model(other, folder_.path() / "other"));
  EvaluateOptions both = options();
  both.against = folder_.path() / "other";
  const auto refused = evaluate(both);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::usage);
}

TEST(EvaluateAssets, AccuraciesAreTheReferencesWithinOneImage) {
  OCTET_REQUIRE_ASSETS();
  EvaluateOptions options;
  options.model = test::assets() / "models" / "cifar_resnet20" / "cifar_resnet20";
  options.stream.source.data = test::assets() / "images" / "cifar_test1000" / "labels.lst";
  const auto summary = evaluate(options);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(summary->stream.n, 1000U);
  EXPECT_NEAR(static_cast<double>(summary->accuracy.correct1), 804, 1);
  EXPECT_NEAR(static_cast<double>(summary->accuracy.correct5), 990, 1);
}

TEST(EvaluateAssets, Int8KeepsTheAccuracyOfCifarResnet20) {
  OCTET_REQUIRE_ASSETS();
  const test::TemporaryFolder folder;
  CalibrateOptions calibration;
  calibration.model = test::assets() / "models" / "cifar_resnet20" / "cifar_resnet20";
  calibration.source.data = test::assets() / "images" / "cifar_test1000" / "labels.lst";
  calibration.stride = 10;
  calibration.output = folder.path() / "int8";
  const auto calibrated = calibrate_model(calibration);
  ASSERT_TRUE(calibrated) << to_string(calibrated.error());
  EXPECT_EQ(calibrated->images, 100U);
  EvaluateOptions options;
  options.model = calibration.output;
  options.against = calibration.model;
  options.stream.source = calibration.source;
  options.skip_stride = 10;
  const auto summary = evaluate(options);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(summary->judged, 900U);
  EXPECT_GE(summary->against->agreement, 97.0);  // what MXNet's own INT8 reaches
  EXPECT_LE(summary->against->drop, 1.0);
}

}  // namespace
}  // namespace octet
