// Every odd and broken file of the assets behaves as its manifest says, and where the manifest
// leaves the choice, as the table below says.
#include <gtest/gtest.h>
#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "loader/make_image.h"
#include "octet/loader/decoder.h"
#include "support/assets.h"
#include "support/npy.h"

namespace octet::test {
namespace {

enum class Answer : std::uint8_t { yes, no };

struct Policy {
  Answer answer = Answer::no;
  Answer tolerant = Answer::no;  ///< with Tolerance::warnings: taken and reported
  const char* mean = "";         ///< R G B where OpenCV's picture is not the right one
};

constexpr const char* kOriginal = "124.68 132.63 115.18";  // the picture behind most files
constexpr const char* kAnything = "any";

const std::map<std::string, Policy>& policies() {
  static const std::map<std::string, Policy> table{
      {"sampling_chroma_larger.jpg", {Answer::yes, Answer::yes}},
      {"sampling_mixed.jpg", {Answer::yes, Answer::yes}},
      {"cmyk_adobe.jpg", {Answer::yes, Answer::yes}},
      {"ycck_adobe.jpg", {Answer::yes, Answer::yes}},
      {"cmyk_no_adobe.jpg", {Answer::yes, Answer::yes, kOriginal}},  // plain samples: the picture, not black
      {"progressive_570_scans.jpg", {Answer::no, Answer::no}},
      {"arithmetic.jpg", {Answer::yes, Answer::yes}},
      {"arithmetic_progressive.jpg", {Answer::yes, Answer::yes}},
      {"truncated_10_percent.jpg", {Answer::no, Answer::yes, kAnything}},
      {"truncated_50_percent.jpg", {Answer::no, Answer::yes, kAnything}},
      {"truncated_99_percent.jpg", {Answer::no, Answer::yes, kAnything}},
      {"truncated_50_progressive.jpg", {Answer::no, Answer::yes, kOriginal}},
      {"no_eoi.jpg", {Answer::yes, Answer::yes, kOriginal}},  // OpenCV loses the last rows
      {"entropy_bit_flip.jpg", {Answer::yes, Answer::yes}},   // nothing shows it
      {"entropy_400_zero_bytes.jpg", {Answer::no, Answer::yes}},
      {"entropy_stray_marker.jpg", {Answer::no, Answer::yes}},
      {"restart_missing.jpg", {Answer::no, Answer::yes}},
      {"no_dht.jpg", {Answer::yes, Answer::yes}},
      {"sof_larger_than_data.jpg", {Answer::no, Answer::yes}},
      {"png_rgb_named.jpg", {Answer::yes, Answer::yes}},
      {"png_rgba_named.jpg", {Answer::yes, Answer::yes}},
      {"png_16bit_gray_named.jpg", {Answer::yes, Answer::yes}},
      {"png_palette_named.jpg", {Answer::yes, Answer::yes}},
      {"bmp_named.jpg", {Answer::no, Answer::no}},
      {"webp_named.jpg", {Answer::no, Answer::no}},
  };
  return table;
}

/// One line of comma-separated values, with double quotes around values that hold commas.
std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

std::vector<std::map<std::string, std::string>> manifest() {
  std::vector<std::map<std::string, std::string>> rows;
  std::ifstream file(assets() / "images/odd/manifest.csv");
  std::string line;
  std::getline(file, line);
  const auto names = split(line);
  while (std::getline(file, line)) {
    const auto values = split(line);
    for (auto& row = rows.emplace_back(); const auto& name : names) row[name] = values.at(row.size());
  }
  return rows;
}

/// The stored picture itself: no resize, the slot as large as the picture.
Preprocess as_stored(const std::map<std::string, std::string>& row) {
  Preprocess p;
  p.width = std::max(std::atoi(row.at("width").c_str()), 1);
  p.height = std::max(std::atoi(row.at("height").c_str()), 1);
  if (p.width * p.height > 4'000'000) p.width = p.height = 224;
  return p;
}

void expect_mean(const ByteVector& pixels, const std::string& text) {
  std::array<double, 3> mean{};
  for (std::size_t i = 0; i < pixels.size(); ++i) mean[i % 3] += pixels[i];
  std::istringstream expected(text);
  for (double& m : mean) {
    m /= static_cast<double>(pixels.size()) / 3;
    double value = 0;
    expected >> value;
    EXPECT_NEAR(m, value, 1.0);
  }
}

class OddFile {
 public:
  explicit OddFile(const std::map<std::string, std::string>& row) : row_(row), name_(row.at("file")) {
    if (const auto policy = policies().find(name_); policy != policies().end()) {
      policy_ = policy->second;
    } else {
      policy_.answer = policy_.tolerant = row.at("accept") == "yes" ? Answer::yes : Answer::no;
    }
    if (const auto file = read_file(assets() / "images/odd" / name_)) bytes_ = *file;
  }

