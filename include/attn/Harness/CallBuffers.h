//===- CallBuffers.h - The memory of a decode call --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_CALLBUFFERS_H
#define ATTN_HARNESS_CALLBUFFERS_H

#include "attn_runtime.h"

#include <vector>

namespace attn::harness {

/// One tensor of a call.
struct CallBuffer {
  const char *name;
  size_t field;   ///< offset of its pointer in the parameters
  void *pointer;  ///< what is there
  size_t bytes;   ///< from its first element to behind its last
  bool isWritten; ///< by the call
};

/// The tensors that the parameters point to, but for the workspace; null and
/// empty ones left out.
std::vector<CallBuffer> listBuffers(const attn_decode_params &params);
/// Those that attn_mla_decode takes besides its attention's, `attention`.
/// Rotary columns that follow the others of their rows are listed as part of
/// q_nope.
std::vector<CallBuffer> listBuffers(const attn_mla_params &params,
                                    const attn_decode_params &attention);

} // namespace attn::harness

#endif // ATTN_HARNESS_CALLBUFFERS_H
