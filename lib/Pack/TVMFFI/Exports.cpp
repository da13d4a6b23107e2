//===- Exports.cpp - What a pack exports for TVM-FFI ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Functions that tvm_ffi.load_module finds in a pack, each over the ABI's
// function of the same name. Caches have any strides ATTN_LAYOUT_ROW allows.
// docs/packs.md lists them for users.

#include "Arguments.h"

#include <cstring>
#include <pthread.h>

using namespace attn::tvmffi;

extern "C" const attn_kernel_table *attn_pack_table(void);

#define ATTN_TVM_EXPORT(name)                                                  \
  extern "C" ATTN_API int __tvm_ffi_##name(void *, const Any *args,            \
                                           int32_t count, Any *result)

namespace {

attn_library *packLibrary = nullptr;
pthread_once_t packOnce = PTHREAD_ONCE_INIT;

/// This pack; opened by the first call, kept as long as the process.
attn_library *library(Arguments &arguments) {
  pthread_once(&packOnce, [] {
    attn_library_from_table(attn_pack_table(), &packLibrary);
  });
  arguments.require(packLibrary, "the pack's table does not open");
  return packLibrary;
}

int finish(const Arguments &arguments, Any *result, int64_t value) {
  if (!arguments.ok())
    return -1;
  *result = {kInt, 0, {value}};
  return 0;
}

int finish(const Arguments &arguments, Any *result) {
  if (!arguments.ok())
    return -1;
  *result = {kNone, 0, {0}};
  return 0;
}

/// Returns the workspace that the call of `params` needs.
template <typename Params>
int sizeWorkspace(Arguments &arguments, const Params &params,
                  attn_status (*size)(const attn_library *, const Params *,
                                      uint64_t *),
                  Any *result) {
  uint64_t bytes = 0;
  if (arguments.ok())
    arguments.require(size(library(arguments), &params, &bytes));
  return finish(arguments, result, static_cast<int64_t>(bytes));
}

template <typename Params>
int run(Arguments &arguments, const Params &params,
        attn_status (*function)(const attn_library *, const Params *),
        Any *result) {
  if (arguments.ok())
    arguments.require(function(library(arguments), &params));
  return finish(arguments, result);
}

attn_pool *poolOf(Arguments &arguments, int index) {
  return static_cast<attn_pool *>(arguments.pointer(index, "pool"));
}

/// decode's arguments: q, k, v, block_table, seq_lens, out, lse, workspace,
/// scale, window, softcap, sinks, max_batch, max_seq_len, batch_invariant,
/// pool.
attn_decode_params readDecode(Arguments &a) {
  Tensor q = a.element(0, "q", 4), k = a.element(1, "k", 4);
  Tensor v = a.optionalElement(2, "v", 4);
  Tensor table = a.optionalDense(3, "block_table", 2, 0, 32);
  Tensor lens = a.dense(4, "seq_lens", 1, 0, 32);
  Tensor out = a.element(5, "out", 4);
  Tensor lse = a.optionalTensor(6, "lse", 3);
  Tensor workspace = a.optionalDense(7, "workspace", 1, 1, 8);
  Tensor sinks = a.optionalDense(11, "sinks", 1, 2, 32);
  attn_decode_params p;
  memset(&p, 0, sizeof p);
  p.struct_size = sizeof p;
  p.scale = static_cast<float>(a.real(8, "scale"));
  p.window = a.integer(9, "window");
  p.softcap = static_cast<float>(a.real(10, "softcap"));
  p.max_batch = a.integer(12, "max_batch");
  p.max_seq_len = a.integer(13, "max_seq_len");
  p.flags = ATTN_FLAG_CAUSAL | (sinks ? ATTN_FLAG_SINKS : 0u) |
            (v ? 0u : ATTN_FLAG_V_IN_K) |
            (a.integer(14, "batch_invariant") ? ATTN_FLAG_BATCH_INVARIANT : 0u);
  p.pool = poolOf(a, 15);
  if (!a.ok())
    return p;
  auto sameAs = [&](const char *name, const Tensor &tensor, int axis,
                    int64_t size) {
    a.require(tensor.shape[axis] == size, "%s: dimension %d is %lld, not %lld",
              name, axis, static_cast<long long>(tensor.shape[axis]),
              static_cast<long long>(size));
  };
  p.dtype = a.dtype();
  p.layout = ATTN_LAYOUT_ROW;
  p.isa = ATTN_ISA_AUTO;
  p.batch = q.shape[0];
  p.q_len = a.narrow(q.shape[1], "the query tokens of q");
  p.q_heads = a.narrow(q.shape[2], "the heads of q");
  p.k_dim = a.narrow(q.shape[3], "the width of q");
  p.num_blocks = k.shape[0];
  p.page_size = k.shape[1];
  p.kv_heads = a.narrow(k.shape[2], "the heads of k");
  p.v_dim = a.narrow(out.shape[3], "the width of out");
  sameAs("k", k, 3, p.k_dim);
  for (int axis = 0; v && axis < 3; ++axis)
    sameAs("v", v, axis, k.shape[axis]);
  if (v)
    sameAs("v", v, 3, p.v_dim);
  for (int axis = 0; axis < 3; ++axis)
    sameAs("out", out, axis, q.shape[axis]);
  for (int axis = 0; lse && axis < 3; ++axis)
    sameAs("lse", lse, axis, q.shape[axis]);
  a.require(!lse || (lse.source->typeCode == 2 && lse.source->typeBits == 32),
            "lse: float32 is expected");
  sameAs("seq_lens", lens, 0, p.batch);
  if (table)
    sameAs("block_table", table, 0, p.batch);
  if (sinks)
    sameAs("sinks", sinks, 0, p.q_heads);
  p.q = q.data;
  p.q_stride_batch = q.strides[0];
  p.q_stride_token = q.strides[1];
  p.q_stride_head = q.strides[2];
  p.k = k.data;
  p.k_stride_block = k.strides[0];
  p.k_stride_token = k.strides[1];
  p.k_stride_head = k.strides[2];
  p.v = v.data;
  p.v_stride_block = v.strides[0];
  p.v_stride_token = v.strides[1];
  p.v_stride_head = v.strides[2];
  p.sinks = static_cast<const float *>(sinks.data);
  p.seq_lens = static_cast<const int32_t *>(lens.data);
  p.block_table = static_cast<const int32_t *>(table.data);
  p.block_table_stride = p.max_blocks = table.shape[1];
  p.out = out.data;
  p.out_stride_batch = out.strides[0];
  p.out_stride_token = out.strides[1];
  p.out_stride_head = out.strides[2];
  p.lse = static_cast<float *>(lse.data);
  p.lse_stride_batch = lse.strides[0];
  p.lse_stride_token = lse.strides[1];
  p.lse_stride_head = lse.strides[2];
  p.workspace = workspace.data;
  p.workspace_bytes = workspace.shape[0];
  return p;
}

/// merge's arguments: partial_out, partial_lse, out, lse, sinks, kv_heads,
/// workspace, pool.
attn_merge_params readMerge(Arguments &a) {
  Tensor partialOut = a.dense(0, "partial_out", 5, 2, 32);
  Tensor partialLse = a.dense(1, "partial_lse", 4, 2, 32);
  Tensor out = a.element(2, "out", 4);
  Tensor lse = a.optionalDense(3, "lse", 3, 2, 32);
  Tensor sinks = a.optionalDense(4, "sinks", 1, 2, 32);
  Tensor workspace = a.optionalDense(6, "workspace", 1, 1, 8);
  attn_merge_params p;
  memset(&p, 0, sizeof p);
  p.struct_size = sizeof p;
  p.kv_heads = a.narrow(a.integer(5, "kv_heads"), "kv_heads");
  p.pool = poolOf(a, 7);
  if (!a.ok())
    return p;
  for (int axis = 0; axis < 4; ++axis) {
    a.require(partialOut.shape[axis + 1] == out.shape[axis],
              "partial_out and out differ in shape");
    a.require(partialLse.shape[axis] == partialOut.shape[axis],
              "partial_lse and partial_out differ in shape");
  }
  for (int axis = 0; lse && axis < 3; ++axis)
    a.require(lse.shape[axis] == out.shape[axis],
              "lse and out differ in shape");
  p.flags = sinks ? ATTN_FLAG_SINKS : 0u;
  a.require(!sinks || sinks.shape[0] == out.shape[2],
            "sinks: one for each head is expected");
  p.dtype = a.dtype();
  p.isa = ATTN_ISA_AUTO;
  p.parts = partialOut.shape[0];
  p.batch = out.shape[0];
  p.q_len = a.narrow(out.shape[1], "the query tokens of out");
  p.q_heads = a.narrow(out.shape[2], "the heads of out");
  p.v_dim = a.narrow(out.shape[3], "the width of out");
  p.partial_out = static_cast<const float *>(partialOut.data);
  p.partial_lse = static_cast<const float *>(partialLse.data);
  p.sinks = static_cast<const float *>(sinks.data);
  p.out = out.data;
  p.out_stride_batch = out.strides[0];
  p.out_stride_token = out.strides[1];
  p.out_stride_head = out.strides[2];
  p.lse = static_cast<float *>(lse.data);
  p.lse_stride_batch = lse.strides[0];
  p.lse_stride_token = lse.strides[1];
  p.lse_stride_head = lse.strides[2];
  p.workspace = workspace.data;
  p.workspace_bytes = workspace.shape[0];
  return p;
}

} // namespace

