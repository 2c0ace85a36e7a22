// Finding and loading pairs: which files, which epoch, what is said when something is not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/net.h"
#include "graph/temp_folder.h"
#include "octet/graph/digest.h"
#include "octet/graph/file_io.h"
#include "octet/graph/output_file.h"
#include "support/assets.h"

namespace octet {
namespace {

using test::TempFolder;
using testing::AllOf;
using testing::HasSubstr;

const char* kPreprocess = R"({"shape": [3, 8, 8], "resize_short": 9, "labels": "names.txt"})";

/// A small FP32 pair as MXNet would write it.
void write_pair(const TempFolder& folder, const std::string& name, int epochs = 1) {
  test::Net net;
  net.head(net.convolution("c", net.data(), 3, 4));
  folder.write(name + "-symbol.json", write_symbol(net.symbol));
  const auto bytes = write_params(net.params);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const std::string digits = std::to_string(epoch * 7);
    write_file(folder / (name + "-" + std::string(4 - digits.size(), '0') + digits + ".params"), bytes).value();
  }
}

TEST(FindModel, NewestEpochUnlessOneIsAskedFor) {
  const TempFolder folder;
  write_pair(folder, "m", 3);
  folder.write("m-12345.params", "");
  folder.write("m-99.params", "too short an epoch");
  folder.write("m-00x1.params", "no number");
  folder.write("other-9999.params", "");
  const auto newest = find_model(folder / "m", -1);
  ASSERT_TRUE(newest) << to_string(newest.error());
  EXPECT_EQ(newest->epoch, 12345);
  EXPECT_TRUE(newest->preprocess.empty());
  folder.write("m-preprocess.json", kPreprocess);
  const auto asked = find_model(folder / "m", 7);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->params, folder / "m-0007.params");
  EXPECT_EQ(asked->symbol, folder / "m-symbol.json");
  EXPECT_EQ(asked->preprocess, folder / "m-preprocess.json");
}

TEST(FindModel, MissingFilesSayWhatIsThere) {
  const TempFolder folder;
  write_pair(folder, "m", 3);
  write_pair(folder, "n");
  const auto fails = [](const std::filesystem::path& prefix, int epoch) {
    const auto found = find_model(prefix, epoch);
    if (found) return std::string("found");
    EXPECT_EQ(found.error().code, ErrorCode::not_found);
    return to_string(found.error());
  };
  EXPECT_THAT(fails(folder / "m", 3), AllOf(HasSubstr("m-0003.params"), HasSubstr("epochs 0, 7, 14")));
  EXPECT_THAT(fails(folder / "x", -1), AllOf(HasSubstr("x-symbol.json"), HasSubstr("'m', 'n'")));
  EXPECT_THAT(fails(folder / "", -1), AllOf(HasSubstr("/m'"), HasSubstr("/n'")));
  EXPECT_THAT(fails(folder / "none/m", -1), HasSubstr("folder does not exist"));
  std::filesystem::create_directory(folder / "zoo");
  EXPECT_THAT(fails(folder / "zoo/m", -1), HasSubstr("no symbol file at all"));
  std::filesystem::copy(folder / "m-symbol.json", folder / "zoo/deep-symbol.json");
  EXPECT_THAT(fails(folder / "zoo", -1), AllOf(HasSubstr("is a folder"), HasSubstr("zoo/deep'")));
  EXPECT_THAT(fails(folder / "zoo/deep", -1), HasSubstr("no parameters"));
}

TEST(LoadModel, ReadsLabelsAndPreprocessing) {
  const TempFolder folder;
  write_pair(folder, "m");
  folder.write("m-preprocess.json", kPreprocess);
  folder.write("names.txt",
               "\xEF\xBB\xBF"
               "cat\r\ndog\n\nbird\n\n\n");
  const auto model = load_model(folder / "m");
  ASSERT_TRUE(model) << to_string(model.error());
  EXPECT_THAT(model->labels, testing::ElementsAre("cat", "dog", "", "bird"));
  EXPECT_EQ(model->preprocess.resize_short, 9);
  EXPECT_TRUE(model->provenance.empty());
  LoadOptions options;
  options.preprocess.labels = folder.write("mine.txt", "one").string();
  options.preprocess.shape = {{3, 10, 12}};
  const auto other = load_model(folder / "m", options);
  ASSERT_TRUE(other) << to_string(other.error());
  EXPECT_THAT(other->labels, testing::ElementsAre("one"));
  EXPECT_EQ(other->graph.value(other->graph.outputs[0]).shape, (Shape{1, 4, 10, 12}));
}