  void check(Decoder& decoder, bool tolerant) const {
    SCOPED_TRACE(name_ + (tolerant ? " with Tolerance::warnings" : ""));
    const Answer answer = tolerant ? policy_.tolerant : policy_.answer;
    const Preprocess preprocess = as_stored(row_);
    ByteVector slot(slot_bytes(preprocess, {}));
    const auto info = decoder.decode(bytes_, preprocess, {}, slot);
    ASSERT_EQ(info.has_value(), answer == Answer::yes) << (info ? "accepted" : to_string(info.error()));
    if (info) {
      check_accepted(*info, slot);
    } else {
      EXPECT_TRUE(info.error().code == ErrorCode::bad_image || info.error().code == ErrorCode::limit);
      EXPECT_FALSE(info.error().message.empty());
      EXPECT_EQ(std::count(slot.begin(), slot.end(), 0), static_cast<std::ptrdiff_t>(slot.size()));
    }
    // The usual input: the same answer.
    Preprocess usual;
    usual.width = usual.height = 224;
    usual.resize_short = 256;
    slot.resize(slot_bytes(usual, {}));
    EXPECT_EQ(decoder.decode(bytes_, usual, {}, slot).has_value(), answer == Answer::yes);
  }

  [[nodiscard]] bool is_policy() const { return row_.at("accept") == "policy"; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void check_accepted(const ImageInfo& info, const ByteVector& slot) const {
    EXPECT_EQ(std::to_string(info.width), row_.at("width"));
    EXPECT_EQ(std::to_string(info.height), row_.at("height"));
    EXPECT_EQ(info.truncated, policy_.answer == Answer::no) << "damage is reported";
    const std::string mean = *policy_.mean != '\0' ? policy_.mean : row_.at("opencv_mean_rgb");
    if (mean != kAnything && !mean.empty()) expect_mean(slot, mean);
  }

  const std::map<std::string, std::string>& row_;
  std::string name_;
  Policy policy_;
  ByteVector bytes_;
};

void check_all(bool tolerant) {
  DecoderOptions options;
  options.tolerate = tolerant ? Tolerance::warnings : Tolerance::none;
  Decoder decoder(options);  // one for all: a picture must not depend on the one before
  const auto rows = manifest();
  ASSERT_EQ(rows.size(), 95U);
  for (const auto& row : rows) OddFile(row).check(decoder, tolerant);
}

TEST(OddFiles, BehaveAsTheManifestSays) {
  OCTET_REQUIRE_ASSETS();
  check_all(false);
}

TEST(OddFiles, DamagedOnesAreTakenAndReportedWhenAsked) {
  OCTET_REQUIRE_ASSETS();
  check_all(true);
}

TEST(OddFiles, EveryPolicyIsInTheTable) {
  OCTET_REQUIRE_ASSETS();
  std::size_t policy_files = 0;
  const auto rows = manifest();
  for (const auto& row : rows) {
    const OddFile file(row);
    EXPECT_EQ(policies().contains(file.name()), file.is_policy()) << file.name();
    policy_files += file.is_policy() ? 1 : 0;
  }
  EXPECT_EQ(policy_files, policies().size());
}

}  // namespace
}  // namespace octet::test