ATTN_TVM_EXPORT(num_kernels) {
  Arguments a(args, count, 0);
  return finish(a, result, attn_library_num_kernels(library(a)));
}

ATTN_TVM_EXPORT(pool_create) {
  Arguments a(args, count, 1);
  int64_t threads = a.integer(0, "threads");
  attn_pool *pool = nullptr;
  if (a.require(threads >= 1 && threads <= 4096, "threads: 1 to 4096"))
    a.require(attn_pool_create(static_cast<int32_t>(threads), &pool));
  if (!a.ok())
    return -1;
  *result = {kPointer, 0, {}};
  result->pointer = pool;
  return 0;
}

ATTN_TVM_EXPORT(pool_destroy) {
  Arguments a(args, count, 1);
  attn_pool_destroy(poolOf(a, 0));
  return finish(a, result);
}

ATTN_TVM_EXPORT(decode_workspace_size) {
  Arguments a(args, count, 16);
  return sizeWorkspace(a, readDecode(a), attn_decode_workspace_size, result);
}

ATTN_TVM_EXPORT(decode) {
  Arguments a(args, count, 16);
  return run(a, readDecode(a), attn_decode, result);
}

ATTN_TVM_EXPORT(merge_workspace_size) {
  Arguments a(args, count, 8);
  return sizeWorkspace(a, readMerge(a), attn_merge_workspace_size, result);
}

