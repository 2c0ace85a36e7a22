// The parts of drawing: geometry, colours, comparison, names, HTML, the canvas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "octet/jobs/draw/canvas.h"
#include "octet/jobs/draw/color.h"
#include "octet/jobs/draw/compare.h"
#include "octet/jobs/draw/layout.h"
#include "octet/jobs/draw/page.h"
#include "octet/loader/decoder.h"

namespace octet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Display, TinyPicturesGrowByWholeFactorsAndLargeOnesShrink) {
  EXPECT_EQ(display_of({28, 28}).size, (Size{420, 420}));
  EXPECT_EQ(display_of({28, 28}).interpolation, Interpolation::nearest);
  EXPECT_EQ(display_of({32, 20}).size, (Size{416, 260}));
  EXPECT_EQ(display_of({500, 375}).size, (Size{500, 375}));
  EXPECT_EQ(display_of({4000, 3000}).size, (Size{720, 540}));
  EXPECT_EQ(display_of({4000, 3000}).interpolation, Interpolation::area);
  EXPECT_EQ(display_of({65500, 3}).size, (Size{720, 1}));
  EXPECT_EQ(display_of({1, 1}).size, (Size{400, 400}));
}

bool contains(const Rect& outer, const Rect& inner) {
  return inner.x >= outer.x - 1e-9 && inner.y >= outer.y - 1e-9 &&
         inner.x + inner.width <= outer.x + outer.width + 1e-9 &&
         inner.y + inner.height <= outer.y + outer.height + 1e-9;
}

TEST(SheetLayout, NothingOverlapsOrLeavesTheSheet) {
  for (const Size stored : {Size{28, 28}, Size{640, 480}, Size{480, 640}, Size{4000, 500}, Size{1, 9000}}) {
    for (const std::size_t panels : {1U, 2U}) {
      for (const std::size_t rows : {0U, 5U}) {
        const Display display = display_of(stored);
        const SheetLayout layout = layout_sheet(display.size, panels, rows);
        std::vector<Rect> parts{layout.title};
        for (const Panel& panel : layout.panels) {
          EXPECT_EQ(panel.picture.width, static_cast<double>(display.size.width));
          EXPECT_EQ(panel.picture.x, std::floor(panel.picture.x)) << "pixels stand on whole coordinates";
          EXPECT_EQ(panel.picture.y, std::floor(panel.picture.y));
          EXPECT_EQ(panel.rows.size(), rows);
          parts.push_back(panel.caption);
          parts.push_back(panel.picture);
          parts.insert(parts.end(), panel.rows.begin(), panel.rows.end());
        }
        EXPECT_EQ(layout.panels.size(), panels);
        EXPECT_GE(layout.em, 14);
        const Rect sheet{0, 0, static_cast<double>(layout.size.width), static_cast<double>(layout.size.height)};
        for (std::size_t i = 0; i < parts.size(); ++i) {
          EXPECT_TRUE(contains(sheet, parts[i])) << i;
          for (std::size_t k = 0; k < i; ++k) EXPECT_EQ(overlap(parts[i], parts[k]), 0) << i << " " << k;
        }
      }
    }
  }
  EXPECT_EQ(layout_sheet({720, 540}, 2, 0).columns, 2U);
  EXPECT_EQ(layout_sheet({720, 200}, 2, 0).columns, 1U) << "wide pictures stand one below the other";
}

TEST(PlaceLabels, StandsAboveItsBoxWhereThereIsRoom) {
  const Rect area{10, 10, 400, 300};
  const Rect boxes[] = {{100, 100, 80, 60}, {30, 10, 80, 60}, {380, 200, 30, 50}};
  const Rect sizes[] = {{0, 0, 60, 16}, {0, 0, 60, 16}, {0, 0, 60, 16}};
  const auto places = place_labels(boxes, sizes, area);
  EXPECT_EQ(places[0], (Rect{100, 84, 60, 16}));
  EXPECT_EQ(places[1], (Rect{30, 10, 60, 16})) << "inside its box at the picture's upper edge";
  EXPECT_EQ(places[2], (Rect{350, 184, 60, 16})) << "pushed in at the right edge";
}

TEST(PlaceLabels, LabelsOfEqualBoxesDoNotCoverEachOther) {
  const Rect area{0, 0, 400, 300};
  const std::vector<Rect> boxes(12, Rect{100, 100, 90, 60});
  const std::vector<Rect> sizes(12, Rect{0, 0, 70, 16});
  const auto places = place_labels(boxes, sizes, area);
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_TRUE(contains(area, places[i]));
    for (std::size_t k = 0; k < i; ++k) EXPECT_EQ(overlap(places[i], places[k]), 0) << i << " " << k;
  }
}

