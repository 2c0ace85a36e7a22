// Aligned text tables for people.
#pragma once

#include <iosfwd>  // std::ostream
#include <string>  // std::string
#include <vector>  // std::vector

namespace octet::cli {

/// Rows of cells; the first row is the header. Numeric cells are right-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void add(std::vector<std::string> row);
  void print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "12.34": fixed decimals.
std::string fixed(double value, int decimals);

}  // namespace octet::cli
