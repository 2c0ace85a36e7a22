// octet deploy: the training symbol of an SSD network to the one that detects.
#include <iostream>

#include "octet/graph/attributes.h"
#include "octet/graph/deploy.h"
#include "octet/jobs/cli/command.h"

namespace octet::cli {

po::options_description deploy_options() {
  po::options_description options("Deploy");
  auto add = options.add_options();
  add("model", po::value<std::string>()->value_name("PREFIX"), "PREFIX-symbol.json and PREFIX-NNNN.params");
  add("epoch", po::value<int>()->value_name("N"), "which PREFIX-NNNN.params (default: the newest)");
  add("output", po::value<std::string>()->value_name("PREFIX"), "PREFIX-symbol.json and PREFIX-NNNN.params to write");
  add("nms", po::value<float>()->value_name("IOU"), "boxes that overlap more suppress each other (default: 0.5)");
  add("topk", po::value<std::int64_t>()->value_name("N"),
      "boxes per picture that are compared (default: 400; -1: all)");
  add("force-nms", po::value<bool>()->implicit_value(true)->value_name("BOOL"),
      "boxes of different classes suppress each other too (default: no)");
  add("help", "this text");
  return options;
}

Result<ExitCode> deploy_command(const po::variables_map& values) {
  OCTET_TRY(const std::string model, required(values, "model"));
  OCTET_TRY(const std::string output, required(values, "output"));
  const auto epoch = given<int>(values, "epoch");
  if (epoch && *epoch < 0) return Error{ErrorCode::usage, "", "--epoch must not be negative"};
  const DeployOptions options{given<float>(values, "nms"), given<std::int64_t>(values, "topk"),
                              given<bool>(values, "force-nms")};
  if (options.nms_threshold && !(*options.nms_threshold > 0 && *options.nms_threshold <= 1)) {
    return Error{ErrorCode::usage, "", "--nms must be above 0 and at most 1"};
  }
  if (options.nms_topk && (*options.nms_topk < -1 || *options.nms_topk == 0 || *options.nms_topk > kMaxAttribute)) {
    return Error{ErrorCode::usage, "", "--topk must be a number of boxes, or -1"};
  }
  if (model == output) return Error{ErrorCode::usage, "", "--output must differ from --model"};
  OCTET_CHECK(deploy_model(model, epoch.value_or(-1), options, output));
  std::cout << output << "-symbol.json\n";
  return kDone;
}

}  // namespace octet::cli
