#include "octet/executor/step.h"

#include <utility>  // std::move

namespace octet {
namespace {

class BoundKernel final : public BoundStep {
 public:
  BoundKernel(const KernelFunction& function, std::span<const Location> locations, const Bindings& bindings,
              const Location& dst, BufferId temporary)
      : function_(function), dst_(bindings.write(dst)), temporary_(temporary < 0 ? nullptr : bindings.at(temporary)) {
    for (std::size_t k = 0; k < locations.size(); ++k) {
      src_.push_back(bindings.read(locations[k]));
      if (locations[k].kind == Location::Kind::pixels) pixel_inputs_.push_back(k);
    }
  }

  bool run() noexcept override {
    function_(src_, dst_, temporary_);
    return true;
  }

  void set_pixels(const std::uint8_t* pixels) noexcept override {
    for (const std::size_t k : pixel_inputs_) src_[k] = pixels;
  }

 private:
  const KernelFunction function_;  // a copy: it may keep pointers of its own between calls
  std::vector<const void*> src_;
  std::vector<std::size_t> pixel_inputs_;
  void* dst_;
  void* temporary_;
};

}  // namespace

const std::byte* Bindings::read(const Location& location) const noexcept {
  switch (location.kind) {
    case Location::Kind::arena: return write(location);
    case Location::Kind::constant: return constants[location.index] + location.offset;
    case Location::Kind::pixels: break;
  }
  return nullptr;
}

KernelStep::KernelStep(KernelFunction function, std::vector<Location> src, Location dst, BufferId temporary)
    : function_(std::move(function)), src_(std::move(src)), dst_(dst), temporary_(temporary) {}

std::unique_ptr<BoundStep> KernelStep::bind(const Bindings& bindings) const {
  return std::make_unique<BoundKernel>(function_, src_, bindings, dst_, temporary_);
}

}  // namespace octet
