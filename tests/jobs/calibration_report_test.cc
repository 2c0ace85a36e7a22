// Reports on calibrations: what they show, and that nothing in them can do harm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "jobs/tiny_detector.h"
#include "jobs/tiny_model.h"
#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/report/calibration_figures.h"
#include "octet/jobs/report/calibration_page.h"
#include "octet/jobs/report/histogram_svg.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::string hostile = "<script>alert(\"1\")</script>&'\xFF";

// Three layers, the second the worst, the third no worse than what it reads.
CalibrateSummary three_layers(const std::string& name = "second") {
  CalibrateSummary summary;
  summary.model = name;
  summary.population = 1000;
  summary.images = 500;
  const auto add = [&](const std::string& layer, double sqnr, double input) {
    ValueDamage damage;
    damage.name = damage.output_name = layer;
    damage.op = "Convolution";
    damage.int8 = true;
    damage.dtype = DType::u8;
    damage.scale = 0.5F;
    damage.sqnr = sqnr;
    damage.input_sqnr = input;
    summary.report.damage.push_back(damage);
    summary.report.ranges[layer] = {0, 200, 100};
    summary.report.histograms[layer] = {2, {40, 30, 20, 10, 0, 1}, 7, {12, 11, 8, 9}};
  };
  add("first", 40, 200);
  add(name, 20, 40);
  add("third", 25, 20);
  return summary;
}

TEST(CalibrationFigures, SortsByDamageAndFindsWhoAddsNoise) {
  const CalibrateSummary summary = three_layers();
  const auto layers = layers_by_damage(summary);
  ASSERT_EQ(layers.size(), 3U);
  EXPECT_EQ(layers[0].damage->name, "second");
  EXPECT_EQ(layers[1].damage->name, "third");
  EXPECT_EQ(layers[2].damage->name, "first");
  EXPECT_EQ(layers[0].threshold, 127.5);  // 255 steps of 0.5, whatever the value alone would have got
  const auto noisy = noisiest_layers(summary, 9);
  ASSERT_EQ(noisy.size(), 2U);  // the third heals
  EXPECT_EQ(noisy[0]->name, "second");
  EXPECT_EQ(noisy[1]->name, "first");
}

TEST(CalibrationFigures, SaysWhatToTry) {
  CalibrateSummary summary = three_layers();
  CalibrateOptions options;
  EXPECT_THAT(next_steps(summary, options), testing::ElementsAre("Nothing has to be done."));
  Judgement& judgement = summary.judgement.emplace();
  judgement.held_out = true;
  judgement.evaluation.judged = 2000;
  judgement.evaluation.labelled = false;
  Comparison& against = judgement.evaluation.against.emplace();
  against.compared = 2000;
  against.agreeing = 1900;
  against.agreement = 95;
  against.agreement_interval95 = wilson95(1900, 2000);
  options.calibration.mode = CalibrationMode::entropy;
  summary.report.damage[0].clipped = 0.03;
  summary.images = 20;
  summary.unreadable = 2;
  EXPECT_THAT(next_steps(summary, options),
              testing::ElementsAre(HasSubstr("--mode auto"), HasSubstr("--min-agreement 99"),
                                   HasSubstr("first loses 3.0 % of its values"), HasSubstr("--samples 500"),
                                   HasSubstr("2 sampled pictures")));
  EXPECT_EQ(judged_on(summary), "2000 pictures that did not calibrate");
  judgement.evaluation.labelled = true;
  EXPECT_THAT(next_steps(summary, options)[1], HasSubstr("--max-drop 0.5"));
  // A search knows: what it moved already, then the others in its order.
  PrecisionReport& search = summary.report.precision.emplace();
  EXPECT_THAT(next_steps(summary, options)[1], HasSubstr("Tighten the bound"));
  search.ranking = {{"first", 31, 4}, {"third", 30, 3}, {"second", 28, 1}};
  search.steps = {{"", {}}, {"third", {}}};
  search.best = 1;
  EXPECT_THAT(next_steps(summary, options)[1],
              testing::EndsWith(": --exclude third --exclude first --exclude second."));
  // There is no search for detectors: the layers' own outputs tell.
  against.accuracy.detection.emplace();
  EXPECT_THAT(next_steps(summary, options)[1], testing::EndsWith(": --exclude second --exclude first."));
  against.accuracy.detection.reset();
  against.agreement_interval95 = wilson95(2000, 2000);
  EXPECT_THAT(next_steps(summary, options).front(), HasSubstr("Nothing has to be done"));
}

