#include "octet/jobs/draw/page.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace octet {
namespace {

using Kind = Difference::Kind;

constexpr std::size_t kMaxKeyBytes = 60;         // of a file name
constexpr std::size_t kMaxTextCharacters = 400;  // of a key, label or message on the page
constexpr std::size_t kMaxListed = 40;           // differences in one table
constexpr std::size_t kMaxOpenScores = 6;        // changes of scores that are shown without a click

constexpr std::string_view kStyle = R"(
body{max-width:1560px}
figure{margin:1rem 0;padding:.7rem}
.sheet{overflow-x:auto;background:#fff;border-radius:3px}
.sheet img{display:block;max-width:100%;height:auto;margin:0 auto}
figcaption b{margin-right:.6rem}
th,td{overflow-wrap:anywhere}
th,td:first-child{overflow-wrap:normal}
.kind td:first-child{color:var(--alarm)}
li{overflow-wrap:anywhere;margin:.2rem 0}
@media(max-width:700px){figure{padding:.4rem}.two img{max-width:none;width:200%}}
)";

std::string text_html(std::string_view text) { return escape_html(one_line(text, kMaxTextCharacters)); }

std::string number(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  return text.data();
}

std::string side_html(const std::optional<int>& id, float score, const Speaker& speaker, float min_score) {
  if (!id) return "\xE2\x80\x93";  // a dash
  std::string text =
      "<bdi>" + text_html(class_name(*id, speaker.labels)) + "</bdi> " + escape_html(format_score(score));
  if (score < min_score) text += " <span class=\"dim\">(not drawn)</span>";
  return text;
}

std::string kind_text(const Difference& difference, const SheetInput& input) {
  switch (difference.kind) {
    case Kind::only_one: {
      const Speaker& speaker = input.speakers[difference.first_id ? 0 : 1];
      const bool telling = input.speakers[0].quantized != input.speakers[1].quantized;
      return "only " + (telling ? precision_name(speaker.quantized) : text_html(speaker.name));
    }
    case Kind::changed: return input.outcomes[0].detection ? "another class" : "another best class";
    case Kind::score: return "score";
    default: return "same";
  }
}

std::string row_html(const Difference& difference, const SheetInput& input) {
  const float least = input.outcomes[0].detection ? input.min_score : -1e38F;
  return (difference.kind == Kind::score ? "<tr><td>" : "<tr class=\"kind\"><td>") + kind_text(difference, input) +
         "</td><td>" + side_html(difference.first_id, difference.first_score, input.speakers[0], least) + "</td><td>" +
         side_html(difference.second_id, difference.second_score, input.speakers[1], least) + "</td></tr>\n";
}

std::string table_html(const std::vector<const Difference*>& rows, const SheetInput& input) {
  std::string html = "<table>\n<thead><tr><th>difference</th>";
  for (const Speaker& speaker : input.speakers) {
    html += "<th>" + std::string(precision_name(speaker.quantized)) + "</th>";
  }
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < std::min(rows.size(), kMaxListed); ++i) html += row_html(*rows[i], input);
  html += "</tbody>\n</table>\n";
  if (rows.size() > kMaxListed) {
    html += "<p class=\"dim\">and " + std::to_string(rows.size() - kMaxListed) + " more</p>\n";
  }
  return html;
}

/// What differs in kind stands open; many changes of scores alone are folded away.
std::string differences_html(const SheetInput& input) {
  std::vector<const Difference*> in_kind;
  std::vector<const Difference*> scores;
  std::size_t same = 0;
  for (const Difference& difference : input.comparison->differences) {
    if (difference.kind == Kind::same) {
      ++same;
    } else {
      (difference.kind == Kind::score ? scores : in_kind).push_back(&difference);
    }
  }
  if (in_kind.empty() && scores.empty()) return "<p class=\"dim\">no difference</p>\n";
  std::string html;
  if (scores.size() <= kMaxOpenScores) in_kind.insert(in_kind.end(), scores.begin(), scores.end());
  if (!in_kind.empty()) html += table_html(in_kind, input);
  if (scores.size() > kMaxOpenScores) {
    html += "<details><summary>" + std::to_string(scores.size()) + " other scores differ</summary>\n" +
            table_html(scores, input) + "</details>\n";
  }
  if (same > 0) html += "<p class=\"dim\">" + std::to_string(same) + " the same</p>\n";
  return html;
}

