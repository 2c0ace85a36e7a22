// The report on a scored job as a page.
#pragma once

#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/jobs/report/job_figures.h"
#include "octet/loader/geometry.h"

namespace octet {

/// A sample with its picture.
struct PagePicture {
  SampleFigure sample;
  Size stored;       ///< of the original, whose pixels the boxes are in
  std::string jpeg;  ///< the picture made small
};

/// One self-contained HTML file, without scripts. Everything that comes from records is escaped.
std::string job_page(std::string_view title, const JobFigures& figures, const std::vector<PagePicture>& pictures);

}  // namespace octet
