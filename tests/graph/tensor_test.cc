#include "octet/graph/tensor.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

TEST(Tensor, CopiesAreValues) {
  auto a = Tensor::from({2, 2}, std::vector<float>{1, 2, 3, 4}).value();
  Tensor b = a;
  b.mutable_as<float>()[0] = 9;
  EXPECT_EQ(a.as<float>()[0], 1);
  EXPECT_EQ(b.as<float>()[0], 9);
  EXPECT_TRUE(a.as<std::int8_t>().empty()) << "access under another type must not reinterpret";
}

TEST(Tensor, AbsurdShapesAreErrors) {
  EXPECT_EQ(Tensor::create(DType::f32, {1LL << 40, 1LL << 40}).error().code, ErrorCode::limit);
  EXPECT_EQ(Tensor::create(DType::f32, {-1}).error().code, ErrorCode::limit);
  EXPECT_EQ(Tensor::create(DType::f32, {0, 1LL << 62}).value().elements(), 0U);
}

TEST(Tensor, ElementsAreAligned) {
  const auto t = Tensor::create(DType::s8, {3, 5, 7}).value();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.bytes().data()) % 64, 0U);
}

}  // namespace
}  // namespace octet
