#include "octet/jobs/graphviz.h"

#include <array>

#include "octet/jobs/program.h"

namespace octet {
namespace {

constexpr std::size_t kMaxDotMessage = 300;

}  // namespace

Result<std::string> render_svg(const std::string& dot) {
  const std::array<std::string, 2> command{"dot", "-Tsvg"};
  auto drawn = run_program(command, dot);
  if (!drawn && drawn.error().code == ErrorCode::not_found) {
    return Error{ErrorCode::not_found, "dot", "the program is not installed (Debian package graphviz)"};
  }
  if (!drawn) return std::move(drawn).error();
  if (drawn->exit_code == 0 && drawn->output.find("</svg>") != std::string::npos) return std::move(drawn->output);
  return Error{ErrorCode::internal, "dot", "it failed: " + drawn->messages.substr(0, kMaxDotMessage)};
}

}  // namespace octet