TEST(LoadModel, BadLabelFilesAreErrors) {
  const TempFolder folder;
  write_pair(folder, "m");
  folder.write("m-preprocess.json", kPreprocess);
  const auto missing = load_model(folder / "m");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_THAT(missing.error().where, HasSubstr("names.txt"));
  folder.write("names.txt", "fine\n\xFF\xFE\n");
  const auto latin = load_model(folder / "m");
  ASSERT_FALSE(latin);
  EXPECT_THAT(to_string(latin.error()), HasSubstr("names.txt:2"));
}

TEST(LoadModel, ImageSizeComesFromSomewhere) {
  const TempFolder folder;
  write_pair(folder, "m");
  const auto unknown = load_model(folder / "m");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_config);
  EXPECT_THAT(unknown.error().message, HasSubstr("image size"));
  test::Net net;
  net.symbol.nodes[0].attrs["__shape__"] = "(0, 3, 16, 20)";
  net.head(net.convolution("c", net.data(), 3, 4));
  folder.write("m-symbol.json", write_symbol(net.symbol));
  const auto stated = load_model(folder / "m");
  ASSERT_TRUE(stated) << to_string(stated.error());
  EXPECT_EQ(stated->preprocess.height, 16);
  EXPECT_EQ(stated->preprocess.width, 20);
}

TEST(LoadModel, DamagedPairsNameTheFile) {
  const TempFolder folder;
  write_pair(folder, "m");
  folder.write("m-preprocess.json", R"({"shape": [3, 8, 8]})");
  ASSERT_TRUE(load_model(folder / "m"));
  folder.write("m-preprocess.json", R"({"shape": [3, 8]})");
  EXPECT_THAT(to_string(load_model(folder / "m").error()), HasSubstr("m-preprocess.json"));
  folder.write("m-preprocess.json", R"({"shape": [3, 8, 8]})");
  folder.write("m-0000.params", "short");
  EXPECT_THAT(to_string(load_model(folder / "m").error()), HasSubstr("m-0000.params"));
  folder.write("m-symbol.json", "{");
  EXPECT_THAT(to_string(load_model(folder / "m").error()), HasSubstr("m-symbol.json"));
}

TEST(LoadModel, AssetSymbolsOfOtherKindsAreRefusedClearly) {
  OCTET_REQUIRE_ASSETS();
  const TempFolder folder;
  const auto refused = [&](const std::string& file) {
    std::filesystem::copy_file(test::assets() / file, folder / "m-symbol.json",
                               std::filesystem::copy_options::overwrite_existing);
    write_file(folder / "m-0000.params", write_params({})).value();
    LoadOptions options;
    options.preprocess.shape = {{3, 224, 224}};
    const auto model = load_model(folder / "m", options);
    return model ? std::string("loaded") : to_string(model.error());
  };
  EXPECT_THAT(refused("symbols/resnet50_3d_video-symbol.json"), AllOf(HasSubstr("only 2-D"), HasSubstr("node '")));
  EXPECT_THAT(refused("symbols/resnet50_v1_int8_gluoncv-symbol.json"), HasSubstr("no calibrated range"));
  EXPECT_THAT(refused("symbols/mtcnn_pnet_old_param-symbol.json"), HasSubstr("prelu1_gamma (10,)"));
  EXPECT_THAT(refused("symbols/resnet50_v2_old_param-symbol.json"),
              AllOf(HasSubstr("missing (2"), HasSubstr("bn_data_")));
}

TEST(Digest, MatchesTheStandardVectors) {
  const TempFolder folder;
  EXPECT_EQ(file_digest(folder.write("empty", "")).value(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(file_digest(folder.write("abc", "abc")).value(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(file_digest(folder.write("long", std::string(1'000'000, 'a'))).value(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(digest(bytes_of("abc")), file_digest(folder / "abc").value());
  EXPECT_EQ(file_digest(folder / "none").error().code, ErrorCode::not_found);
}

TEST(FileIo, LimitsAndKinds) {
  const TempFolder folder;
  folder.write("f", "12345");
  EXPECT_EQ(read_text_file(folder / "f", 5).value(), "12345");
  EXPECT_EQ(read_text_file(folder / "f", 4).error().code, ErrorCode::limit);
  EXPECT_EQ(read_text_file(folder / "g", 4).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_text_file(folder / "", 4).error().code, ErrorCode::not_found) << "a folder";
  EXPECT_EQ(read_text_file("/dev/zero", 4).error().code, ErrorCode::not_found) << "no end in sight";
}

}  // namespace
}  // namespace octet
