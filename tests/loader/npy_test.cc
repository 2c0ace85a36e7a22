// The reader of reference arrays itself, on the assets that other tests compare with.
#include "support/npy.h"

#include <gtest/gtest.h>

#include "support/assets.h"

namespace octet::test {
namespace {

TEST(Npy, ReadsShapeTypeAndValues) {
  OCTET_REQUIRE_ASSETS();
  auto outputs = read_npy(assets() / "golden/squeezenet_v1.1/outputs_f32.npy");
  ASSERT_TRUE(outputs) << to_string(outputs.error());
  EXPECT_EQ(outputs->shape, (Shape{16, 1000}));
  EXPECT_EQ(outputs->dtype, "f4");
  double sum = 0;
  for (const float value : outputs->row<float>(3)) sum += value;
  EXPECT_NEAR(sum, 1.0, 1e-4) << "probabilities of one image";
  EXPECT_TRUE(outputs->as<std::uint8_t>().empty()) << "another element size";
}

TEST(Npy, ReadsDeflatedArchives) {
  OCTET_REQUIRE_ASSETS();
  auto layers = read_npz(assets() / "golden/cifar_resnet20/layers_image0.npz");
  ASSERT_TRUE(layers) << to_string(layers.error());
  EXPECT_EQ(layers->size(), 71U);
  ASSERT_TRUE(layers->contains("conv0_output"));
  EXPECT_EQ(layers->at("conv0_output").shape, (Shape{1, 16, 32, 32}));
}

TEST(Npy, RefusesOtherFiles) {
  OCTET_REQUIRE_ASSETS();
  EXPECT_FALSE(read_npy(assets() / "README.md"));
  EXPECT_FALSE(read_npz(assets() / "README.md"));
  EXPECT_FALSE(read_npy(assets() / "absent.npy"));
}

}  // namespace
}  // namespace octet::test
