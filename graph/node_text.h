// The parts of a node that MXNet has no attributes for, as text: for dumps and for symbol files.
#pragma once

#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// "relu", "leaky_relu(0.1)", "clip(0, 6)", "elu(1)", ...
std::string to_string(const EltwiseOp& eltwise);
/// "relu; sum; clip(0, 6)".
std::string to_string(const std::vector<PostOp>& post_ops);
/// The reverse; nullopt when the text is anything else.
std::optional<std::vector<PostOp>> parse_post_ops(std::string_view text);

}  // namespace octet
