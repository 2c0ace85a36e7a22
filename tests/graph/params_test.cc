#include "octet/graph/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "graph/net.h"

namespace octet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Writes .params files field by field.
struct Bytes {
  template <class T>
  Bytes& add(T value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    data.insert(data.end(), p, p + sizeof value);
    return *this;
  }
  Bytes& text(const std::string& s) {
    add<std::uint64_t>(s.size());
    for (const char c : s) data.push_back(static_cast<std::byte>(c));
    return *this;
  }
  Bytes& header(std::uint64_t arrays) { return add<std::uint64_t>(0x112).add<std::uint64_t>(0).add(arrays); }
  /// Device (a GPU, as files from training often say), element type.
  Bytes& type(std::int32_t dtype) { return add<std::int32_t>(2).add<std::int32_t>(3).add(dtype); }
  Bytes& v2(const std::vector<std::int64_t>& shape, std::int32_t dtype) {
    add<std::uint32_t>(0xF993FAC9).add<std::int32_t>(0).add<std::int32_t>(static_cast<std::int32_t>(shape.size()));
    for (const auto size : shape) add(size);
    return type(dtype);
  }
  Bytes& keys(const std::vector<std::string>& names) {
    add<std::uint64_t>(names.size());
    for (const auto& name : names) text(name);
    return *this;
  }
  std::vector<std::byte> data;
};

Result<ParamMap> parse(const Bytes& bytes) { return parse_params(bytes.data, "f.params"); }

std::vector<float> floats(const ParamMap& params, const std::string& name) {
  const auto values = params.at(name).value.as<float>();
  return {values.begin(), values.end()};
}

/// One array of each version, one without elements, one without a shape.
Bytes all_versions() {
  Bytes b;
  b.header(5);
  b.add<std::uint32_t>(2).add<std::uint32_t>(1).add<std::uint32_t>(2).type(0).add(1.5F).add(-2.0F);  // V0
  b.add<std::uint32_t>(0xF993FAC8).add<std::int32_t>(1).add<std::int64_t>(1).type(0).add(3.0F);      // V1
  b.v2({2}, 0).add(4.0F).add(5.0F);
  b.add<std::uint32_t>(0xF993FACA).add<std::int32_t>(0).add<std::int32_t>(0).type(0).add(7.0F);  // V3 scalar
  b.add<std::uint32_t>(0xF993FAC9).add<std::int32_t>(0).add<std::int32_t>(0);                    // V2 none
  return b.keys({"arg:v0", "aux:v1", "v2", "arg:scalar", "none"});
}

TEST(Params, ReadsEveryVersion) {
  const ParamMap params = parse(all_versions()).value();
  ASSERT_EQ(params.size(), 5U);
  EXPECT_EQ(params.at("v0").value.shape(), (Shape{1, 2}));
  EXPECT_THAT(floats(params, "v0"), ElementsAre(1.5F, -2.0F));
  EXPECT_THAT(floats(params, "v1"), ElementsAre(3.0F));
  EXPECT_THAT(floats(params, "v2"), ElementsAre(4.0F, 5.0F));
  EXPECT_TRUE(params.at("scalar").value.shape().empty());
  EXPECT_THAT(floats(params, "scalar"), ElementsAre(7.0F));
  EXPECT_TRUE(params.at("none").value.empty());
  EXPECT_EQ(params.at("v0").role, NamedTensor::Role::arg);
  EXPECT_EQ(params.at("v1").role, NamedTensor::Role::aux);
  EXPECT_EQ(params.at("v2").role, NamedTensor::Role::unprefixed);
}

TEST(Params, V3UnknownShapeIsNoArrayAndV1WithoutAxesToo) {
  Bytes b;
  b.header(2);
  b.add<std::uint32_t>(0xF993FACA).add<std::int32_t>(0).add<std::int32_t>(-1);
  b.add<std::uint32_t>(0xF993FAC8).add<std::int32_t>(0);
  const ParamMap params = parse(b.keys({"a", "b"})).value();
  EXPECT_TRUE(params.at("a").value.empty());
  EXPECT_TRUE(params.at("b").value.empty());
}

TEST(Params, ArraysWithoutKeysAreNumbered) {
  Bytes b;
  b.header(2).v2({1}, 0).add(1.0F).v2({1}, 0).add(2.0F).keys({});
  const ParamMap params = parse(b).value();
  EXPECT_THAT(floats(params, "0"), ElementsAre(1.0F));
  EXPECT_THAT(floats(params, "1"), ElementsAre(2.0F));
}

TEST(Params, WidensFloatTypes) {
  Bytes b;
  b.header(3);
  b.v2({2}, 1).add(0.1).add(1e300);
  // 1, smallest subnormal, -2, infinity, NaN
  b.v2({5}, 2);
  for (const std::uint16_t half : {0x3C00, 0x0001, 0xC000, 0x7C00, 0x7E00}) b.add(half);
  b.v2({2}, 12).add<std::uint16_t>(0x3F80).add<std::uint16_t>(0xC040);
  const ParamMap params = parse(b.keys({"f64", "f16", "bf16"})).value();
  EXPECT_EQ(floats(params, "f64")[0], 0.1F);
  EXPECT_TRUE(std::isinf(floats(params, "f64")[1]));
  const auto half = floats(params, "f16");
  EXPECT_EQ(half[0], 1.0F);
  EXPECT_EQ(half[1], std::ldexp(1.0F, -24));
  EXPECT_EQ(half[2], -2.0F);
  EXPECT_TRUE(std::isinf(half[3]));
  EXPECT_TRUE(std::isnan(half[4]));
  EXPECT_THAT(floats(params, "bf16"), ElementsAre(1.0F, -3.0F));
}

