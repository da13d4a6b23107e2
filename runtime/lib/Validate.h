//===-- Validate.h - Checks of a decode call --------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_VALIDATE_H
#define ATTN_RUNTIME_LIB_VALIDATE_H

#include "attn_runtime.h"

namespace attn::runtime {

struct PlanBatch;
struct PlanShape;

/// Reads the params and checks library, facts and capacities: all that
/// selecting a kernel and sizing the workspace rests on.
attn_status readFacts(const attn_library *lib, const attn_decode_params *params,
                      attn_decode_params &copy);

/// Checks pointers, strides and the cache's capacity; reads no tensor.
attn_status checkTensors(const attn_decode_params &params);

/// Checks indptr, the lengths, and the block ids of the pages that will be
/// read.
attn_status checkLengthsAndBlocks(const attn_decode_params &params,
                                  const PlanShape &shape);

/// The requests of a checked call. Where indices are int64, `narrowed` is where
/// their copies as int32 are going to be.
PlanBatch getBatch(const attn_decode_params &params, const int32_t *narrowed);

/// Checks out, lse and sinks, which decode and merge have in common.
template <typename Params>
attn_status checkOutputs(const Params &params);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_VALIDATE_H
