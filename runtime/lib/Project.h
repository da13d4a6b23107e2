//===-- Project.h - One share of a per-head product -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_PROJECT_H
#define ATTN_RUNTIME_LIB_PROJECT_H

#include "attn_runtime.h"

namespace attn::runtime {

/// Some outputs of all rows of one head. Strides count elements.
struct ProjectShare {
  int32_t dtype;
  int64_t rows, inDim, outDim;
  const void *in; ///< [rows, inDim]
  int64_t inStrideRow;
  /// [inDim, outDim], of which one is contiguous and the other has the stride.
  const void *weight;
  bool outIsContiguous;
  int64_t weightStride;
  void *out; ///< [rows, outDim]
  int64_t outStrideRow;
};

void projectShareAvx2(const ProjectShare &share);
void projectShareAvx512(const ProjectShare &share);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_PROJECT_H