TEST(PlaceLabels, StaysInsideWhenThereIsNoRoom) {
  const Rect area{0, 0, 50, 20};
  const std::vector<Rect> boxes(9, Rect{-20, -20, 300, 300});
  const std::vector<Rect> sizes(9, Rect{0, 0, 50, 16});
  for (const Rect& place : place_labels(boxes, sizes, area)) EXPECT_TRUE(contains(area, place));
}

TEST(ClassColor, IsStableDistinctAndReadable) {
  EXPECT_EQ(class_color(7), class_color(7));
  std::set<std::array<int, 3>> colors;
  for (int id = -2; id < 1000; ++id) {
    const Rgb color = class_color(id);
    if (id >= 0 && id < 80) colors.insert({color.red, color.green, color.blue});
    EXPECT_GE(contrast(color, text_color(color)), 4.5) << id;
  }
  EXPECT_EQ(colors.size(), 80U);
  EXPECT_NEAR(contrast({0, 0, 0}, {255, 255, 255}), 21, 1e-9);
  EXPECT_NEAR(luminance({255, 0, 0}), 0.2126, 1e-9);
}

Outcome boxes(std::vector<Detection> found) {
  Outcome outcome;
  outcome.detection = true;
  outcome.detections = std::move(found);
  return outcome;
}
Outcome classes(std::vector<Prediction> predictions) {
  Outcome outcome;
  outcome.predictions = std::move(predictions);
  return outcome;
}
constexpr float kLeast = 0.3F;

TEST(Compare, Overlap) {
  EXPECT_NEAR(intersection_over_union({0, 1, 0, 0, 10, 10}, {0, 1, 5, 0, 15, 10}), 1.0 / 3, 1e-6);
  EXPECT_EQ(intersection_over_union({0, 1, 0, 0, 10, 10}, {0, 1, 10, 0, 20, 10}), 0);
  EXPECT_EQ(intersection_over_union({0, 1, 5, 5, 5, 5}, {0, 1, 5, 5, 5, 5}), 0);
}

TEST(Compare, EqualOutcomesDifferInNothing) {
  const Outcome both = boxes({{1, 0.9F, 0, 0, 10, 10}, {2, 0.5F, 20, 20, 40, 40}});
  const auto result = compare(both, both, 5, kLeast);
  EXPECT_EQ(result.size, 0);
  EXPECT_FALSE(result.in_kind);
  EXPECT_EQ(result.differences.size(), 2U);
  EXPECT_THAT(result.first_odd, ElementsAre());
}

TEST(Compare, Boxes) {
  const Outcome first = boxes({{1, 0.9F, 0, 0, 10, 10}, {2, 0.5F, 20, 20, 40, 40}, {3, 0.4F, 60, 60, 70, 70}});
  const Outcome second = boxes({{1, 0.8F, 0, 0, 10, 11}, {5, 0.6F, 20, 20, 40, 41}, {6, 0.35F, 90, 0, 99, 9}});
  const auto result = compare(first, second, 5, kLeast);
  EXPECT_TRUE(result.in_kind);
  EXPECT_NEAR(result.size, 0.1 + 0.6 + 0.4 + 0.35, 1e-5);
  EXPECT_THAT(result.first_odd, testing::UnorderedElementsAre(1U, 2U));
  EXPECT_THAT(result.second_odd, testing::UnorderedElementsAre(1U, 2U));
  ASSERT_EQ(result.differences.size(), 4U);
  EXPECT_EQ(result.differences[0].kind, Difference::Kind::only_one);
  EXPECT_EQ(result.differences[0].first_id, 3);
  EXPECT_EQ(result.differences[0].second_id, std::nullopt);
  EXPECT_EQ(result.differences[1].second_id, 6);
  EXPECT_EQ(result.differences[2].kind, Difference::Kind::changed);
  EXPECT_EQ(result.differences[3].kind, Difference::Kind::score);
}

TEST(Compare, AScoreThatFellBelowTheLeastIsAChangeOfScore) {
  const Outcome first = boxes({{1, 0.31F, 0, 0, 10, 10}});
  const Outcome second = boxes({{1, 0.29F, 0, 0, 10, 10}, {2, 0.1F, 0, 0, 10, 10}});
  for (const bool swapped : {false, true}) {
    const auto result = swapped ? compare(second, first, 5, kLeast) : compare(first, second, 5, kLeast);
    EXPECT_FALSE(result.in_kind);
    ASSERT_EQ(result.differences.size(), 1U) << "boxes below in both do not count";
    EXPECT_NEAR(result.size, 0.02, 1e-6);
  }
}

