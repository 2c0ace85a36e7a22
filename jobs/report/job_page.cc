#include "octet/jobs/report/job_page.h"

#include <openssl/evp.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "octet/jobs/draw/color.h"
#include "octet/jobs/html.h"

namespace octet {
namespace {

constexpr std::size_t kMostClasses = 20, kMostPoints = 300, kMostBoxes = 20;
constexpr float kLeastBoxScore = 0.3F;

constexpr std::string_view kJobStyle = R"(
svg.chart{width:100%;max-width:640px;height:auto;background:var(--card);border:1px solid var(--line);border-radius:6px}
svg.chart text{fill:var(--dim);font:12px system-ui,"DejaVu Sans",sans-serif}
td.n{text-align:right;white-space:nowrap}
td.bar{width:30%;min-width:5rem}td.bar div{height:.8rem;margin-top:.3rem;background:var(--accent)}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:.7rem}
.sheet figure{margin:0;padding:.5rem;break-inside:avoid;font-size:.9rem}
.sheet svg{width:100%;height:auto;max-height:240px;display:block}
.wide{overflow-x:auto}
td.message{overflow-wrap:anywhere}
)";

std::string decimals(double value, int places) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", places, value);
  return text;
}

std::string share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : decimals(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

std::string class_text(int id, const std::string& label) {
  return label.empty() ? "class " + std::to_string(id) : escape_html(label);
}

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

void add_row(std::string_view name, const std::string& value, std::string& html) {
  if (value.empty()) return;
  html.append("<tr><th>").append(name).append("</th><td class=\"n\">").append(value).append("</td></tr>\n");
}

std::string facts_html(const JobFacts& facts) {
  std::string html;
  const std::string type = facts.precision == "int8" ? "INT8" : facts.precision == "f32" ? "FP32" : facts.precision;
  if (!facts.model.empty()) add_row("model", escape_html(facts.model + (type.empty() ? "" : " (" + type + ")")), html);
  add_row("data", escape_html(facts.data), html);
  add_row("instruction set", escape_html(facts.isa), html);
  add_row("octet version", escape_html(facts.version), html);
  if (facts.shards > 1) add_row("shards", std::to_string(facts.shards), html);
  return html;
}

std::string summary_html(const JobFigures& figures) {
  std::string html = "<table>\n" + facts_html(figures.facts);
  add_row("entries", std::to_string(figures.n), html);
  add_row("scored", std::to_string(figures.n - figures.failed), html);
  add_row("failed", std::to_string(figures.failed), html);
  for (const auto& [code, count] : figures.errors) {
    add_row("&#8195;<code>" + escape_html(code) + "</code>", std::to_string(count), html);
  }
  if (figures.detection) {
    add_row("boxes", std::to_string(figures.boxes), html);
    add_row("without a box", std::to_string(figures.without_boxes), html);
  }
  if (const double seconds = figures.facts.seconds; seconds > 0) {
    add_row(figures.facts.shards > 1 ? "seconds of scoring, all shards" : "seconds of scoring", decimals(seconds, 1),
            html);
    add_row("images/s", decimals(static_cast<double>(figures.n) / seconds, 1), html);
  }
  return html + "</table>\n";
}

std::string text_at(double x, double y, std::string_view anchor, const std::string& text) {
  return "<text x=\"" + decimals(x, 1) + "\" y=\"" + decimals(y, 1) + "\" text-anchor=\"" + std::string(anchor) +
         "\">" + text + "</text>";
}

/// Bars over 0..1; 640 x 200 units.
std::string histogram_html(const JobFigures& figures) {
  constexpr double kLeft = 10, kWidth = 620, kTop = 20, kHeight = 150;
  const std::uint64_t most = std::max<std::uint64_t>(1, *std::ranges::max_element(figures.best_scores));
  std::string html = "<svg class=\"chart\" viewBox=\"0 0 640 200\" role=\"img\" aria-label=\"Histogram of scores\">";
  const double step = kWidth / JobFigures::score_bins;
  for (std::size_t i = 0; i < JobFigures::score_bins; ++i) {
    const std::uint64_t count = figures.best_scores[i];
    const double height = kHeight * static_cast<double>(count) / static_cast<double>(most);
    html += "<rect x=\"" + decimals(kLeft + step * static_cast<double>(i) + 1, 1) + "\" y=\"" +
            decimals(kTop + kHeight - height, 1) + "\" width=\"" + decimals(step - 2, 1) + "\" height=\"" +
            decimals(height, 1) + "\" fill=\"var(--accent)\"><title>" + decimals(0.05 * static_cast<double>(i), 2) +
            " to " + decimals(0.05 * static_cast<double>(i + 1), 2) + ": " + std::to_string(count) + "</title></rect>";
  }
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const std::string_view anchor = tenth == 0 ? "start" : tenth == 10 ? "end" : "middle";
    html += text_at(kLeft + kWidth * tenth / 10, 190, anchor, decimals(0.1 * tenth, 1));
  }
  html += text_at(kLeft, 14, "start", "highest bar: " + std::to_string(most)) + "</svg>\n";
  if (figures.other_scores > 0) {
    html +=
        "<p class=\"dim\">" + std::to_string(figures.other_scores) + " scores are outside 0 to 1 and not shown.</p>\n";
  }
  return html;
}

