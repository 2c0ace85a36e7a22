// Drawing whole sources, and Graphviz.
#include "octet/jobs/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <fstream>

#include "jobs/tiny_model.h"
#include "octet/jobs/graphviz.h"
#include "octet/loader/decoder.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Draw : public testing::Test {
 protected:
  void SetUp() override {
    test::write_pictures(folder_.path() / "pictures", 8, {3});
    ASSERT_TRUE(save_model(test::tiny_model(1), folder_.path() / "one"));
    ASSERT_TRUE(save_model(test::tiny_model(2), folder_.path() / "two"));
  }
  DrawOptions options() const {
    DrawOptions result;
    result.model = folder_.path() / "one";
    result.against = folder_.path() / "two";
    result.stream.source.data = folder_.path() / "pictures";
    result.output = folder_.path() / "out";
    return result;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& file : fs::directory_iterator(folder_.path() / "out"))
      found.push_back(file.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }
  const test::TemporaryFolder folder_;
};

TEST_F(Draw, WritesOneSheetAPictureAndThePage) {
  for (const ImageFormat format : {ImageFormat::jpeg, ImageFormat::png}) {
    DrawOptions drawing = options();
    drawing.format = format;
    fs::remove_all(drawing.output);
    const auto summary = draw(drawing);
    ASSERT_TRUE(summary) << to_string(summary.error());
    EXPECT_EQ(summary->drawn, 7U);
    EXPECT_EQ(summary->stream.failed, 1U);
    EXPECT_EQ(summary->models.size(), 2U);
    const auto files = names();
    ASSERT_EQ(files.size(), 8U) << "seven sheets and the page; nothing half written";
    const std::string page = test::read_text(summary->page);
    for (const std::string& file : files) {
      if (file == "index.html") continue;
      EXPECT_THAT(page, HasSubstr("src=\"" + file + "\""));
      std::vector<std::uint8_t> buffer;
      Decoder decoder;
      const auto info = decoder.measure(ImageBytes::from_file(drawing.output / file).read(buffer).value());
      ASSERT_TRUE(info) << file;
      EXPECT_GE(info->width, 800) << "two panels";
    }
    EXPECT_THAT(page, HasSubstr("1 bad entry"));
  }
}

TEST_F(Draw, OneModelNeedsNoOther) {
  DrawOptions drawing = options();
  drawing.against.clear();
  drawing.stream.limit = 2;
  const auto summary = draw(drawing);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(names().size(), 3U);
  EXPECT_EQ(summary->differing, 0U);
}

TEST_F(Draw, TheSameSheetsForAnyNumberOfThreads) {
  DrawOptions drawing = options();
  drawing.stream.threads = 1;
  ASSERT_TRUE(draw(drawing));
  std::vector<std::string> first;
  for (const std::string& file : names()) first.push_back(test::read_text(drawing.output / file));
  drawing.stream.threads = 4;
  ASSERT_TRUE(draw(drawing));
  std::vector<std::string> second;
  for (const std::string& file : names()) second.push_back(test::read_text(drawing.output / file));
  EXPECT_EQ(first, second);
}

TEST_F(Draw, RefusesOptionsOutOfRange) {
  DrawOptions drawing = options();
  drawing.top_k = 0;
  EXPECT_EQ(draw(drawing).error().code, ErrorCode::usage);
  drawing = options();
  drawing.min_score = 1.5F;
  EXPECT_EQ(draw(drawing).error().code, ErrorCode::usage);
  drawing = options();
  std::ofstream(folder_.path() / "file") << "in the way";
  drawing.output = folder_.path() / "file";
  EXPECT_EQ(draw(drawing).error().code, ErrorCode::cannot_write);
  EXPECT_FALSE(parse_image_format("gif"));
}

TEST(RenderSvg, DrawsOrSaysWhy) {
  const auto svg = render_svg("digraph g { a -> b }");
  if (!svg && svg.error().code == ErrorCode::not_found) GTEST_SKIP() << to_string(svg.error());
  ASSERT_TRUE(svg) << to_string(svg.error());
  EXPECT_THAT(*svg, HasSubstr("</svg>"));
  const auto refused = render_svg("digraph g { a -> ");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("syntax error"));
}

}  // namespace
}  // namespace octet