TEST(Params, KeepsIntegerTypes) {
  for (const DType dtype :
       {DType::u8, DType::i32, DType::s8, DType::i64, DType::boolean, DType::i16, DType::u16, DType::u32, DType::u64}) {
    Bytes b;
    b.header(1).v2({3}, static_cast<std::int32_t>(dtype));
    for (std::size_t i = 0; i < 3 * size_of(dtype); ++i) b.add(static_cast<std::uint8_t>(i));
    const ParamMap params = parse(b.keys({"x"})).value();
    EXPECT_EQ(params.at("x").value.dtype(), dtype);
    EXPECT_EQ(params.at("x").value.bytes()[2], std::byte{2});
  }
}

TEST(Params, WritesWhatItReads) {
  ParamMap params;
  params["w"] = {NamedTensor::Role::arg, test::random_tensor({3, 2, 5, 5}, 1)};
  params["mean"] = {NamedTensor::Role::aux, test::random_tensor({7}, 2)};
  params["raw"] = {NamedTensor::Role::unprefixed, Tensor::create(DType::s8, {4, 3}).value()};
  params["none"] = {NamedTensor::Role::arg, Tensor()};
  params["scalar"] = {NamedTensor::Role::arg, Tensor::create(DType::f32, {}).value()};
  params["zero"] = {NamedTensor::Role::arg, Tensor::create(DType::f32, {2, 0}).value()};
  const auto bytes = write_params(params);
  const ParamMap back = parse_params(bytes, "f").value();
  ASSERT_EQ(back.size(), params.size());
  for (const auto& [name, param] : params) {
    EXPECT_EQ(back.at(name).role, param.role) << name;
    EXPECT_EQ(back.at(name).value.shape(), param.value.shape()) << name;
    EXPECT_EQ(back.at(name).value.empty(), param.value.empty()) << name;
    EXPECT_TRUE(std::ranges::equal(back.at(name).value.bytes(), param.value.bytes())) << name;
  }
  EXPECT_EQ(write_params(back), bytes);
}

TEST(Params, EveryTruncationIsAnErrorWithItsPlace) {
  const Bytes whole = all_versions();
  ASSERT_TRUE(parse(whole));
  for (std::size_t size = 0; size < whole.data.size(); ++size) {
    const auto result = parse_params(std::span(whole.data).first(size), "f.params");
    ASSERT_FALSE(result) << size;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_model);
    EXPECT_THAT(result.error().where, HasSubstr("f.params:"));
  }
}

TEST(Params, FlippedBytesNeverCrash) {
  const Bytes whole = all_versions();
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    auto bytes = whole.data;
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    refused += parse_params(bytes, "f") ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
}

struct Bad {
  const char* what;
  Bytes bytes;
  const char* message;
};

std::vector<Bad> bad_files() {
  std::vector<Bad> files;
  files.push_back({"magic", Bytes().add<std::uint64_t>(0x113).add<std::uint64_t>(0), "magic"});
  files.push_back({"count", Bytes().header(1U << 30U), "do not fit"});
  files.push_back({"huge", Bytes().header(1).v2({1LL << 30, 1 << 10}, 0).keys({"x"}), "passes the end"});
  files.push_back({"overflow", Bytes().header(1).v2({1LL << 62, 8}, 0).keys({"x"}), "2^48"});
  files.push_back({"negative", Bytes().header(1).v2({-1, 8}, 0).keys({"x"}), "negative"});
  files.push_back({"dtype", Bytes().header(1).v2({1}, 13).add(1.0F).keys({"x"}), "element type 13"});
  files.push_back({"axes", Bytes().header(1).add<std::uint32_t>(0xF993FAC9).add(0).add(33), "33 axes"});
  files.push_back({"v0 axes", Bytes().header(1).add<std::uint32_t>(33).keys({"x"}), "not an array header"});
  files.push_back({"storage", Bytes().header(1).add<std::uint32_t>(0xF993FAC9).add(7).add(1), "storage type 7"});
  files.push_back({"keys", Bytes().header(1).v2({1}, 0).add(1.0F).keys({"x", "y"}), "2 keys for 1"});
  files.push_back({"long key", Bytes().header(1).v2({1}, 0).add(1.0F).keys({std::string(5000, 'k')}), "5000 bytes"});
  files.push_back({"empty", Bytes().header(1).v2({1}, 0).add(1.0F).keys({"arg:"}), "empty name"});
  files.push_back({"twice", Bytes().header(2).v2({1}, 0).add(1.0F).v2({1}, 0).add(1.0F).keys({"arg:x", "aux:x"}),
                   "two arrays are called 'x'"});
  files.push_back({"trailing", Bytes().header(1).v2({1}, 0).add(1.0F).keys({"x"}).add(1), "4 unexplained bytes"});
  return files;
}

TEST(Params, DamagedFilesSayWhatIsWrong) {
  for (const Bad& bad : bad_files()) {
    const auto result = parse(bad.bytes);
    ASSERT_FALSE(result) << bad.what;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_model) << bad.what;
    EXPECT_THAT(result.error().message, HasSubstr(bad.message)) << bad.what;
  }
}

TEST(Params, SparseArraysAreUnsupported) {
  const auto result = parse(Bytes().header(1).add<std::uint32_t>(0xF993FAC9).add(1).add(1));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unsupported);
}

TEST(Params, ZeroPaddingBehindTheLastKeyIsTolerated) {
  EXPECT_TRUE(parse(Bytes().header(1).v2({1}, 0).add(1.0F).keys({"x"}).add<std::uint64_t>(0)));
}

}  // namespace
}  // namespace octet
