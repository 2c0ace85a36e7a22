// A slow interpreter of graphs that is simple enough to be obviously right. Tests compare the
// executor with it: INT8 exactly, FP32 within rounding.
//
// Values are Tensors (f32, u8 or s8) in the graph's row-major (NCHW) order, whatever the executor's
// order in memory; their scales stand in the graph.
//
// FP32 layers, eltwise functions, batch normalisation, softmax and float pooling compute in double
// and round once to float. Everything quantised follows the arithmetic of the kernels' headers and of
// int8_weights.h, whose layer epilogue was found by running oneDNN 2.6.3 against each alternative
// (dense, 1x1, strided, dilated, grouped and depthwise convolution and inner product; u8 and s8
// sources; u8, s8 and f32 destinations), with no element different for
//   brgconv, brgconv_1x1, brgdmm_dw, brgemm, jit_int8 and gemm_s8x8s32 on AVX512_CORE_VNNI;
//   jit_int8, jit_int8_1x1 and gemm on AVX512_CORE; jit_uni_int8, jit_uni_int8_1x1 and gemm on AVX2:
//     the bias is converted to float and added to float(acc), then multiplied by the output scale
//     (a sum in s32 differs above 2^24), a sum operand joins by a fused multiply-add.
// `ref_int8` (AVX2: grouped convolutions whose channels per group are no multiple of the vector) and
// everything on SSE4.1 multiply and add the operand separately. Seen through u8 and s8 results the two
// differ only where a value is within float rounding of a half, so the reference always takes the
// fused form.
// oneDNN 2.6.3 cannot create an inner product with a sum; a 1x1 convolution does it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "octet/graph/graph.h"

namespace octet::test {

/// Computes the output of `node` of a shaped graph from its input values (data inputs in order, the
/// operand of a fused sum last). Their shapes and types must be those that the graph states.
Result<Tensor> reference(const Graph& graph, NodeId node, std::span<const Tensor> inputs);

/// Runs the whole graph on `pixels` (u8, of the Input node's shape) and returns the output of every
/// node by its id.
Result<std::vector<Tensor>> run_reference(const Graph& graph, const Tensor& pixels);

/// MultiBoxDetection of one image by its definition (multibox.h): rows of six floats.
std::vector<float> reference_detection(const MultiBoxDetectionOp& op, std::size_t classes, std::size_t anchors,
                                       const float* cls_prob, const float* loc_pred, const float* boxes);

}  // namespace octet::test