/// At most kMostPoints, each the mean speed over its stretch of time.
std::vector<SpeedFigure> thinned(const std::vector<SpeedFigure>& speed) {
  std::vector<SpeedFigure> points;
  const std::size_t step = (speed.size() + kMostPoints - 1) / kMostPoints;
  double before = 0;
  for (std::size_t i = 0; i < speed.size(); i += step) {
    double images = 0, begin = before;
    for (std::size_t k = i; k < std::min(i + step, speed.size()); ++k) {
      images += speed[k].images_per_s * (speed[k].seconds - before);
      before = speed[k].seconds;
    }
    points.push_back({before, images / std::max(before - begin, 1e-9)});
  }
  return points;
}

/// Steps of speed over time; 640 x 200 units.
std::string speed_html(const JobFigures& figures) {
  constexpr double kLeft = 10, kWidth = 620, kTop = 20, kHeight = 150;
  const std::vector<SpeedFigure> points = thinned(figures.speed);
  double fastest = 0;
  for (const SpeedFigure& point : points) fastest = std::max(fastest, point.images_per_s);
  const double end = std::max(points.back().seconds, 1e-9);
  std::string path;
  double before = 0;
  for (const SpeedFigure& point : points) {
    const std::string y = decimals(kTop + kHeight * (1 - point.images_per_s / std::max(fastest, 1e-9)), 1);
    path += (path.empty() ? "M" : "L") + decimals(kLeft + kWidth * before / end, 1) + " " + y;
    path += "H" + decimals(kLeft + kWidth * point.seconds / end, 1);
    before = point.seconds;
  }
  return "<svg class=\"chart\" viewBox=\"0 0 640 200\" role=\"img\" aria-label=\"Images per second over time\">" +
         ("<path d=\"" + path + "\" fill=\"none\" stroke=\"var(--accent)\" stroke-width=\"2\"/>") +
         text_at(kLeft, 14, "start", "fastest: " + decimals(fastest, 0) + " images/s") +
         text_at(kLeft, 190, "start", "0 s") + text_at(kLeft + kWidth, 190, "end", decimals(end, 1) + " s") +
         "</svg>\n";
}

