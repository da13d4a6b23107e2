//===- Append.cpp - New rows into the cache ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

namespace {

/// Copies K and V of one token a CTA, 16 bytes a thread and step.
struct AppendKernel {
  AppendKernel(Kernel &k) : k(k), e(k.e) {}

  /// Offsets into attn_gpu_args.
  struct Part {
    int64_t source, sourceToken, sourceHead;
    int64_t cache, block, token, head;
  };

  void copy(const Part &part, int64_t columns, Value token, Value block,
            Value row) {
    int64_t perHead = columns / kChunk;
    auto start = [&](int64_t base, Value offset) {
      return e.ptr(k.globalField(base), e.mul(offset, 2));
    };
    Value from = start(part.source, e.mul(token, k.i64Field(part.sourceToken)));
    Value to = start(part.cache, e.add(e.mul(block, k.i64Field(part.block)),
                                       e.mul(row, k.i64Field(part.token))));
    Value fromHead = k.i64Field(part.sourceHead),
          toHead = k.i64Field(part.head);
    e.loop(k.thread, e.i32(k.cache.getHeads() * perHead),
           e.i32(ATTN_GPU_APPEND_THREADS), {},
           [&](Value i, ValueRange) -> SmallVector<Value> {
             Value head = e.toI64(e.div(i, perHead));
             Value chunk = e.mul(e.toI64(e.rem(i, perHead)), kChunk);
             auto at = [&](Value base, Value perHead) {
               return e.ptr(base, e.mul(e.add(e.mul(head, perHead), chunk), 2));
             };
             auto type = VectorType::get({4}, e.i32Type());
             e.store(e.load(at(from, fromHead), type, 16), at(to, toHead), 16);
             return {};
           });
  }

  void run() {
    k.thread = e.special(Register::ThreadX);
    Value token = e.toI64(e.special(Register::BlockX));
    constexpr int64_t append = offsetof(attn_gpu_args, append);
    Value slots =
        k.globalField(append + offsetof(attn_gpu_append, slot_mapping));
    Value slot = e.load(e.ptr(slots, e.mul(token, 8)), e.i64Type(), 8);
    e.ifThen(e.lessEqual(e.i64(0), slot), [&] {
      Value page = k.i64Field(offsetof(attn_kernel_args, page_size));
      Value block = e.div(slot, page), row = e.rem(slot, page);
      copy({append + offsetof(attn_gpu_append, k_src),
            append + offsetof(attn_gpu_append, k_src_stride_token),
            append + offsetof(attn_gpu_append, k_src_stride_head),
            offsetof(attn_kernel_args, k),
            offsetof(attn_kernel_args, k_stride_block),
            offsetof(attn_kernel_args, k_stride_token),
            offsetof(attn_kernel_args, k_stride_head)},
           k.cache.getK(), token, block, row);
      if (k.cache.getVInK())
        return;
      copy({append + offsetof(attn_gpu_append, v_src),
            append + offsetof(attn_gpu_append, v_src_stride_token),
            append + offsetof(attn_gpu_append, v_src_stride_head),
            offsetof(attn_kernel_args, v),
            offsetof(attn_kernel_args, v_stride_block),
            offsetof(attn_kernel_args, v_stride_token),
            offsetof(attn_kernel_args, v_stride_head)},
           k.cache.getV(), token, block, row);
    });
  }

  Kernel &k;
  Emitter &e;
};
} // namespace

LogicalResult attn::nvvm::lowerAppend(tile::KernelOp decode) {
  OpBuilder b(decode);
  auto [func, args] = createKernel(
      b, decode.getLoc(), (decode.getSymName() + ATTN_GPU_APPEND_SUFFIX).str(),
      sizeof(attn_gpu_args), ATTN_GPU_APPEND_THREADS);
  Kernel k(b, decode);
  k.args = args;
  AppendKernel(k).run();
  LLVM::ReturnOp::create(b, decode.getLoc(), ValueRange{});
  return success();
}