TEST(HistogramSvg, ShadesWhatIsClippedAndStaysFinite) {
  const ValueHistogram histogram{2, {40, 30, 20, 10, 0, 1}, 7, {12, 11, 8, 9}};
  const std::string svg = histogram_svg(histogram, 9, hostile);
  EXPECT_THAT(svg, HasSubstr("<rect x=\"268.0\""));  // 4 + 352 * 9 / 12
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(histogram_svg(histogram, 12, "all"), Not(HasSubstr("<rect")));
  EXPECT_THAT(histogram_svg(histogram, 20, "shared"), Not(HasSubstr("<rect")));
  for (const double threshold : {0.0, 1e-30, 1e30, 5.0}) {
    for (const auto& odd :
         {ValueHistogram{}, ValueHistogram{1e-30, {0}, 3, {}}, ValueHistogram{1e12, {1}, 0, {1e15F}}}) {
      const std::string text = histogram_svg(odd, threshold, "odd");
      EXPECT_THAT(text, Not(HasSubstr("nan")));
      EXPECT_THAT(text, Not(HasSubstr("inf")));
    }
  }
}

TEST(CalibrationPage, EscapesWhatModelsAndFilesSay) {
  CalibrateSummary summary = three_layers(hostile);
  Judgement& judgement = summary.judgement.emplace();
  judgement.without_labels = hostile;
  EvaluateSummary& judged = judgement.evaluation;
  judged.judged = 100;
  Comparison& against = judged.against.emplace();
  against.compared = against.agreeing = 100;
  against.agreement = 100;
  against.worst_class = ClassDrop{1, hostile, 10, 20};
  const std::string page = calibration_page(summary, {});
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("\xFF")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;"));
  EXPECT_THAT(page, HasSubstr("20 points"));
  const json figures = json::parse(calibration_json(summary, {}));
  EXPECT_EQ(figures["layers"].size(), 3U);
  EXPECT_EQ(figures["layers"][1]["histogram"]["counts"], json({40, 30, 20, 10, 0, 1}));
}

