// The page that shows all sheets, as text, and safe names for files and in HTML.
#pragma once

#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/error.h"
#include "octet/jobs/draw/compare.h"
#include "octet/jobs/draw/sheet.h"
#include "octet/jobs/html.h"
#include "octet/loader/geometry.h"

namespace octet {

/// A file name of at most 90 bytes for an entry: its index, which no other entry of a source has, and
/// what is plain ASCII of its key, "000017-a_cat.jpg". Keys may be any bytes: no name holds a separator,
/// begins with a dot or has a meaning to a shell or a URL. `extension` is without the dot.
std::string sheet_name(std::uint64_t index, std::string_view key, std::string_view extension);

/// What the page says of one entry.
struct PageItem {
  std::uint64_t index = 0;
  double size = 0;   ///< of the difference; sorts
  std::string html;  ///< made by sheet_html or error_html
};

/// One figure: the sheet `file`, and the differences in words.
std::string sheet_html(const SheetInput& input, const Sheet& sheet, std::string_view file);
/// A list item: the key and its error.
std::string error_html(std::uint64_t index, std::string_view key, const Error& error);

struct Page {
  std::vector<Speaker> speakers;
  std::vector<PageItem> sheets;  ///< in any order
  std::vector<PageItem> errors;  ///< in any order
  std::uint64_t differing = 0;   ///< sheets whose models differ in kind
};

/// The whole page: one self-contained HTML file without scripts; sheets are referred to by name and
/// stand sorted by the size of the difference, largest first, errors by index.
std::string page_html(const Page& page);

}  // namespace octet
