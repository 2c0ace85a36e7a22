// From the training symbol of an SSD network to the one that detects: what MXNet's example/ssd/deploy.py does.
#pragma once

#include <cstdint>   // std::int64_t
#include <optional>  // std::optional
#include <string>    // std::string

#include "octet/graph/model.h"
#include "octet/graph/symbol.h"

namespace octet {

/// Attributes of the MultiBoxDetection node. Unset ones stay as the symbol has them; a node that had to be built
/// gets deploy.py's: nms_threshold 0.5, nms_topk 400, force_suppress False.
struct DeployOptions {
  std::optional<float> nms_threshold;
  std::optional<std::int64_t> nms_topk;
  std::optional<bool> force_suppress;
};

/// True when a head of the symbol computes MultiBoxTarget: a training symbol of an SSD network.
bool is_ssd_training(const Symbol& symbol);

/// The symbol with one head, MultiBoxDetection: losses, labels and MultiBoxTarget are behind no head any more.
/// The detection node is the symbol's own, or one named `detection` is added, which reads what MultiBoxTarget and
/// its losses read: its anchors, its class predictions through softmax over axis 1 (in the place of the
/// SoftmaxOutput of the class loss), the location predictions from which its first output is subtracted, and its
/// variances. Names are kept. No nodes are removed. Error(invalid_model), naming `where`, when the symbol is
/// neither such a training symbol nor has a detection node.
Result<Symbol> deploy_symbol(const Symbol& symbol, const DeployOptions& options, const std::string& where);

/// The nodes that the heads need, in the same order.
Symbol without_unused(const Symbol& symbol);

/// deploy_symbol for a pair on disk: writes OUTPUT-symbol.json, OUTPUT-NNNN.params of the same epoch with the arrays
/// that it needs, and OUTPUT-preprocess.json when PREFIX has one. `epoch` -1: the newest.
Result<void> deploy_model(const std::filesystem::path& prefix, int epoch, const DeployOptions& options,
                          const std::filesystem::path& output);

}  // namespace octet
