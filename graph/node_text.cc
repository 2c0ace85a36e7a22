#include "octet/graph/node_text.h"

#include <array>
#include <cmath>

#include "octet/graph/attributes.h"

namespace octet {
namespace {

struct EltwiseText {
  EltwiseKind kind;
  std::string_view name;
  int arguments;  // of alpha and beta
};
constexpr std::array<EltwiseText, 23> kEltwise{{{EltwiseKind::relu, "relu", 0},
                                                {EltwiseKind::leaky_relu, "leaky_relu", 1},
                                                {EltwiseKind::clip, "clip", 2},
                                                {EltwiseKind::sigmoid, "sigmoid", 0},
                                                {EltwiseKind::tanh, "tanh", 0},
                                                {EltwiseKind::softrelu, "softrelu", 0},
                                                {EltwiseKind::softsign, "softsign", 0},
                                                {EltwiseKind::elu, "elu", 1},
                                                {EltwiseKind::linear, "linear", 2},
                                                {EltwiseKind::log, "log", 0},
                                                {EltwiseKind::sqrt, "sqrt", 0},
                                                {EltwiseKind::square, "square", 0},
                                                {EltwiseKind::abs, "abs", 0},
                                                {EltwiseKind::reciprocal, "reciprocal", 1},
                                                {EltwiseKind::power, "power", 1},
                                                {EltwiseKind::greater, "greater", 1},
                                                {EltwiseKind::greater_equal, "greater_equal", 1},
                                                {EltwiseKind::lesser, "lesser", 1},
                                                {EltwiseKind::lesser_equal, "lesser_equal", 1},
                                                {EltwiseKind::equal, "equal", 1},
                                                {EltwiseKind::not_equal, "not_equal", 1},
                                                {EltwiseKind::exp, "exp", 0},
                                                {EltwiseKind::gelu, "gelu", 0}}};

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::optional<PostOp> parse_post_op(std::string_view text) {
  if (text == "sum") return PostOp{PostOp::Kind::sum, {}};
  const auto open = text.find('(');
  const std::string_view name = text.substr(0, open);
  for (const EltwiseText& known : kEltwise) {
    if (known.name != name) continue;
    std::vector<float> arguments;
    if (open != std::string_view::npos) {
      const auto parsed = parse_floats(text.substr(open));
      if (!parsed) return std::nullopt;
      arguments = *parsed;
    }
    if (arguments.size() != static_cast<std::size_t>(known.arguments)) return std::nullopt;
    arguments.resize(2);
    const bool clip = known.kind == EltwiseKind::clip;
    const bool finite = std::isfinite(arguments[0]) && std::isfinite(arguments[1]);
    if (clip ? arguments[0] > arguments[1] : !finite) return std::nullopt;
    return PostOp{PostOp::Kind::eltwise, {known.kind, arguments[0], arguments[1]}};
  }
  return std::nullopt;
}

}  // namespace

std::string to_string(const EltwiseOp& eltwise) {
  for (const EltwiseText& known : kEltwise) {
    if (known.kind != eltwise.kind) continue;
    std::string text(known.name);
    if (known.arguments > 0) text.append("(").append(format(eltwise.alpha));
    if (known.arguments > 1) text.append(", ").append(format(eltwise.beta));
    if (known.arguments > 0) text += ')';
    return text;
  }
  return "?";
}

std::string to_string(const std::vector<PostOp>& post_ops) {
  std::string text;
  for (const PostOp& post_op : post_ops) {
    if (!text.empty()) text += "; ";
    text += post_op.kind == PostOp::Kind::sum ? "sum" : to_string(post_op.eltwise);
  }
  return text;
}

std::optional<std::vector<PostOp>> parse_post_ops(std::string_view text) {
  std::vector<PostOp> post_ops;
  while (true) {
    const auto end = text.find(';');
    const auto post_op = parse_post_op(trim(text.substr(0, end)));
    if (!post_op || post_ops.size() == 8) return std::nullopt;
    post_ops.push_back(*post_op);
    if (end == std::string_view::npos) return post_ops;
    text.remove_prefix(end + 1);
  }
}

}  // namespace octet
