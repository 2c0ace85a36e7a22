#include <cstring>  // std::memcpy

#include "octet/executor/step_builder.h"

namespace octet {

Result<const std::byte*> WeightStore::pack(const dnnl::engine& engine, NodeId node, const onednn::Primitive& primitive,
                                           const void* plain) {
  std::vector<Packed>& packed = packed_[node];
  for (const Packed& p : packed) {
    if (p.desc == primitive.weight) return p.data;
  }
  OCTET_TRY(std::byte* const data, pool_.allocate(primitive.weight.get_size()));
  OCTET_CHECK(onednn::pack_weight(engine, primitive, plain, data));
  packed.push_back({primitive.weight, data});
  return static_cast<const std::byte*>(data);
}

Result<const std::byte*> WeightStore::keep(NodeId node, const char* name, const void* data, std::size_t bytes) {
  const auto found = kept_.find({node, name});
  if (found != kept_.end()) return found->second;
  OCTET_TRY(std::byte* const copy, pool_.allocate(bytes));
  std::memcpy(copy, data, bytes);
  kept_[{node, name}] = copy;
  return static_cast<const std::byte*>(copy);
}

}  // namespace octet