std::string speakers_html(const std::vector<Speaker>& speakers) {
  std::string text;
  for (const Speaker& speaker : speakers) {
    text += (text.empty() ? "" : " and ") + text_html(speaker.name) + " (" + precision_name(speaker.quantized) + ")";
  }
  return text;
}

std::string count_text(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

std::string sheet_name(std::uint64_t index, std::string_view key, std::string_view extension) {
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), "%06llu", static_cast<unsigned long long>(index));
  std::string name;
  for (const char c : key) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  if (name.size() > kMaxKeyBytes) name = name.substr(name.size() - kMaxKeyBytes);  // the end tells more of a path
  for (const std::string_view known : {"_jpg", "_jpeg", "_png", "_JPG", "_JPEG"}) {
    if (name.ends_with(known)) name.resize(name.size() - known.size());
  }
  while (name.ends_with('_')) name.pop_back();
  const std::string separator = name.empty() || name.front() == '_' ? "" : "-";
  return number.data() + separator + name + "." + std::string(extension);
}

std::string sheet_html(const SheetInput& input, const Sheet& sheet, std::string_view file) {
  const std::string key = text_html(input.title);
  const std::string name = escape_html(file);
  std::string html = "<figure>\n<figcaption><b><bdi>" + key + "</bdi></b>";
  if (input.comparison != nullptr) {
    html += "<span class=\"dim\">difference " + number(input.comparison->size) + "</span>";
  }
  html += "</figcaption>\n<div class=\"sheet" + std::string(sheet.columns > 1 ? " two" : "") + "\"><a href=\"" + name +
          "\"><img loading=\"lazy\" src=\"" + name + "\" width=\"" + std::to_string(sheet.size.width) + "\" height=\"" +
          std::to_string(sheet.size.height) + "\" alt=\"" + key + "\"></a></div>\n";
  if (input.comparison != nullptr) html += differences_html(input);
  return html + "</figure>\n";
}

std::string error_html(std::uint64_t index, std::string_view key, const Error& error) {
  return "<li>" + std::to_string(index) + " <b><bdi>" + text_html(key) + "</bdi></b>: <span class=\"error\">" +
         text_html(to_string(error)) + "</span></li>\n";
}

std::string page_html(const Page& page) {
  const auto sorted = [](const std::vector<PageItem>& items) {
    std::vector<const PageItem*> order;
    for (const PageItem& item : items) order.push_back(&item);
    std::sort(order.begin(), order.end(), [](const PageItem* a, const PageItem* b) {
      return a->size != b->size ? a->size > b->size : a->index < b->index;
    });
    return order;
  };
  const bool two = page.speakers.size() > 1;
  const std::string models = speakers_html(page.speakers);
  std::string html = html_begin("octet: " + models, kStyle);
  html += "<h1>" + models + "</h1>\n<p>" + count_text(page.sheets.size(), "picture", "pictures");
  if (two) {
    html += ", " + std::to_string(page.differing) + " with another class or box, largest difference first";
  }
  if (!page.errors.empty()) html += ", <a href=\"#errors\">" + std::to_string(page.errors.size()) + " bad</a>";
  html += "</p>\n";
  if (two) {
    html +=
        "<p class=\"dim\">The size of a difference: the scores of boxes that only one model has or calls by another "
        "name, 1 and the score of another best class, and the changes of all other scores.</p>\n";
  }
  for (const PageItem* item : sorted(page.sheets)) html += item->html;
  if (!page.errors.empty()) {
    html += "<h2 id=\"errors\">" + count_text(page.errors.size(), "bad entry", "bad entries") + "</h2>\n<ul>\n";
    for (const PageItem* item : sorted(page.errors)) html += item->html;
    html += "</ul>\n";
  }
  return html + html_end();
}

}  // namespace octet
