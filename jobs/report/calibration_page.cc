#include "octet/jobs/report/calibration_page.h"

#include <algorithm>  // std::min
#include <cstdio>     // std::snprintf

#include "octet/jobs/draw/canvas.h"
#include "octet/jobs/html.h"
#include "octet/jobs/report/calibration_figures.h"
#include "octet/jobs/report/histogram_svg.h"

namespace octet {
namespace {

constexpr std::size_t kMaxNameCharacters = 200;

constexpr std::string_view kReportStyle = R"(
body{max-width:1200px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:.7rem;margin:.8rem 0;padding:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.5rem .8rem}
.card b{display:block;font-size:1.5rem;line-height:1.3}
.card span{display:block;overflow-wrap:anywhere}
.note{background:var(--mark);border-radius:4px;padding:.3rem .6rem}
.wide{overflow-x:auto}
.wide table{width:100%}
td.n,th.n{text-align:right}
td.n{white-space:nowrap}
code{font:inherit;white-space:nowrap}
li{overflow-wrap:anywhere}
td:first-child{overflow-wrap:anywhere;min-width:9rem}
.bad{color:var(--alarm);font-weight:600}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));gap:.7rem}
.plots figure{margin:0;padding:.5rem;break-inside:avoid}
.plots svg{display:block;width:100%;height:auto}
.plots figcaption{font-size:.85rem}
a{color:inherit}
tr,.card{break-inside:avoid}
@media(max-width:700px){td.o,th.o{display:none}td:first-child{min-width:6rem}.wide{font-size:.8rem;line-height:1.3}
.cards{grid-template-columns:1fr 1fr;gap:.4rem}.card{padding:.4rem .5rem;font-size:.85rem}.card b{font-size:1.2rem}ul{padding-left:1.2rem}}
@media print{body{padding:0;font-size:11px}.plots{grid-template-columns:repeat(3,1fr)}.wide{overflow:visible}a{text-decoration:none}}
)";

std::string name_html(std::string_view name) { return escape_html(one_line(name, kMaxNameCharacters)); }