TEST(Compare, Classes) {
  const Outcome first = classes({{1, 0.6F}, {2, 0.3F}, {3, 0.1F}});
  const Outcome second = classes({{2, 0.5F}, {1, 0.4F}, {3, 0.1F}});
  const auto result = compare(first, second, 2, kLeast);
  EXPECT_TRUE(result.in_kind);
  EXPECT_NEAR(result.size, 1 + 0.6 + 0.2 + 0.2, 1e-5);
  EXPECT_EQ(compare(first, first, 2, kLeast).size, 0);
  EXPECT_EQ(compare(first, classes({}), 2, kLeast).size, 0);
}

TEST(Compare, NumbersThatAreNoneAreLeftOut) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Outcome odd = boxes({{1, nan, 0, 0, 10, 10}, {1, 0.9F, 0, nan, 10, 10}, {1, 0.9F, 0, 0, INFINITY, 10}});
  EXPECT_TRUE(visible_boxes(odd.detections, 0).empty());
  EXPECT_EQ(compare(odd, boxes({}), 5, kLeast).differences.size(), 0U);
  const auto size = compare(classes({{1, nan}}), classes({{2, 0.5F}}), 5, kLeast).size;
  EXPECT_TRUE(std::isfinite(size));
}

TEST(VisibleBoxes, AreTheBestInOrder) {
  std::vector<Detection> found(500, Detection{0, 0.4F, 0, 0, 1, 1});
  found[7].score = 0.9F;
  found[9].score = 0.1F;
  const auto visible = visible_boxes(found, kLeast);
  EXPECT_EQ(visible.size(), kMaxBoxes);
  EXPECT_EQ(visible[0], 7U);
  EXPECT_EQ(std::count(visible.begin(), visible.end(), 9U), 0);
}

