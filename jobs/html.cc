#include "octet/jobs/html.h"

#include "octet/graph/version.h"
#include "octet/jobs/draw/canvas.h"

namespace octet {
namespace {

constexpr std::string_view kSharedStyle = R"(
:root{color-scheme:light dark;--back:#fff;--ink:#111;--dim:#595959;--line:#d0d0d0;--card:#f6f6f6;--alarm:#b00020;--mark:#ffe9a8;--accent:#1f6fb2}
@media(prefers-color-scheme:dark){:root{--back:#161616;--ink:#eee;--dim:#aaa;--line:#444;--card:#202020;--alarm:#ff8a94;--mark:#5a4700;--accent:#6db3f2}}
@media print{:root{color-scheme:light;--back:#fff;--ink:#111;--dim:#595959;--line:#d0d0d0;--card:#fff;--alarm:#b00020;--mark:#ffe9a8;--accent:#1f6fb2}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;background:var(--back);color:var(--ink);font:16px/1.45 system-ui,"DejaVu Sans",sans-serif}
h1{font-size:1.4rem;margin:.2rem 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:1.6rem 0 .4rem}
p{margin:.3rem 0}
.dim{color:var(--dim)}
.error{color:var(--alarm)}
figure{background:var(--card);border:1px solid var(--line);border-radius:6px}
figcaption{overflow-wrap:anywhere}
table{border-collapse:collapse;margin:.5rem 0 .1rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.15rem .9rem .15rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--dim)}
summary{cursor:pointer}
@media(max-width:700px){body{padding:.5rem}th,td{padding-right:.5rem}}
)";

}  // namespace

std::string escape_html(std::string_view text) {
  std::string html;
  for (const char c : one_line(text, text.size())) {
    switch (c) {
      case '&': html += "&amp;"; break;
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '"': html += "&quot;"; break;
      case '\'': html += "&#39;"; break;
      default: html += c;
    }
  }
  return html;
}

std::string html_begin(std::string_view title, std::string_view style) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n";
  html += "<title>" + std::string(title) + "</title>\n<style>";
  return html.append(kSharedStyle).append(style) + "</style>\n</head>\n<body>\n";
}

std::string html_end() { return "<p class=\"dim\">octet " + std::string(kVersion) + "</p>\n</body>\n</html>\n"; }

}  // namespace octet
