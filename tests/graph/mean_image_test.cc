// MXNet's mean image instead of a mean per channel.
#include "octet/graph/mean_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <memory>

#include "graph/net.h"
#include "graph/temp_folder.h"
#include "octet/graph/passes.h"

namespace octet {
namespace {

using test::Net;
using testing::HasSubstr;

class MeanImage : public testing::Test {
 protected:
  MeanImage() {
    net_.preprocess.mean = {0, 0, 0};
    net_.preprocess.std = {2, 4, 8};
    net_.head(net_.convolution("conv", net_.data(), 3, 4));
  }

  std::filesystem::path write(const std::vector<std::pair<std::string, Tensor>>& arrays) const {
    ParamMap map;
    for (const auto& [name, value] : arrays) map[name] = {NamedTensor::Role::unprefixed, value};
    const std::vector<std::byte> bytes = write_params(map);
    return folder_.write("mean.nd", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

  [[nodiscard]] Error error_of(const std::filesystem::path& file) const {
    Graph graph = net_.graph();
    const auto result = subtract_mean_image(graph, net_.preprocess, file);
    return result ? Error{ErrorCode::internal, "", "no error"} : result.error();
  }

  Net net_;
  const test::TempFolder folder_;
};

TEST_F(MeanImage, ComesBehindTheNormalisation) {
  const Tensor image = test::random_tensor({3, 8, 8}, 4, 0, 255);
  Graph graph = net_.graph();
  ASSERT_TRUE(subtract_mean_image(graph, net_.preprocess, write({{"mean_img", image}})));
  ASSERT_TRUE(validate(graph));
  ASSERT_EQ(graph.nodes.size(), 5U) << dump(graph);
  const auto* constant = graph.nodes[2].as<ConstantOp>();
  ASSERT_NE(constant, nullptr);
  EXPECT_EQ(constant->value.shape(), (Shape{1, 3, 8, 8}));
  for (std::size_t i = 0; i < 3 * 64; ++i) {
    EXPECT_EQ(constant->value.as<float>()[i], image.as<float>()[i] / net_.preprocess.std[i / 64]);
  }
  ASSERT_NE(graph.nodes[3].as<BinaryOp>(), nullptr);
  EXPECT_EQ(graph.nodes[3].as<BinaryOp>()->kind, BinaryKind::sub);
  EXPECT_EQ(graph.nodes[3].inputs, (std::vector<ValueRef>{{1, 0}, {2, 0}}));
  EXPECT_EQ(graph.nodes[4].inputs[0], (ValueRef{3, 0})) << "the convolution reads the difference";
  EXPECT_EQ(graph.outputs[0].node, 4);
  EXPECT_EQ(graph.nodes[3].outputs[0].shape, (Shape{1, 3, 8, 8}));
  EXPECT_TRUE(optimize(graph));
}

TEST_F(MeanImage, AnyOtherFileIsAnError) {
  const Tensor image = test::random_tensor({3, 8, 8}, 4, 0, 255);
  EXPECT_THAT(error_of(write({{"a", image}, {"b", image}})).message, HasSubstr("2 arrays"));
  for (const Shape& shape : {Shape{3, 8, 9}, Shape{1, 3, 8, 8}, Shape{8, 8, 3}, Shape{192}}) {
    const Error error = error_of(write({{"mean_img", test::random_tensor(shape, 1)}}));
    EXPECT_EQ(error.code, ErrorCode::invalid_config);
    EXPECT_THAT(error.message, HasSubstr("(3, 8, 8)"));
    EXPECT_THAT(error.where, HasSubstr("mean.nd"));
  }
  Tensor broken = test::random_tensor({3, 8, 8}, 4);
  broken.mutable_as<float>()[7] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(error_of(write({{"mean_img", broken}})).message, HasSubstr("infinity"));
  EXPECT_EQ(error_of(write({{"mean_img", test::random_tensor({3, 256, 256}, 1)}})).code, ErrorCode::limit);
  EXPECT_EQ(error_of(folder_ / "absent.nd").code, ErrorCode::not_found);
  EXPECT_FALSE(subtract_mean_image(*std::make_unique<Graph>(), net_.preprocess, folder_.write("mean.nd", "no arrays")));
}

TEST_F(MeanImage, IsReadWithTheModelAndKeptInItsPair) {
  const auto image = write({{"mean_img", test::random_tensor({3, 8, 8}, 4, 0, 255)}});
  const std::string symbol = write_symbol(net_.symbol);
  ParamMap params = net_.params;
  const auto bytes = write_params(params);
  folder_.write("net-symbol.json", symbol);
  folder_.write("net-0000.params", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  folder_.write("net-preprocess.json", R"({"shape": [3, 8, 8], "std": [2, 4, 8], "mean_image": "mean.nd"})");
  const auto by_file = load_model(folder_ / "net");
  ASSERT_TRUE(by_file) << to_string(by_file.error());
  folder_.write("net-preprocess.json", R"({"shape": [3, 8, 8], "std": [2, 4, 8]})");
  LoadOptions options;
  options.preprocess.mean_image = image.string();
  const auto by_option = load_model(folder_ / "net", options);
  ASSERT_TRUE(by_option) << to_string(by_option.error());
  EXPECT_EQ(test::difference(by_file->graph, by_option->graph), "");
  EXPECT_EQ(by_file->graph.nodes.size(), 5U);
  ASSERT_TRUE(save_model(*by_file, folder_ / "own"));
  const auto own = load_model(folder_ / "own");
  ASSERT_TRUE(own) << to_string(own.error());
  EXPECT_EQ(test::difference(own->graph, by_file->graph), "");
  EXPECT_EQ(load_model(folder_ / "own", options).error().code, ErrorCode::invalid_config) << "it is in the pair";
  options.preprocess.mean = {{1, 2, 3}};
  EXPECT_THAT(load_model(folder_ / "net", options).error().message, HasSubstr("contradicts"));
}

}  // namespace
}  // namespace octet