std::string classes_html(const JobFigures& figures) {
  std::vector<std::pair<int, ClassCount>> classes(figures.classes.begin(), figures.classes.end());
  std::ranges::stable_sort(classes, [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  std::uint64_t total = 0;
  for (const auto& [id, of_class] : classes) total += of_class.count;
  std::string html = "<table style=\"width:100%;max-width:640px\">\n<tr><th>class</th><th>";
  html += std::string(figures.detection ? "boxes" : "pictures") + "</th><th>share</th><th></th></tr>\n";
  for (std::size_t i = 0; i < std::min(kMostClasses, classes.size()); ++i) {
    const auto& [id, of_class] = classes[i];
    const double part = static_cast<double>(of_class.count) / static_cast<double>(classes.front().second.count);
    html += "<tr><td>" + class_text(id, of_class.label) + "</td><td class=\"n\">" + std::to_string(of_class.count) +
            "</td><td class=\"n\">" + share(of_class.count, total) +
            "</td><td class=\"bar\"><div style=\"width:" + decimals(100 * part, 1) + "%\"></div></td></tr>\n";
  }
  html += "</table>\n";
  if (classes.size() > kMostClasses) {
    html += "<p class=\"dim\">and " + std::to_string(classes.size() - kMostClasses) + " more classes</p>\n";
  }
  return html;
}

std::string hex(Rgb color) {
  char text[8];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", color.red, color.green, color.blue);
  return text;
}

std::string boxes_svg(const PagePicture& picture) {
  std::string svg;
  std::size_t drawn = 0;
  for (const Detection& box : picture.sample.outcome.detections) {
    const bool finite =
        std::isfinite(box.xmin) && std::isfinite(box.ymin) && std::isfinite(box.xmax) && std::isfinite(box.ymax);
    if (!finite || !(box.score >= kLeastBoxScore) || drawn++ >= kMostBoxes) continue;
    svg += "<rect x=\"" + decimals(box.xmin, 1) + "\" y=\"" + decimals(box.ymin, 1) + "\" width=\"" +
           decimals(std::max(0.0F, box.xmax - box.xmin), 1) + "\" height=\"" +
           decimals(std::max(0.0F, box.ymax - box.ymin), 1) + "\" fill=\"none\" stroke=\"" + hex(class_color(box.id)) +
           "\" stroke-width=\"2\" vector-effect=\"non-scaling-stroke\"/>";
  }
  return svg;
}

std::string outcome_html(const SampleFigure& sample) {
  const auto line = [&](int id, float score) {
    const auto found = sample.labels.find(id);
    return class_text(id, found == sample.labels.end() ? "" : found->second) + " <span class=\"dim\">" +
           decimals(score, 2) + "</span>";
  };
  std::string html;
  std::size_t lines = 0;
  for (const Prediction& p : sample.outcome.predictions) {
    if (lines++ < 3) html += "<br>" + line(p.id, p.score);
  }
  for (const Detection& box : sample.outcome.detections) {
    if (!(box.score >= kLeastBoxScore) || lines++ >= 5) continue;
    html += "<br><span style=\"color:" + hex(class_color(box.id)) + "\">&#9632;</span> " + line(box.id, box.score);
  }
  return html.empty() ? "<br><span class=\"dim\">nothing found</span>" : html;
}

std::string pictures_html(const std::vector<PagePicture>& pictures) {
  std::string html = "<div class=\"sheet\">\n";
  for (const PagePicture& picture : pictures) {
    const std::string width = std::to_string(picture.stored.width), height = std::to_string(picture.stored.height);
    html += "<figure><svg viewBox=\"0 0 " + width + " " + height + "\" role=\"img\" aria-label=\"" +
            escape_html(picture.sample.key) + "\"><image width=\"" + width + "\" height=\"" + height +
            "\" preserveAspectRatio=\"none\" href=\"data:image/jpeg;base64," + base64(picture.jpeg) + "\"/>" +
            boxes_svg(picture) + "</svg><figcaption><b>" + escape_html(picture.sample.key) + "</b>" +
            outcome_html(picture.sample) + "</figcaption></figure>\n";
  }
  return html + "</div>\n";
}

std::string failures_html(const JobFigures& figures) {
  std::string html = "<div class=\"wide\"><table>\n<tr><th>index</th><th>key</th><th>code</th><th>message</th></tr>\n";
  for (const FailureFigure& failure : figures.failures) {
    html += "<tr><td class=\"n\">" + std::to_string(failure.index) + "</td><td class=\"message\">" +
            escape_html(failure.key) + "</td><td>" + escape_html(failure.code) + "</td><td class=\"message\">" +
            escape_html(failure.message) + "</td></tr>\n";
  }
  html += "</table></div>\n";
  if (figures.failed > figures.failures.size()) {
    html += "<p class=\"dim\">and " + std::to_string(figures.failed - figures.failures.size()) +
            " more: see quarantine.jsonl</p>\n";
  }
  return html;
}

}  // namespace

std::string job_page(std::string_view title, const JobFigures& figures, const std::vector<PagePicture>& pictures) {
  const std::string heading = escape_html(title);
  std::string html = html_begin(heading, kJobStyle) + "<h1>" + heading + "</h1>\n" + summary_html(figures);
  const auto section = [&html](std::string_view name, const std::string& body) {
    html.append("<h2>").append(name).append("</h2>\n").append(body);
  };
  if (!figures.speed.empty()) section("Throughput", speed_html(figures));
  if (figures.n > figures.failed) {
    section(figures.detection ? "Scores of the boxes" : "Scores of the best class", histogram_html(figures));
  }
  if (!figures.classes.empty()) section("Classes", classes_html(figures));
  if (!pictures.empty()) section("Pictures", pictures_html(pictures));
  if (!figures.failures.empty()) section("Entries that failed", failures_html(figures));
  return html + html_end();
}

}  // namespace octet
