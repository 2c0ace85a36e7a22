// Self-contained HTML pages: what all of them share.
#pragma once

#include <string>       // std::string
#include <string_view>  // std::string_view

namespace octet {

/// `text` for HTML text and attribute values in quotes: the five special characters become entities,
/// invalid UTF-8 and control characters U+FFFD.
std::string escape_html(std::string_view text);

/// From the doctype to <body>: light and dark by the reader's choice, light in print; no scripts, nothing from
/// elsewhere. `title` is HTML text, escaped by the caller. Colours for `style` (CSS that is added) and for inline
/// SVG: --back, --ink, --dim, --line, --card, --alarm, --mark, --accent.
std::string html_begin(std::string_view title, std::string_view style);
/// octet's version and the end of the page.
std::string html_end();

}  // namespace octet