TEST(SheetName, IsSafeAndUnique) {
  EXPECT_EQ(sheet_name(17, "a/cat.jpg", "png"), "000017-a_cat.png");
  EXPECT_EQ(sheet_name(0, "../../etc/passwd", "jpg"), "000000-etc_passwd.jpg");
  EXPECT_EQ(sheet_name(1, "", "jpg"), "000001.jpg");
  EXPECT_EQ(sheet_name(1, "..", "jpg"), "000001.jpg");
  EXPECT_EQ(sheet_name(2, std::string("a\0b\n<img src=x>\"'%2e", 20), "jpg"), "000002-a_b_img_src_x_2e.jpg");
  EXPECT_EQ(sheet_name(3, "\xE7\x8C\xAB.jpg", "jpg"), "000003-jpg.jpg");
  EXPECT_NE(sheet_name(4, "a b", "jpg"), sheet_name(5, "a_b", "jpg")) << "the index tells them apart";
  for (const std::string& key : {std::string(100000, 'x'), std::string(100000, '/'), std::string(300, '\xFF') + "z"}) {
    const std::string name = sheet_name(18446744073709551615U, key, "jpeg");
    EXPECT_LE(name.size(), 90U);
    EXPECT_EQ(name.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_."),
              std::string::npos);
  }
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<a href=\"x\">'&</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&lt;/a&gt;");
  EXPECT_EQ(escape_html(std::string("a\0b\x1B\xFF", 5)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(escape_html("\xE7\x8C\xAB"), "\xE7\x8C\xAB");
  EXPECT_EQ(one_line("\xE7\x8C\xAB\xE7\x8C\xAB", 1), "\xE7\x8C\xAB");
}

TEST(PageHtml, SortsByDifferenceAndListsErrors) {
  Page page;
  page.speakers = {{"a<b>", false, {}}, {"c", true, {}}};
  page.sheets = {{
                     0,
                     0.1,
                     "[small]",
                 },
                 {1, 2.5, "[large]"},
                 {2, 0.1, "[later]"}};
  page.errors = {{9, 0, error_html(9, "<script>alert(1)</script>", {ErrorCode::bad_image, "", "no & picture"})}};
  const std::string html = page_html(page);
  EXPECT_LT(html.find("[large]"), html.find("[small]"));
  EXPECT_LT(html.find("[small]"), html.find("[later]"));
  EXPECT_THAT(html, HasSubstr("no &amp; picture"));
  EXPECT_THAT(html, HasSubstr("a&lt;b&gt; (FP32) and c (INT8)"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
}

TEST(FormatScore, IsShort) {
  EXPECT_EQ(format_score(0.874F), "0.87");
  EXPECT_EQ(format_score(0.001F), "<0.01");
  EXPECT_EQ(format_score(0), "0.00");
  EXPECT_EQ(format_score(-12.5F), "-12.50");
  EXPECT_EQ(format_score(NAN), "n/a");
}

// The pixels of a sheet of one gray picture with one box or class; none when it cannot be drawn.
std::vector<std::uint8_t> sheet(const std::vector<std::string>& labels, const Outcome& outcome) {
  SheetInput input;
  const std::vector<std::uint8_t> pixels(400 * 300 * 3, 128);
  const std::vector<Outcome> outcomes{outcome};
  input.title = "gray";
  input.stored = {40, 30};
  input.display = {{400, 300}, Interpolation::nearest};
  input.pixels = pixels;
  input.speakers = {{"model", true, labels}};
  input.outcomes = outcomes;
  const auto drawn = draw_sheet(input);
  EXPECT_TRUE(drawn) << to_string(drawn.error());
  return drawn ? drawn->canvas.rgb() : std::vector<std::uint8_t>();
}

TEST(DrawSheet, ShowsLabelsScoresAndBoxes) {
  const std::vector<std::string> cats{"cat", "dog"};
  const std::vector<std::string> birds{"bird", "dog"};
  for (const auto& [one, two] : {std::pair{classes({{0, 0.9F}, {1, 0.1F}}), classes({{0, 0.8F}, {1, 0.2F}})},
                                 std::pair{boxes({{0, 0.9F, 5, 5, 30, 20}}), boxes({{0, 0.9F, 5, 5, 30, 25}})},
                                 std::pair{boxes({{0, 0.9F, 5, 5, 30, 20}}), boxes({{1, 0.9F, 5, 5, 30, 20}})}}) {
    EXPECT_EQ(sheet(cats, one), sheet(cats, one));
    EXPECT_NE(sheet(cats, one), sheet(birds, one));
    EXPECT_NE(sheet(cats, one), sheet(cats, two));
  }
  EXPECT_EQ(class_name(1, cats), "dog");
  EXPECT_EQ(class_name(2, cats), "class 2");
  EXPECT_EQ(class_name(-1, cats), "class -1");
}

TEST(DrawSheet, TakesBoxesFromAnywhere) {
  const Outcome wild = boxes({{0, 0.9F, -1e30F, -1e30F, 1e30F, 1e30F},
                              {1, 0.8F, 30, 20, 5, 5},
                              {-7, 0.7F, 1000, 1000, 2000, 2000},
                              {2147483647, 0.6F, 0, 0, 0, 0}});
  EXPECT_FALSE(sheet({}, wild).empty());
}

TEST(Canvas, TextHasASizeAndColoursPixels) {
  auto canvas = Canvas::create({200, 60});
  ASSERT_TRUE(canvas);
  const TextStyle style{20, false, {200, 0, 0}};
  const Rect one = canvas->measure("word", style);
  EXPECT_GT(one.width, 20);
  EXPECT_GT(one.height, 15);
  EXPECT_GT(canvas->measure("word word", style).width, 1.5 * one.width);
  EXPECT_GT(canvas->measure("word", {40, false, {}}).width, 1.8 * one.width);
  TextStyle narrow = style;
  narrow.max_width = 60;
  EXPECT_LE(canvas->measure(std::string(2000, 'w'), narrow).width, 61);
  const auto blank = canvas->rgb();
  canvas->text(5, 5, std::string("word \xE7\x8C\xAB \xFF\0", 11), style);
  EXPECT_NE(canvas->rgb(), blank);
}

TEST(Canvas, HoldsWhatWasDrawn) {
  auto canvas = Canvas::create({40, 30});
  ASSERT_TRUE(canvas);
  const std::vector<std::uint8_t> blue{10, 20, 200, 10, 20, 200, 10, 20, 200, 10, 20, 200};
  canvas->fill({0, 0, 40, 30}, {250, 200, 10});
  canvas->pixels(blue, {2, 2}, 38, 28);
  canvas->pixels(blue, {2, 2}, 39, 28);  // does not fit: nothing happens
  EXPECT_EQ(canvas->size().width, 40);
  EXPECT_EQ(canvas->size().height, 30);
  const auto rgb = canvas->rgb();
  ASSERT_EQ(rgb.size(), 3U * 40 * 30);
  for (std::size_t i = 0; i < rgb.size() / 3; ++i) {
    const bool corner = i / 40 >= 28 && i % 40 >= 38;
    const std::vector<std::uint8_t> pixel(rgb.begin() + 3 * i, rgb.begin() + 3 * i + 3);
    ASSERT_EQ(pixel, corner ? (std::vector<std::uint8_t>{10, 20, 200}) : (std::vector<std::uint8_t>{250, 200, 10}))
        << "pixel " << i;
  }
  EXPECT_FALSE(Canvas::create({0, 10}));
  EXPECT_FALSE(Canvas::create({10, 1 << 20}));
}

}  // namespace
}  // namespace octet
