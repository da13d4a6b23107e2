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

/// One tensor of a decode call.
struct CallBuffer {
  const char *name;
  size_t field;   ///< offset of its pointer in attn_decode_params
  void *pointer;  ///< what is there
  size_t bytes;   ///< from its first element to behind its last
  bool isWritten; ///< by the call
};

/// The tensors that the parameters point to, but for the workspace; null and
/// empty ones left out.
std::vector<CallBuffer> listBuffers(const attn_decode_params &params);

} // namespace attn::harness

#endif // ATTN_HARNESS_CALLBUFFERS_H