ATTN_TVM_EXPORT(merge) {
  Arguments a(args, count, 8);
  return run(a, readMerge(a), attn_merge, result);
}

/// k_src, v_src, slot_mapping, k, v, pool.
ATTN_TVM_EXPORT(append) {
  Arguments a(args, count, 6);
  Tensor kSource = a.element(0, "k_src", 3);
  Tensor vSource = a.optionalElement(1, "v_src", 3);
  Tensor slots = a.dense(2, "slot_mapping", 1, 0, 64);
  Tensor k = a.element(3, "k", 4), v = a.optionalElement(4, "v", 4);
  attn_append_params p;
  memset(&p, 0, sizeof p);
  p.pool = poolOf(a, 5);
  if (!a.ok())
    return -1;
  a.require(bool(v) == bool(vSource), "v and v_src come together");
  a.require(kSource.shape[0] == slots.shape[0] &&
                (!v || vSource.shape[0] == slots.shape[0]),
            "k_src, v_src and slot_mapping differ in tokens");
  a.require(kSource.shape[1] == k.shape[2] && kSource.shape[2] == k.shape[3],
            "k_src and k differ in heads or width");
  a.require(!v || (vSource.shape[1] == v.shape[2] &&
                   vSource.shape[2] == v.shape[3] && v.shape[0] == k.shape[0] &&
                   v.shape[1] == k.shape[1] && v.shape[2] == k.shape[2]),
            "v_src, v and k differ in shape");
  p.struct_size = sizeof p;
  p.flags = v ? 0u : ATTN_FLAG_V_IN_K;
  p.dtype = a.dtype();
  p.layout = ATTN_LAYOUT_ROW;
  p.kv_heads = a.narrow(k.shape[2], "the heads of k");
  p.k_dim = a.narrow(k.shape[3], "the width of k");
  p.v_dim = a.narrow(v ? v.shape[3] : k.shape[3], "the width of v");
  p.tokens = slots.shape[0];
  p.num_blocks = k.shape[0];
  p.page_size = k.shape[1];
  p.slot_mapping = static_cast<const int64_t *>(slots.data);
  p.k_src = kSource.data;
  p.k_src_stride_token = kSource.strides[0];
  p.k_src_stride_head = kSource.strides[1];
  p.v_src = vSource.data;
  p.v_src_stride_token = vSource.strides[0];
  p.v_src_stride_head = vSource.strides[1];
  p.k = k.data;
  p.k_stride_block = k.strides[0];
  p.k_stride_token = k.strides[1];
  p.k_stride_head = k.strides[2];
  p.v = v.data;
  p.v_stride_block = v.strides[0];
  p.v_stride_token = v.strides[1];
  p.v_stride_head = v.strides[2];
  if (a.ok())
    a.require(attn_append(&p));
  return finish(a, result);
}
