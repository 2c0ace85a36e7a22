#include "octet/graph/dot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "octet/graph/attributes.h"
#include "octet/graph/json_text.h"
#include "octet/graph/node_text.h"
#include "octet/graph/ops.h"

namespace octet {
namespace {

constexpr const char* kTimes = "\xC3\x97";
constexpr std::size_t kMaxName = 44;        // bytes of a name in a box
constexpr std::size_t kMaxAttributes = 60;  // bytes of an operator's parameters in a box

struct Colors {
  const char* head;  ///< background of the operator's row
  const char* line;  ///< frame, and edges of values of this kind
};
constexpr Colors kFloat{"#cfe2f7", "#2b6cb0"};
constexpr Colors kInt8{"#ffd9a8", "#c05600"};
constexpr Colors kPixels{"#c9edc9", "#2f7d32"};
constexpr Colors kConstant{"#e4e4e4", "#6b6b6b"};
constexpr const char* kFusedRow = "#fff3c4";

std::string sides(const Size2& size) { return std::to_string(size[0]) + kTimes + std::to_string(size[1]); }

/// " / 2" for a stride of 2.
std::string stride_text(const Size2& stride) {
  if (stride == Size2{1, 1}) return "";
  return " / " + (stride[0] == stride[1] ? std::to_string(stride[0]) : sides(stride));
}

/// Cuts the middle out of long text, at the borders of UTF-8 sequences.
std::string shortened(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
  std::size_t head = bytes / 2 - 1;
  std::size_t tail = text.size() - (bytes / 2 - 1);
  while (head > 0 && continues(head)) --head;
  while (tail < text.size() && continues(tail)) ++tail;
  return text.substr(0, head) + ".." + text.substr(tail);
}

std::string all_attributes(const Node& node) {
  AttributeWriter attributes;
  kind_of(node.op).write(node, attributes);
  std::string text;
  for (const auto& [key, value] : attributes.attributes) {
    if (!key.starts_with("__")) text += " " + key + "=" + value;
  }
  return text;
}

/// What a reader wants to know of an operator at a glance.
struct Describe {
  const Node& node;

  std::string operator()(const ConvolutionOp& op) const {
    std::string text = " " + sides(op.kernel) + stride_text(op.stride) + ", " + std::to_string(op.num_filter);
    if (op.dilate != Size2{1, 1}) text += ", dilated " + sides(op.dilate);
    if (op.groups > 1)
      text += op.groups == op.num_filter ? ", depthwise" : ", " + std::to_string(op.groups) + " groups";
    return text;
  }
  std::string operator()(const FullyConnectedOp& op) const { return " " + std::to_string(op.num_hidden); }
  std::string operator()(const PoolingOp& op) const {
    const char* kind = op.kind == PoolKind::max ? " max" : op.kind == PoolKind::avg ? " average" : " sum";
    return op.global ? std::string(kind) + ", global" : kind + (" " + sides(op.kernel)) + stride_text(op.stride);
  }
  std::string operator()(const EltwiseOp& op) const {  // the operator is called by its function already
    const std::string text = to_string(op);
    return text.substr(std::min(text.find('('), text.size()));
  }
  std::string operator()(const BatchNormOp& /*op*/) const { return ""; }
  std::string operator()(const ConcatOp& op) const { return op.axis == 1 ? "" : " axis " + std::to_string(op.axis); }
  std::string operator()(const InputOp& /*op*/) const { return " pixels"; }
  std::string operator()(const NormalizeOp& /*op*/) const { return ""; }
  std::string operator()(const ConstantOp& /*op*/) const { return ""; }
  template <class Other>
  std::string operator()(const Other& /*op*/) const {
    return shortened(all_attributes(node), kMaxAttributes);
  }
};

bool computes_int8(const Node& node) {
  if (node.as<InputOp>() != nullptr) return false;
  const bool int8_weights = !node.params.empty() && !node.params[0].scale.empty();
  return int8_weights ||
         std::any_of(node.outputs.begin(), node.outputs.end(), [](const Value& v) { return v.quantized(); });
}

Colors colors_of(const Node& node) {
  if (node.as<InputOp>() != nullptr) return kPixels;
  if (node.as<ConstantOp>() != nullptr) return kConstant;
  return computes_int8(node) ? kInt8 : kFloat;
}

const char* edge_color(const Graph& graph, ValueRef ref) {
  const Node& producer = graph.nodes[static_cast<std::size_t>(ref.node)];
  if (producer.as<InputOp>() != nullptr) return kPixels.line;
  return graph.value(ref).quantized() ? kInt8.line : kFloat.line;
}

std::string row(const std::string& content, const char* background) {
  return std::string("<TR><TD BGCOLOR=\"") + background + "\">" + content + "</TD></TR>";
}

std::string small(const std::string& text) { return "<FONT POINT-SIZE=\"9\">" + escape_dot_html(text) + "</FONT>"; }

std::string shape_text(const Shape& shape) {
  std::string text;
  for (std::size_t i = shape.size() > 1 ? 1 : 0; i < shape.size(); ++i) {
    text += (text.empty() ? "" : kTimes) + std::to_string(shape[i]);
  }
  return text;
}

/// "u8 * 0.0235" and the shape, on two lines.
std::string value_text(const Value& value) {
  std::string text(to_string(value.dtype));
  if (value.quantized() && value.scale != 1) {
    std::array<char, 32> scale{};
    std::snprintf(scale.data(), scale.size(), "%.3g", static_cast<double>(value.scale));
    text += std::string(" ") + kTimes + " " + scale.data();
  }
  return text + "\n" + shape_text(value.shape);
}

class Writer {
 public:
  Writer(const DotPart& part, std::size_t number)
      : part_(part), graph_(*part.graph), prefix_("g" + std::to_string(number) + "n") {}

