// A kernel step before its pointers are known, and how the families of kernels make one.
#pragma once

#include <functional>  // std::function

#include "octet/executor/step_builder.h"

namespace octet {

/// Name for reports, function, bytes of scratch memory.
struct Kernel {
  const char* name;
  KernelFunction function;
  std::size_t temporary_bytes = 0;
};

/// Elements of a value.
std::size_t count_of(const Value& value) noexcept;

using FloatFunction = std::function<void(const float* src, float* dst)>;

/// Lets a float function that may work in place read and write quantised values too.
Kernel float_kernel(const char* name, const Value& src, const Value& dst, FloatFunction function);

// Kernels with weights or several inputs, and those that change an image's size
// (executor/value_kernels.cc).
Result<Kernel> prelu_kernel(const StepBuilder& b, NodeId id);
Result<Kernel> binary_kernel(const StepBuilder& b, NodeId id, const BinaryOp& op);
Result<Kernel> where_kernel(const StepBuilder& b, NodeId id);
Result<Kernel> reduce_kernel(const StepBuilder& b, NodeId id, const ReduceOp& op);
Result<Kernel> lrn_kernel(const StepBuilder& b, NodeId id, const LrnOp& op);
Result<Kernel> instance_norm_kernel(const StepBuilder& b, NodeId id, const InstanceNormOp& op);
Result<Kernel> up_sampling_kernel(const StepBuilder& b, NodeId id, const UpSamplingOp& op);
Result<Kernel> adaptive_pooling_kernel(const StepBuilder& b, NodeId id);
Result<Kernel> deconvolution_kernel(const StepBuilder& b, NodeId id, const DeconvolutionOp& op);
/// Slices, L2Normalization, box_nms and detections; Error(unsupported) for other operators.
Result<Kernel> make_detection_kernel(const StepBuilder& builder, NodeId id);

}  // namespace octet