std::string precise(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string decibels(double sqnr) { return sqnr >= 200 ? "exact" : rounded(sqnr, 1); }

/// Options stay whole words.
std::string step_html(const std::string& step) {
  std::string html;
  for (std::size_t begin = 0; begin < step.size();) {
    const std::size_t end = std::min(step.find(' ', begin), step.size());
    const std::string word = step.substr(begin, end - begin);
    const bool option = word.starts_with("--");
    html += (begin == 0 ? "" : " ") + (option ? "<code>" + escape_html(word) + "</code>" : escape_html(word));
    begin = end + 1;
  }
  return html;
}

std::string share_text(double share) {
  if (share == 0) return "0";
  return share < 0.00001 ? "&lt;0.001" : rounded(100 * share, 3);
}

std::string megabytes(std::uint64_t bytes) {
  const double value = static_cast<double>(bytes) / 1e6;
  return rounded(value, value < 10 ? 2 : 1) + " MB";
}

std::string card(const std::string& title, const std::string& figure, const std::string& more) {
  return "<div class=\"card\"><span class=\"dim\">" + title + "</span><b>" + figure + "</b><span>" + more +
         "</span></div>\n";
}

std::string interval_html(const std::optional<Interval95>& interval, int decimals) {
  return interval ? "95 %: " + rounded(*interval, decimals) : "";
}

std::string agreement_card(const EvaluateSummary& judged) {
  const Comparison& against = *judged.against;
  const bool detects = against.accuracy.detection.has_value();
  if (against.compared == 0) return card("Agreement with float", "unknown", "no detection to compare");
  const int decimals = supported_decimals(against.compared);
  return card("Agreement with float", rounded(against.agreement, decimals) + " %",
              interval_html(against.agreement_interval95, decimals) + "<br>" + std::to_string(against.agreeing) +
                  " of " + std::to_string(against.compared) +
                  (detects ? " detections found again" : " pictures have the same best class"));
}

std::string top1_cards(const EvaluateSummary& judged) {
  const Comparison& against = *judged.against;
  const int decimals = supported_decimals(judged.judged);
  std::string html = card("Top-1", rounded(judged.accuracy.top1, decimals) + " %",
                          interval_html(judged.accuracy.interval95, decimals) +
                              "<br>float: " + rounded(against.accuracy.top1, decimals) + " %, " +
                              interval_html(against.accuracy.interval95, decimals));
  html += card("Drop of top-1", rounded(against.drop, decimals) + " points",
               interval_html(against.drop_interval95, decimals) + "<br>" + std::to_string(against.correct.only_second) +
                   " lost, " + std::to_string(against.correct.only_first) + " gained; McNemar's exact p " +
                   escape_html(significant(against.mcnemar_p)));
  if (!against.worst_class || against.worst_class->drop <= 0) return html;
  const ClassDrop& worst = *against.worst_class;
  return html + card("Class that lost most", rounded(worst.drop, supported_decimals(worst.n)) + " points",
                     "<bdi>" + (worst.label.empty() ? std::to_string(worst.id) : name_html(worst.label)) + "</bdi>, " +
                         std::to_string(worst.n) + (worst.n == 1 ? " picture" : " pictures"));
}

std::string map_card(const EvaluateSummary& judged) {
  const DetectionFigures& int8 = *judged.accuracy.detection;
  const DetectionFigures& f32 = *judged.against->accuracy.detection;
  const auto decimals = [&](const std::optional<Interval95>& interval) {
    return interval ? supported_decimals(*interval, judged.judged) : supported_decimals(judged.judged);
  };
  const int own = decimals(int8.map50_interval95), drop = decimals(judged.against->drop50_interval95);
  return card("mAP@.5", rounded(int8.map50, own) + " %",
              interval_html(int8.map50_interval95, own) + "<br>float: " + rounded(f32.map50, own) + " %, drop " +
                  rounded(judged.against->drop50, drop) + " points, " +
                  interval_html(judged.against->drop50_interval95, drop));
}

std::string accuracy_cards(const CalibrateSummary& summary) {
  if (!summary.judgement || !summary.judgement->evaluation.against) return {};
  const EvaluateSummary& judged = summary.judgement->evaluation;
  std::string html = agreement_card(judged);
  if (!judged.labelled) return html;
  return html + (judged.accuracy.detection ? map_card(judged) : top1_cards(judged));
}

std::string summary_html(const CalibrateSummary& summary, const CalibrateOptions& options) {
  std::string html = "<div class=\"cards\">\n" + accuracy_cards(summary);
  html += card("Layers in INT8", std::to_string(summary.report.int8_nodes),
               std::to_string(summary.report.f32_nodes) + " in float");
  html += card("Weights", megabytes(summary.int8_bytes), "float: " + megabytes(summary.f32_bytes));
  html += card("Calibrated on", std::to_string(summary.images) + (summary.images == 1 ? " picture" : " pictures"),
               "of " + std::to_string(summary.population) + ", mode " +
                   std::string(to_string(options.calibration.mode)) + ", " + rounded(summary.seconds, 1) + " s");
  html += "</div>\n";
  if (!summary.judgement) return html;
  const Judgement& judgement = *summary.judgement;
  html += std::string(judgement.held_out ? "<p>" : "<p class=\"note\">") + "Accuracy was judged on " +
          judged_on(summary) + "; the damage of layers on " + std::to_string(summary.report.damage_pictures) +
          (summary.report.damage_held_out ? " of those that did not calibrate" : " of those that calibrated") +
          ". Both precisions saw the same pixels.</p>\n";
  if (!judgement.without_labels.empty()) {
    html += "<p class=\"note\">Labels were not used: " + name_html(judgement.without_labels) + "</p>\n";
  }
  return html;
}

std::string speed_html(const PrecisionReport& precision) {
  if (!(precision.images_per_s > 0)) return {};
  const auto speed = [](double images_per_s) { return precise("%.4g", images_per_s) + " images/s"; };
  return "<p>Speed of one thread: " + speed(precision.images_per_s) + "; all in INT8 " +
         speed(precision.int8_images_per_s) + ", all in float " + speed(precision.f32_images_per_s) + ".</p>\n";
}

std::string step_rows(const PrecisionReport& precision) {
  const auto cell = [](const std::string& text) { return "<td class=\"n\">" + text + "</td>"; };
  std::string html;
  for (std::size_t i = 0; i < precision.steps.size(); ++i) {
    const PrecisionStep& step = precision.steps[i];
    const std::string name = i == 0 ? "none: all in INT8" : "<bdi>" + name_html(step.layer) + "</bdi>";
    html += "<tr><td>" + name + "</td><td>" +
            (i == 0                ? ""
             : i <= precision.best ? "yes"
                                   : "no") +
            "</td>" + cell(rounded(step.match.agreement, 2)) +
            (precision.max_drop ? cell(rounded(step.match.drop.value_or(0), 2)) : "") +
            cell(std::to_string(step.match.agreeing) + " of " + std::to_string(step.match.judged)) +
            cell(decibels(step.match.sqnr)) + "</tr>\n";
  }
  return html;
}

/// The search for layers that stay in float: what was tried, what each step brought, what it costs.
std::string precision_html(const CalibrateSummary& summary) {
  if (!summary.report.precision) return {};
  const PrecisionReport& precision = *summary.report.precision;
  const std::string bound = precision.max_drop
                                ? "a drop of " + precise("%.4g", *precision.max_drop) + " points at most"
                                : "agreement of " + precise("%.4g", precision.min_agreement.value_or(0)) + " % or more";
  const std::size_t kept = precision.best;
  std::string html = "<h2>Layers kept in float</h2>\n<p" + std::string(precision.met ? ">" : " class=\"note\">") +
                     "Bound: " + bound + ", " + (precision.met ? "met" : "not met") + " with " + std::to_string(kept) +
                     (kept == 1 ? " layer" : " layers") + " in float.</p>\n" + speed_html(precision);
  html +=
      "<p class=\"dim\">Each row is the network with its layer and those above in float, calibrated anew, on pictures "
      "of the sample that were held back; the agreement expected is an estimate from margins.</p>\n"
      "<div class=\"wide\"><table>\n<thead><tr><th>layer moved to float</th><th>kept</th>"
      "<th class=\"n\">expected agreement %</th>" +
      std::string(precision.max_drop ? "<th class=\"n\">expected drop</th>" : "") +
      "<th class=\"n\">same class</th><th class=\"n\">SQNR dB</th></tr></thead>\n<tbody>\n" + step_rows(precision) +
      "</tbody>\n</table></div>\n";
  if (precision.ranking.empty()) return html;
  html +=
      "<p>What the output is estimated to gain from each layer in float, by the noise that the layer alone brings to "
      "it:</p>\n<div class=\"wide\"><table>\n"
      "<thead><tr><th>layer</th><th class=\"n\">output SQNR dB</th><th class=\"n\">gain dB</th></tr></thead>\n"
      "<tbody>\n";
  for (const LayerGain& gain : precision.ranking) {
    html += "<tr><td><bdi>" + name_html(gain.name) + "</bdi></td><td class=\"n\">" + decibels(gain.sqnr) +
            "</td><td class=\"n\">" + rounded(gain.gain, 2) + "</td></tr>\n";
  }
  return html + "</tbody>\n</table></div>\n";
}

std::string row_html(const LayerFigure& layer, std::size_t number) {
  const ValueDamage& damage = *layer.damage;
  const std::string name = "<bdi>" + name_html(damage.name) + "</bdi>";
  const auto cell = [](const std::string& text, const char* kind = "n") {
    return "<td class=\"" + std::string(kind) + "\">" + text + "</td>";
  };
  std::string html = "<tr><td>";
  html += layer.histogram == nullptr ? name : "<a href=\"#h" + std::to_string(number) + "\">" + name + "</a>";
  html += "</td>" + cell(escape_html(damage.op), "o") + cell(damage.int8 ? "INT8" : "float", "p");
  html +=
      cell(escape_html(to_string(damage.dtype)), "o") + cell(decibels(damage.sqnr)) + cell(decibels(damage.input_sqnr));
  html += cell(precise("%.4f", damage.cosine));
  html += cell(share_text(damage.clipped), damage.clipped > 0.01 ? "n bad" : "n");
  return html + cell(rounded(damage.mean_error, 3), "n o") + "</tr>\n";
}

std::string table_html(const std::vector<LayerFigure>& layers) {
  std::string html =
      "<h2>Layers by damage</h2>\n<p class=\"dim\">Each layer's output, with everything before it quantised too, "
      "against the float network. SQNR: signal to noise; below its input's, the layer adds noise of its own. Cosine: "
      "of "
      "the angle to the float output. Clipped: values outside the stored range. Shift: mean error over the signal's "
      "root mean square. Names lead to the histograms.</p>\n<div class=\"wide\"><table>\n<thead><tr><th>layer</th>"
      "<th class=\"o\">operator</th><th>runs in</th><th class=\"o\">stored as</th><th class=\"n\">SQNR dB</th>"
      "<th class=\"n\">input dB</th><th class=\"n\">cosine</th><th class=\"n\">clipped %</th>"
      "<th class=\"n o\">shift</th></tr></thead>\n<tbody>\n";
  for (std::size_t i = 0; i < layers.size(); ++i) html += row_html(layers[i], i);
  return html + "</tbody>\n</table></div>\n";
}

std::string figure_html(const LayerFigure& layer, std::size_t number) {
  const ValueDamage& damage = *layer.damage;
  const ValueHistogram& histogram = *layer.histogram;
  std::string html =
      "<figure id=\"h" + std::to_string(number) + "\">" +
      histogram_svg(histogram, layer.threshold, "magnitudes of " + one_line(damage.name, kMaxNameCharacters));
  html += "<figcaption><b><bdi>" + name_html(damage.name) + "</bdi></b><br>" + decibels(damage.sqnr) + " dB, " +
          escape_html(to_string(damage.dtype)) + "; seen " + precise("%.4g", static_cast<double>(layer.range->min)) +
          " to " + precise("%.4g", static_cast<double>(layer.range->max)) + "; <span class=\"error\">threshold " +
          precise("%.4g", layer.threshold) + "</span><br><span class=\"dim\">";
  constexpr const char* kNames[] = {"naive ", ", entropy ", ", percentile ", ", mse "};
  for (std::size_t i = 0; i < histogram.thresholds.size(); ++i) {
    html += kNames[i] + precise("%.4g", static_cast<double>(histogram.thresholds[i]));
  }
  return html + "</span></figcaption></figure>\n";
}

std::string histograms_html(const std::vector<LayerFigure>& layers) {
  std::string html =
      "<h2>Histograms and thresholds</h2>\n<p class=\"dim\">Magnitudes |x| over all calibration pictures (of the "
      "equalised network where channels were balanced), counts on a logarithmic scale, zeros left out. The red line is "
      "the chosen threshold; what lies beyond is clipped. Dotted: what the modes n(aive), e(ntropy), p(ercentile) and "
      "m(se) would choose.</p>\n<div class=\"plots\">\n";
  std::size_t without = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].histogram != nullptr) {
      html += figure_html(layers[i], i);
    } else {
      ++without;
    }
  }
  html += "</div>\n";
  if (without > 0) {
    html += "<p class=\"dim\">" + std::to_string(without) +
            " more have no threshold of their own: they share their input's, or yield floats.</p>\n";
  }
  return html;
}

}  // namespace

std::string calibration_page(const CalibrateSummary& summary, const CalibrateOptions& options) {
  const std::vector<LayerFigure> layers = layers_by_damage(summary);
  const std::string model = name_html(summary.model);
  std::string html = html_begin("octet: calibration of " + model, kReportStyle);
  html += "<h1>Calibration of <bdi>" + model + "</bdi></h1>\n" + summary_html(summary, options);
  html += "<h2>What to try next</h2>\n<ul>\n";
  for (const std::string& step : next_steps(summary, options)) html += "<li>" + step_html(step) + "</li>\n";
  html += "</ul>\n" + precision_html(summary) + table_html(layers) + histograms_html(layers);
  return html + html_end();
}

}  // namespace octet
