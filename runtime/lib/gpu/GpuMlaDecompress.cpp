//===-- GpuMlaDecompress.cpp - attn_mla_decode by one kernel, on a GPU ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../MlaDecompress.h"
#include "../Validate.h"
#include "GpuProject.h"

using namespace attn::runtime;

attn_status gpu::selectDecompressing(const attn_library &lib,
                                     const attn_mla_params &p,
                                     const attn_decode_params &d,
                                     Selection &selection) {
  const attn_kernel_desc *kernel = findDecompressing(lib, p, d);
  if (!kernel)
    return fail(ATTN_ERROR_UNSUPPORTED,
                "form fused asked; the library has no kernel for this GPU that "
                "decompresses such rows");
  return select(lib, *kernel, d, selection);
}

attn_status gpu::decompressAndAttend(const attn_library &lib,
                                     const Selection &attention,
                                     const attn_mla_params &p,
                                     const attn_decode_params &decode) {
  attn_decode_params d = decode;
  d.workspace = p.workspace;
  d.workspace_bytes = p.workspace_bytes;
  // The checks see a query and an output as wide as the rows; both have been
  // checked as they are.
  setDenseRows(d, p.q_nope, p.out);
  ATTN_TRY(check(attention, d));
  attn_gpu_args args = makeArgs(d, attention.layout);
  attn_kernel_args &tensors = args.tensors;
  setRowStrides(p, tensors);
  tensors.w_uk = p.w_uk;
  tensors.w_uv = p.w_uv;
  args.project.tail = p.q_rope;
  args.project.tail_stride_batch = p.q_rope_stride_batch;
  args.project.tail_stride_token = p.q_rope_stride_token;
  args.project.tail_stride_head = p.q_rope_stride_head;
  args.project.tail_dim = d.k_dim - d.v_dim;
  const attn_gpu_launcher &launcher = lib.gpu->launcher;
  ATTN_TRY(launchPlan(launcher, attention, args, d.stream));
  return launchDecode(launcher, attention, args, d.stream);
}
