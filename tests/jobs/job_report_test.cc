// The page about a scored job and the figures in it.
#include "octet/jobs/job_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fstream>

#include "jobs/tiny_model.h"
#include "octet/jobs/report/job_figures.h"
#include "octet/jobs/score.h"

namespace octet {
namespace {

using testing::HasSubstr;
using testing::Not;

class JobReport : public testing::Test {
 protected:
  std::filesystem::path records(const std::string& text) const {
    std::ofstream(folder_.path() / "scores.jsonl") << text;
    return folder_.path();
  }
  const test::TemporaryFolder folder_;
};

std::string classified(int index, int id, const std::string& score) {
  return R"({"index":)" + std::to_string(index) + R"(,"key":"k)" + std::to_string(index) +
         R"(","predictions":[{"id":)" + std::to_string(id) + R"(,"label":"cat & <dog>","score":)" + score +
         R"(},{"id":9,"score":0.01}]})" + "\n";
}

TEST_F(JobReport, FiguresOfAClassification) {
  const auto folder = records(classified(0, 3, "0.96") + classified(1, 3, "1") + classified(2, 4, "0.049") +
                              R"({"index":3,"key":"bad","error":{"code":"bad_image","message":"cut off"}})" + "\n" +
                              classified(4, 4, "null"));
  const JobFigures figures = read_job_figures(folder, 8).value();
  EXPECT_EQ(figures.n, 5U);
  EXPECT_EQ(figures.failed, 1U);
  EXPECT_EQ(figures.errors.at("bad_image"), 1U);
  EXPECT_FALSE(figures.detection);
  EXPECT_EQ(figures.classes.size(), 2U) << "only the best class counts";
  EXPECT_EQ(figures.classes.at(3).count, 2U);
  EXPECT_EQ(figures.classes.at(4).count, 2U);
  EXPECT_EQ(figures.best_scores[0], 1U);
  EXPECT_EQ(figures.best_scores[19], 2U) << "1 belongs to the last bin";
  EXPECT_EQ(figures.other_scores, 1U) << "null is no score";
  ASSERT_EQ(figures.failures.size(), 1U);
  EXPECT_EQ(figures.failures[0].key, "bad");
  EXPECT_EQ(figures.samples.size(), 4U) << "failed entries are no samples";
}

TEST_F(JobReport, FiguresOfADetection) {
  const auto folder = records(
      R"({"index":0,"key":"a","detections":[{"id":1,"label":"x","score":0.5,"box":[1,2,3,4]},{"id":2,"score":0.25,"box":[0,0,null,9]}]})"
      "\n"
      R"({"index":1,"key":"b","detections":[]})"
      "\n");
  const JobFigures figures = read_job_figures(folder, 8).value();
  EXPECT_TRUE(figures.detection);
  EXPECT_EQ(figures.boxes, 2U);
  EXPECT_EQ(figures.without_boxes, 1U);
  EXPECT_EQ(figures.best_scores[10], 1U);
  EXPECT_EQ(figures.best_scores[5], 1U);
  EXPECT_EQ(figures.samples[0].outcome.detections[0].ymax, 4);
}

TEST_F(JobReport, SamplesLieEvenlyWhateverTheNumberOfRecords) {
  for (const int n : {1, 7, 8, 9, 31, 100, 1000}) {
    std::string text;
    for (int i = 0; i < n; ++i) text += classified(i, 1, "0.5");
    const auto samples = read_job_figures(records(text), 8).value().samples;
    ASSERT_EQ(samples.size(), static_cast<std::size_t>(std::min(n, 8)));
    EXPECT_EQ(samples.front().index, 0U);
    const double step = n / 8.0;
    for (std::size_t i = 1; i < samples.size() && n > 8; ++i) {
      const auto gap = static_cast<double>(samples[i].index - samples[i - 1].index);
      EXPECT_GE(gap, step / 2 - 1) << n;
      EXPECT_LE(gap, step * 2 + 1) << n;
    }
  }
  EXPECT_TRUE(read_job_figures(folder_.path(), 0).value().samples.empty());
}

TEST_F(JobReport, WhatIsNoRecordIsNamed) {
  for (const char* line :
       {"{", "[]", "3", "{\"index\":1}", R"({"index":-1,"key":"a","predictions":[]})",
        R"({"index":1,"key":2,"predictions":[]})", R"({"index":1,"key":"a"})",
        R"({"index":1,"key":"a","predictions":{}})", R"({"index":1,"key":"a","predictions":[{"id":"x","score":1}]})",
        R"({"index":1,"key":"a","predictions":[{"id":1}]})",
        R"({"index":1,"key":"a","detections":[{"id":1,"score":1,"box":[1,2,3]}]})",
        R"({"index":1,"key":"a","error":{}})"}) {
    const auto refused = read_job_figures(records(classified(0, 1, "0.5") + line + "\n"), 8);
    ASSERT_FALSE(refused) << line;
    EXPECT_EQ(refused.error().code, ErrorCode::bad_record);
    EXPECT_THAT(refused.error().where, HasSubstr("scores.jsonl:2"));
  }
  EXPECT_EQ(read_job_figures(folder_.path() / "absent", 8).error().code, ErrorCode::not_found);
}

TEST_F(JobReport, ThePageOfARealJobShowsItsPictures) {
  test::write_pictures(folder_.path() / "pictures", 30, {5});
  ScoreOptions job;
  job.scorer = test::tiny_scorer();
  job.stream.source.data = folder_.path() / "pictures.rec";
  job.output = folder_.path() / "job";
  ASSERT_TRUE(score(job));
  JobReportOptions options;
  options.output = job.output;
  options.source = job.stream.source;
  options.pictures = 6;
  const auto summary = write_job_report(options).value();
  EXPECT_EQ(summary.n, 30U);
  EXPECT_EQ(summary.failed, 1U);
  EXPECT_EQ(summary.pictures, 6U);
  const std::string page = test::read_text(summary.page);
  std::size_t shown = 0;
  for (auto at = page.find("data:image/jpeg;base64,/9j/"); at != std::string::npos;
       at = page.find("data:image", at + 1))
    ++shown;
  EXPECT_EQ(shown, 6U);
  for (const char* part : {"<h1>job</h1>", "tiny (FP32)", "pictures.rec", "images/s", "Throughput",
                           "Scores of the best class", "Classes", "Entries that failed"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  EXPECT_THAT(page, Not(HasSubstr("<script"))) << "and nothing from elsewhere";
  EXPECT_THAT(page, Not(HasSubstr("http")));

  options.source->data = folder_.path() / "pictures";  // its keys are paths, the record file's are numbers
  EXPECT_EQ(write_job_report(options).error().code, ErrorCode::usage);
  options.pictures = 201;
  EXPECT_EQ(write_job_report(options).error().code, ErrorCode::usage);
}

TEST_F(JobReport, NamesFromRecordsAreEscaped) {
  JobReportOptions options;
  options.output =
      records(classified(0, 3, "0.96") +
              R"({"index":1,"key":"<script>alert(1)</script>","error":{"code":"bad_image","message":"\"&'"}})" + "\n");
  const std::string page = test::read_text(write_job_report(options).value().page);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<dog>")));
  EXPECT_THAT(page, HasSubstr("cat &amp; &lt;dog&gt;"));
  EXPECT_THAT(page, HasSubstr("&quot;&amp;&#39;"));
}

}  // namespace
}  // namespace octet
