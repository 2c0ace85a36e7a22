// Brings symbols of old releases to the current form. The rules are MXNet's own.
#pragma once

#include <optional>  // std::optional

#include "octet/graph/symbol.h"

namespace octet {

/// Applies, by `symbol.mxnet_version`:
/// - any: `lr_mult`, `wd_mult`, `ctx_group`, `force_mirroring`, `mirror_stage` become hidden keys;
///   `weight_lr_mult` of an operator moves to its variable `<name>_weight`;
/// - before 0.9.0: inputs that old files did not list (auxiliary states, labels) are added as
///   variables `<operator>_<argument>`;
/// - before 0.9.5: `axis` = -1 of argmin and argmax is dropped (it meant "flatten").
void upgrade(Symbol& symbol);

/// How many outputs `node_row_ptr` counts for a node: one, or more for BatchNorm and its like.
std::int64_t output_count(const SymbolNode& node);

/// Before 0.9 files do not say how Pooling rounds; MXNet's later readers round down, its first versions
/// rounded up. The symbol with all of that written out as `full`; nullopt when there is nothing to write.
std::optional<Symbol> with_full_pooling(const Symbol& symbol);

}  // namespace octet
