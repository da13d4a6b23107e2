//===-- GpuProblem.h - A call of attn_decode on a GPU -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_RUNTIME_GPUPROBLEM_H
#define ATTN_TEST_UNIT_RUNTIME_GPUPROBLEM_H

#include "attn_gpu.h"

#include <memory>

namespace attn::test {

/// A GQA kernel: 32 heads of 128 over 8, as 128 threads and 100 KiB of shared
/// memory.
inline attn_gpu_kernel_desc gpuKernel() {
  attn_gpu_kernel_desc desc = {};
  desc.struct_size = sizeof desc;
  desc.flags = ATTN_KERNEL_CAUSAL;
  desc.name = "gqa";
  desc.arch = 80;
  desc.dtype = ATTN_BF16;
  desc.layout = ATTN_LAYOUT_ROW;
  desc.q_heads = 32;
  desc.kv_heads = 8;
  desc.k_dim = desc.v_dim = 128;
  desc.q_len = 1;
  desc.kv_tile = 64;
  desc.scale = 0.125f;
  desc.threads = 128;
  desc.shared_bytes = 100 * 1024;
  desc.row_blocks = 1;
  desc.ctas_per_sm = 2;
  desc.plan_threads = 32;
  desc.combine_threads = 256;
  desc.combine_blocks = 4;
  desc.plan = "gqa_plan";
  desc.decode = "gqa";
  desc.combine = "gqa_combine";
  desc.image = "image";
  desc.image_bytes = 6;
  return desc;
}

/// A projection of 32 heads, as CTAs of 128 threads and 60 KiB.
inline attn_gpu_project_desc gpuProjection(const char *name, int32_t k,
                                           int32_t n, int32_t inDtype) {
  attn_gpu_project_desc desc = {};
  desc.struct_size = sizeof desc;
  desc.name = name;
  desc.arch = 80;
  desc.dtype = ATTN_BF16;
  desc.in_dtype = inDtype;
  desc.heads = 32;
  desc.k_dim = k;
  desc.n_dim = n;
  desc.threads = 128;
  desc.shared_bytes = 60 * 1024;
  desc.column_blocks = n / 64;
  desc.image = "image";
  desc.image_bytes = 6;
  return desc;
}

/// A pointer that nobody may follow, of the highest alignment.
template <typename T>
T *devicePointer(uintptr_t value) {
  return reinterpret_cast<T *>(value << 20);
}

/// What every call begins with.
template <typename Params>
Params gpuCall() {
  Params p = {};
  p.struct_size = sizeof p;
  p.device = ATTN_DEVICE_CUDA;
  p.dtype = ATTN_BF16;
  p.stream = devicePointer<void>(8);
  return p;
}

/// A call that fits gpuKernel(): a paged cache, three of at most four requests.
inline attn_decode_params gpuParams() {
  auto p = gpuCall<attn_decode_params>();
  p.flags = ATTN_FLAG_CAUSAL;
  p.layout = ATTN_LAYOUT_ROW;
  p.q_heads = 32;
  p.kv_heads = 8;
  p.k_dim = p.v_dim = 128;
  p.q_len = 1;
  p.scale = 0.125f;
  p.max_batch = 4;
  p.max_seq_len = 1000;
  p.page_size = 16;
  p.num_blocks = 512;
  p.batch = 3;
  p.q = devicePointer<void>(1);
  p.q_stride_batch = p.q_stride_token = 32 * 128;
  p.q_stride_head = 128;
  p.k = devicePointer<void>(2);
  p.v = devicePointer<void>(3);
  p.k_stride_block = p.v_stride_block = 16 * 8 * 128;
  p.k_stride_token = p.v_stride_token = 8 * 128;
  p.k_stride_head = p.v_stride_head = 128;
  p.seq_lens = devicePointer<int32_t>(4);
  p.block_table = devicePointer<int32_t>(5);
  p.block_table_stride = p.max_blocks = 63;
  p.out = devicePointer<void>(6);
  p.out_stride_batch = p.out_stride_token = 32 * 128;
  p.out_stride_head = 128;
  p.workspace = devicePointer<void>(7);
  p.workspace_bytes = uint64_t(1) << 40;
  return p;
}

/// The same cache by indptr and indices.
inline attn_decode_params gpuIndexParams() {
  attn_decode_params p = gpuParams();
  p.block_table = nullptr;
  p.block_table_stride = p.max_blocks = 0;
  p.indptr = devicePointer<int32_t>(10);
  p.indices = devicePointer<void>(11);
  p.max_indices = 200;
  return p;
}

/// States of gpuKernel()'s shape to merge: seven of each of three requests.
inline attn_merge_params gpuMergeParams() {
  auto p = gpuCall<attn_merge_params>();
  p.isa = ATTN_ISA_AUTO;
  p.q_heads = 32;
  p.kv_heads = 8;
  p.v_dim = 128;
  p.q_len = 1;
  p.batch = 3;
  p.parts = 7;
  p.partial_out = devicePointer<float>(1);
  p.partial_lse = devicePointer<float>(2);
  p.out = devicePointer<void>(3);
  p.out_stride_batch = p.out_stride_token = 32 * 128;
  p.out_stride_head = 128;
  return p;
}

/// Five tokens for gpuParams()'s cache.
inline attn_append_params gpuAppendParams(const attn_library *lib) {
  auto p = gpuCall<attn_append_params>();
  p.lib = lib;
  p.layout = ATTN_LAYOUT_ROW;
  p.kv_heads = 8;
  p.k_dim = p.v_dim = 128;
  p.tokens = 5;
  p.page_size = 16;
  p.num_blocks = 512;
  p.slot_mapping = devicePointer<int64_t>(1);
  p.k_src = devicePointer<void>(2);
  p.v_src = devicePointer<void>(3);
  p.k_src_stride_token = 8 * 128;
  p.v_src_stride_token = 8 * 128 + 8;
  p.k_src_stride_head = p.v_src_stride_head = 128;
  p.k = devicePointer<void>(4);
  p.v = devicePointer<void>(5);
  p.k_stride_block = p.v_stride_block = 16 * 8 * 128;
  p.k_stride_token = p.v_stride_token = 8 * 128;
  p.k_stride_head = p.v_stride_head = 128;
  return p;
}

/// Seven rows for a projection of 128 to 512.
inline attn_project_params gpuProjectParams(const attn_library *lib) {
  auto p = gpuCall<attn_project_params>();
  p.lib = lib;
  p.isa = ATTN_ISA_AUTO;
  p.heads = 32;
  p.in_dim = 128;
  p.out_dim = 512;
  p.rows = 7;
  p.in = devicePointer<void>(1);
  p.in_stride_row = 32 * 192;
  p.in_stride_head = 192;
  p.weight = devicePointer<void>(2);
  p.weight_stride_head = 128 * 512;
  p.weight_stride_in = 512;
  p.weight_stride_out = 1;
  p.out = devicePointer<void>(3);
  p.out_stride_row = 32 * 576;
  p.out_stride_head = 576;
  return p;
}

struct CloseLibrary {
  void operator()(attn_library *lib) const { attn_library_close(lib); }
};
using Library = std::unique_ptr<attn_library, CloseLibrary>;

} // namespace attn::test

#endif // ATTN_TEST_UNIT_RUNTIME_GPUPROBLEM_H
