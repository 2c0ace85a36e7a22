#include "octet/graph/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <limits>

namespace octet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

TEST(AttributeGrammar, Bool) {
  for (const char* text : {"True", "true", "TRUE", "1", " True "}) EXPECT_THAT(parse_bool(text), Optional(true));
  for (const char* text : {"False", "false", "0"}) EXPECT_THAT(parse_bool(text), Optional(false));
  for (const char* text : {"", "yes", "2", "None", "Truee"}) EXPECT_FALSE(parse_bool(text)) << text;
}

TEST(AttributeGrammar, Numbers) {
  EXPECT_THAT(parse_integer(" 12 "), Optional(12));
  EXPECT_THAT(parse_integer("-3"), Optional(-3));
  EXPECT_THAT(parse_integer("+3"), Optional(3));
  EXPECT_THAT(parse_integer("64L"), Optional(64));
  for (const char* text : {"", "1.5", "a", "1 2", "9223372036854775808", "+-1", "L"}) {
    EXPECT_FALSE(parse_integer(text)) << text;
  }
  EXPECT_THAT(parse_float("1e-05"), Optional(1e-05F));
  EXPECT_THAT(parse_float("+0.5"), Optional(0.5F));
  EXPECT_THAT(parse_float("inf"), Optional(std::numeric_limits<float>::infinity()));
  EXPECT_THAT(parse_double("2e-5"), Optional(2e-5));
  for (const char* text : {"", "nan", "0x", "1,5", "1e999"}) EXPECT_FALSE(parse_float(text)) << text;
}

TEST(AttributeGrammar, Tuples) {
  for (const char* text : {"(3, 4)", "(3,4)", "[3, 4]", "( 3 , 4 )", "(3L, 4L)", "(3, 4,)"}) {
    EXPECT_THAT(parse_integers(text), Optional(ElementsAre(3, 4))) << text;
  }
  EXPECT_THAT(parse_integers("(3,)"), Optional(ElementsAre(3)));
  EXPECT_THAT(parse_integers("3"), Optional(ElementsAre(3)));
  EXPECT_THAT(parse_integers("()"), Optional(IsEmpty()));
  EXPECT_THAT(parse_integers("[]"), Optional(IsEmpty()));
  for (const char* text :
       {"", "(", ")", "(3", "(3]", "3,4", "(3,,4)", "(,)", "(a)", "((3))", "(3 4)", "(1.5)", "None"}) {
    EXPECT_FALSE(parse_integers(text)) << text;
  }
  EXPECT_THAT(parse_floats("(0.1,0.141)"), Optional(ElementsAre(0.1F, 0.141F)));
  EXPECT_THAT(parse_optional_integers("(None, 3, None)"),
              Optional(ElementsAre(std::nullopt, Optional(3), std::nullopt)));
  EXPECT_FALSE(parse_integers("(" + std::string(20000, '1') + ")"));
}

TEST(AttributeGrammar, FormatsReadBack) {
  EXPECT_EQ(format(true), "True");
  EXPECT_EQ(format_tuple(std::vector<std::int64_t>{}), "()");
  EXPECT_EQ(format_tuple(std::vector<std::int64_t>{3}), "(3,)");
  EXPECT_EQ(format_tuple(std::vector<std::int64_t>{3, -1}), "(3, -1)");
  EXPECT_EQ(format(0.1F), "0.1");
  for (const float value : {0.1F, 1.0F / 3, 1e-38F, std::numeric_limits<float>::denorm_min(), 123456.789F}) {
    EXPECT_THAT(parse_float(format(value)), Optional(value));
  }
  EXPECT_THAT(parse_double(format(1e-5 + 1e-10)), Optional(1e-5 + 1e-10));
}

TEST(AttributeGrammar, HiddenKeys) {
  EXPECT_TRUE(is_hidden_key("__lr_mult__"));
  for (const char* key : {"__", "____", "__x", "x__", "lr_mult"}) EXPECT_FALSE(is_hidden_key(key)) << key;
}

TEST(AttributeReader, ReportsAllProblemsAtOnce) {
  const AttributeReader::Map map{{"kernel", "(a)"}, {"flag", "maybe"}, {"surprise", "1"}, {"__hidden__", "x"}};
  AttributeReader reader(map, 1, false);
  reader.integers("kernel");
  reader.boolean("flag", false);
  reader.integer("num_filter", std::nullopt, 1);
  const auto result = reader.finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_model);
  EXPECT_THAT(result.error().message, HasSubstr("'kernel' = '(a)'"));
  EXPECT_THAT(result.error().message, HasSubstr("'flag' = 'maybe'"));
  EXPECT_THAT(result.error().message, HasSubstr("'num_filter' is missing"));
  EXPECT_THAT(result.error().message, HasSubstr("unknown attribute 'surprise'"));
  EXPECT_THAT(result.error().message, testing::Not(HasSubstr("hidden")));
}

TEST(AttributeReader, SizesStayInBounds) {
  const AttributeReader::Map map{{"n", "16777217"}, {"pad", "(-1, 0)"}};
  AttributeReader reader(map, 1, false);
  reader.integer("n", 1);
  EXPECT_FALSE(reader.integers("pad"));
  EXPECT_FALSE(reader.finish());
}

TEST(AttributeReader, OwnAttributesCountOnlyOnOwnNodes) {
  const AttributeReader::Map map{{"__octet_pad__", "(1, 2, 3, 4)"}};
  EXPECT_EQ(AttributeReader(map, 1, false).own("pad"), nullptr);
  ASSERT_NE(AttributeReader(map, 1, true).own("pad"), nullptr);
}

}  // namespace
}  // namespace octet
