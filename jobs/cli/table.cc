#include "octet/jobs/cli/table.h"

#include <algorithm>
#include <cstdio>
#include <ostream>

namespace octet::cli {
namespace {

bool numeric(const std::string& cell) {
  return !cell.empty() && cell.find_first_not_of("0123456789.+-%x ") == std::string::npos;
}

}  // namespace

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

void Table::print(std::ostream& out) const {
  const std::size_t columns = rows_.front().size();
  std::vector<std::size_t> width(columns, 0);
  std::vector<char> right(columns, rows_.size() > 1 ? 1 : 0);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (std::size_t c = 0; c < columns && c < rows_[r].size(); ++c) {
      width[c] = std::max(width[c], rows_[r][c].size());
      if (r != 0 && !rows_[r][c].empty() && !numeric(rows_[r][c])) right[c] = 0;
    }
  }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string& cell = c < row.size() ? row[c] : std::string();
      const std::string space(width[c] - cell.size(), ' ');
      line += (c == 0 ? "" : "  ") + (right[c] != 0 ? space + cell : cell + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace octet::cli