TEST(CalibrationPage, TellsWhichLayersStayedInFloatAndWhy) {
  CalibrateSummary summary = three_layers();
  EXPECT_THAT(calibration_page(summary, {}), Not(HasSubstr("Layers kept in float")));
  PrecisionReport& precision = summary.report.precision.emplace();
  precision.min_agreement = 99;
  precision.steps = {{"", {95.25, {}, 21, 30, 28}}, {hostile, {98.5, {}, 27, 30, 30}}, {"third", {98, {}, 26, 30, 29}}};
  precision.best = 1;
  precision.ranking = {{hostile, 25.5, 4.5}, {"third", 21.25, 0.25}};
  precision.int8_images_per_s = 400;
  precision.images_per_s = 300;
  precision.f32_images_per_s = 100;
  const std::string page = calibration_page(summary, {});
  EXPECT_THAT(page, HasSubstr("agreement of 99 % or more, not met with 1 layer in float"));
  EXPECT_THAT(page, HasSubstr("300 images/s; all in INT8 400 images/s, all in float 100 images/s"));
  EXPECT_THAT(page, HasSubstr("</bdi></td><td>yes</td><td class=\"n\">98.50</td>"));
  EXPECT_THAT(page, HasSubstr("<bdi>third</bdi></td><td>no</td><td class=\"n\">98.00</td>"));
  EXPECT_THAT(page, HasSubstr("28 of 30"));
  EXPECT_THAT(page, HasSubstr("25.5</td><td class=\"n\">4.50</td>"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

class CalibrationReports : public testing::Test {
 protected:
  CalibrateOptions options(int pictures, std::uint64_t samples) const {
    test::write_pictures(folder_.path() / "pictures", pictures, {3});
    EXPECT_TRUE(save_model(test::tiny_model(1), folder_.path() / "tiny"));
    CalibrateOptions result;
    result.model = folder_.path() / "tiny";
    result.output = folder_.path() / "int8";
    result.source.data = folder_.path() / "list.lst";
    result.samples = samples;
    result.reports = {folder_.path() / "r" / "report.html", folder_.path() / "r" / "report.json"};
    return result;
  }
  json read(const CalibrateOptions& options) const { return json::parse(test::read_text(options.reports[1])); }
  const test::TemporaryFolder folder_;
};

TEST_F(CalibrationReports, JudgeOnWhatDidNotCalibrate) {
  const CalibrateOptions calibration = options(60, 20);
  const auto summary = calibrate_model(calibration);
  ASSERT_TRUE(summary) << to_string(summary.error());
  ASSERT_TRUE(summary->judgement);
  EXPECT_TRUE(summary->judgement->held_out);
  const EvaluateSummary& judged = summary->judgement->evaluation;
  EXPECT_LE(judged.stream.n, 40U);  // the bad picture is looked at by one of both
  EXPECT_GE(judged.judged, 39U);
  EXPECT_TRUE(summary->report.damage_held_out);
  const json report = read(calibration);
  EXPECT_EQ(report["held_out"], true);
  EXPECT_EQ(report["evaluation"]["judged"], judged.judged);
  EXPECT_EQ(report["evaluation"]["agreement"], judged.against->agreement);
  EXPECT_EQ(report["layers"].size(), summary->report.damage.size());
  EXPECT_EQ(report["layers"][0]["sqnr"], layers_by_damage(*summary)[0].damage->sqnr);
  EXPECT_GT(report["f32_bytes"], report["int8_bytes"]);
  EXPECT_THAT(test::read_text(calibration.reports[0]), HasSubstr("that did not calibrate"));
}

TEST_F(CalibrationReports, JudgeOnAllWhereTooFewAreLeft) {
  CalibrateOptions calibration = options(40, 20);
  const auto summary = calibrate_model(calibration);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_FALSE(summary->judgement->held_out);
  EXPECT_FALSE(summary->report.damage_held_out);
  EXPECT_EQ(summary->judgement->evaluation.judged, 39U);
  EXPECT_THAT(test::read_text(calibration.reports[0]), HasSubstr("there are too few others"));
  calibration.report_pictures = 10;
  EXPECT_LE(calibrate_model(calibration)->judgement->evaluation.judged, 10U);
}

TEST_F(CalibrationReports, DoWithoutLabelsThatDoNotFit) {
  CalibrateOptions calibration = options(60, 20);
  std::ofstream list(folder_.path() / "list.lst");
  for (int i = 10; i < 60; ++i) list << i << "\t" << 5000 + i << "\tpictures/00" << i << ".jpg\n";
  list.close();
  const auto summary = calibrate_model(calibration);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_THAT(summary->judgement->without_labels, HasSubstr("is outside the 10 classes"));
  EXPECT_FALSE(summary->judgement->evaluation.labelled);
  EXPECT_EQ(read(calibration)["evaluation"].count("top1"), 0U);
  EXPECT_EQ(read(calibration)["evaluation"].count("agreement"), 1U);
}

TEST_F(CalibrationReports, AreOfDetectorsToo) {
  CalibrateOptions calibration = options(60, 20);
  const std::vector<test::Finding> findings = {{0, 0.9F, 0, 0, 0.5F, 1}, {1, 0.8F, 0.5F, 0, 1, 1}};
  ASSERT_TRUE(save_model(test::tiny_detector(findings), calibration.model));
  calibration.source.data = folder_.path() / "pictures";
  const auto summary = calibrate_model(calibration);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_FALSE(summary->judgement->evaluation.labelled);
  EXPECT_EQ(summary->judgement->evaluation.against->agreement, 100);
  EXPECT_THAT(test::read_text(calibration.reports[0]), HasSubstr("detections found again"));
}

TEST_F(CalibrationReports, HaveNamesThatTellTheirKind) {
  CalibrateOptions calibration = options(10, 5);
  calibration.reports = {folder_.path() / "report.txt"};
  const auto refused = calibrate_model(calibration);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::usage);
  EXPECT_FALSE(fs::exists(folder_.path() / "int8-symbol.json"));
}

}  // namespace
}  // namespace octet