  void write(std::string& dot, std::size_t number) const {
    dot += "subgraph cluster_" + std::to_string(number) + " {\nlabel=" + quote_dot(heading()) + ";\n";
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) dot += box(i);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      for (std::size_t k = 0; k < node.inputs.size(); ++k) {
        dot += edge(node.inputs[k], prefix_ + std::to_string(i), node.has_sum() && k + 1 == node.inputs.size());
      }
    }
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      const std::string id = prefix_ + "out" + std::to_string(i);
      dot += id + " [shape=ellipse, label=\"output\"];\n" + edge(graph_.outputs[i], id, false);
    }
    dot += "}\n";
  }

 private:
  [[nodiscard]] std::string heading() const {
    const auto int8 = std::count_if(graph_.nodes.begin(), graph_.nodes.end(), computes_int8);
    std::string text = part_.title + ": " + std::to_string(graph_.nodes.size()) + " nodes";
    if (int8 > 0) text += ", " + std::to_string(int8) + " in INT8";
    return text;
  }

  [[nodiscard]] std::string box(std::size_t i) const {
    const Node& node = graph_.nodes[i];
    const Colors colors = colors_of(node);
    std::string what = std::visit(Describe{node}, node.op);
    std::string head = "<B>" + escape_dot_html(op_name(node.op)) + "</B>";
    if (what.starts_with(' ')) {  // SVG drops plain spaces at the ends of a piece of text
      head += "&#160;";
      what.erase(0, 1);
    }
    head += escape_dot_html(what);
    std::string table = row(head, colors.head);
    for (const PostOp& post_op : node.post_ops) {
      table += row("+ " + escape_dot_html(post_op.kind == PostOp::Kind::sum ? "sum" : to_string(post_op.eltwise)),
                   kFusedRow);
    }
    std::string below = small(shortened(node.name, kMaxName));
    if (!node.params.empty() && !node.params[0].scale.empty()) below += "<BR/>" + small("s8 weights");
    table += row(below, "#ffffff");
    return prefix_ + std::to_string(i) + " [tooltip=" + quote_dot(tooltip(node)) +
           ", label=<<TABLE BORDER=\"0\" CELLBORDER=\"1\" CELLSPACING=\"0\" CELLPADDING=\"4\" COLOR=\"" + colors.line +
           "\">" + table + "</TABLE>>];\n";
  }

  static std::string tooltip(const Node& node) {
    std::string text = node.name + ": " + op_name(node.op) + all_attributes(node);
    if (!node.fused.empty()) text += "; fused:";
    for (const std::string& name : node.fused) text += " " + name;
    return text;
  }

  [[nodiscard]] std::string edge(ValueRef from, const std::string& to, bool sum) const {
    const char* color = edge_color(graph_, from);
    return prefix_ + std::to_string(from.node) + " -> " + to + " [color=\"" + color + "\", fontcolor=\"" + color +
           "\", label=" + quote_dot(value_text(graph_.value(from))) + (sum ? ", style=dashed" : "") + "];\n";
  }

  const DotPart& part_;
  const Graph& graph_;
  const std::string prefix_;
};

/// Text without what neither XML nor DOT can hold.
std::string printable(const std::string& text) {
  const bool utf8 = is_utf8(text);
  std::string clean = text;
  for (char& c : clean) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7F || (!utf8 && byte >= 0x80)) c = '?';
  }
  return clean;
}

}  // namespace

std::string escape_dot_html(const std::string& text) {
  std::string html;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': html += "&amp;"; break;
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '"': html += "&quot;"; break;
      default: html += c;
    }
  }
  return html;
}

std::string quote_dot(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : printable(text)) {
    switch (c) {
      case '"': quoted += "\\\""; break;
      case '\\': quoted += "\\\\"; break;
      case '\n': quoted += "\\n"; break;
      case '&': quoted += "&amp;"; break;  // Graphviz reads entities in every string
      default: quoted += c;
    }
  }
  return quoted + "\"";
}

std::string to_dot(std::span<const DotPart> parts) {
  std::string dot =
      "digraph octet {\ncharset=\"UTF-8\"; rankdir=TB; nodesep=0.3; ranksep=0.35; fontname=\"DejaVu Sans\"; "
      "fontsize=16;\n"
      "node [shape=plain, fontname=\"DejaVu Sans\", fontsize=11];\n"
      "edge [fontname=\"DejaVu Sans\", fontsize=9, arrowsize=0.7];\n"
      "color=\"#b0b0b0\"; labeljust=l;\n";
  for (std::size_t i = 0; i < parts.size(); ++i) Writer(parts[i], i).write(dot, i);
  return dot + "}\n";
}

}  // namespace octet
