//===-- MlaDecompress.h - attn_mla_decode by one kernel ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_MLADECOMPRESS_H
#define ATTN_RUNTIME_LIB_MLADECOMPRESS_H

#include "Decode.h"

namespace attn::runtime {

/// The kernel that decompresses K and V for the call `d`; null if the library
/// has none.
const attn_kernel_desc *findDecompressing(const attn_library &lib,
                                          const attn_mla_params &p,
                                          const attn_decode_params &d);

/// Sets the selection and the bytes of workspace.
attn_status selectDecompressing(const attn_kernel_desc &desc,
                                const attn_decode_params &d,
                                Selection &selection, uint64_t &bytes);

/// Runs the call, whose tensors and workspace have been checked.
attn_status decompressAndAttend(const attn_mla_params &p, attn_decode_params &d,
                                const Selection &selection);

} // namespace attn::runtime

#endif // ATTN_RUNTIME_LIB_MLADECOMPRESS_H
