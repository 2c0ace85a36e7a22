#include "octet/executor/step.h"

#include <utility>  // std::move

namespace octet {
namespace {

class BoundKernel final : public BoundStep {
 public:
  BoundKernel(const KernelFunction& function, std::span<const Location> locations, const Bindings& bindings,
              const Location& dst, BufferId temporary)
      : function_(function),
        dst_place_(bindings.at(dst)),
        dst_(dst_place_.base),
        temporary_(temporary < 0 ? nullptr : bindings.temporary(temporary)) {
    for (const Location& location : locations) {
      src_places_.push_back(bindings.at(location));
      src_.push_back(src_places_.back().base);
    }
  }

  bool run() noexcept override {
    function_(src_, dst_, temporary_);
    return true;
  }

  void start(const std::uint8_t* pixels, std::size_t image) noexcept override {
    for (std::size_t k = 0; k < src_.size(); ++k) src_[k] = src_places_[k].at(pixels, image);
    dst_ = dst_place_.at(pixels, image);
  }

 private:
  const KernelFunction function_;  // a copy: it may keep pointers of its own between calls
  std::vector<Place> src_places_;
  std::vector<const void*> src_;
  Place dst_place_;
  void* dst_;
  void* temporary_;
};

}  // namespace

Place Bindings::at(const Location& location) const noexcept {
  switch (location.kind) {
    case Location::Kind::arena: {
      Place place = at(location.index);
      place.base += location.offset;
      return place;
    }
    case Location::Kind::constant: return {const_cast<std::byte*>(constants[location.index]) + location.offset, 0};
    case Location::Kind::pixels: break;
  }
  return {nullptr, pixel_bytes, true};
}

KernelStep::KernelStep(KernelFunction function, std::vector<Location> src, Location dst, BufferId temporary)
    : function_(std::move(function)), src_(std::move(src)), dst_(dst), temporary_(temporary) {}

std::unique_ptr<BoundStep> KernelStep::bind(const Bindings& bindings) const {
  return std::make_unique<BoundKernel>(function_, src_, bindings, dst_, temporary_);
}

}  // namespace octet
