// How far figures from n pictures can be trusted: 95 % intervals, a paired test, and digits to print.
#pragma once

#include <array>    // std::array
#include <cstdint>  // std::uint64_t
#include <string>   // std::string

namespace octet {

/// Lower and upper bound, percent or points.
using Interval95 = std::array<double, 2>;

/// Wilson's score interval for `hits` of `n`, in percent; {0, 100} for n == 0.
/// E. B. Wilson, J. Am. Stat. Assoc. 22 (1927).
Interval95 wilson95(std::uint64_t hits, std::uint64_t n);

/// Two yes-or-no answers about the same n pictures.
struct PairedCounts {
  std::uint64_t both = 0, only_first = 0, only_second = 0, neither = 0;  ///< yes
  [[nodiscard]] std::uint64_t n() const noexcept { return both + only_first + only_second + neither; }
};

/// Interval of the share of the second less that of the first, in points; {-100, 100} for n == 0. Wilson's
/// intervals combined with the correlation, continuity-corrected: method 10 of R. G. Newcombe, "Improved
/// confidence intervals for the difference between binomial proportions based on paired data", Statistics in
/// Medicine 17 (1998) 2635-2650.
Interval95 paired_difference95(const PairedCounts& counts);

/// Exact two-sided p value of McNemar's test that both answer yes equally often: twice the binomial tail of the
/// rarer disagreement, at most 1. Q. McNemar, Psychometrika 12 (1947) 153-157; M. W. Fagerland et al., BMC Medical
/// Research Methodology 13:91 (2013). Time: the smaller of the two counts.
double mcnemar_exact(std::uint64_t only_first, std::uint64_t only_second);

/// Decimals of a percentage of n pictures: one picture moves the last one by a unit or more. 0 below n = 1,000,
/// 1 below 10,000 and so on, 4 at most.
int supported_decimals(std::uint64_t n) noexcept;
/// Decimals of a figure whose interval this is: the last one is that of the first significant digit of the
/// interval's half width (JCGM 100:2008, 7.2.6, at its strictest), 4 at most; those of n where there is no width.
int supported_decimals(const Interval95& interval, std::uint64_t n) noexcept;

/// "12.3", and "0.0" for what rounds to zero from below.
std::string rounded(double value, int decimals);
/// "12.3 - 14.6", "-0.2 to 0.3" where a bound is negative. Rounded outwards, so that it covers no less.
std::string rounded(const Interval95& interval, int decimals);

/// A probability with two significant digits: "0.83", "0.00042"; "< 0.0001" below that.
std::string significant(double p);

}  // namespace octet
