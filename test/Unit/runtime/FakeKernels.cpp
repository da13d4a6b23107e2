//===-- FakeKernels.cpp - Scalar kernels that obey the kernel ABI ---------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeKernels.h"

#include "attn_layout.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace attn::test;

std::atomic<int> attn::test::contractBreaches{0};

double attn::test::readElement(const void *base, int32_t dtype, int64_t i) {
  switch (dtype) {
  case ATTN_F32:
    return static_cast<const float *>(base)[i];
  case ATTN_F16:
    return double(static_cast<const _Float16 *>(base)[i]);
  default: {
    uint32_t bits = uint32_t(static_cast<const uint16_t *>(base)[i]) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  }
}

void attn::test::writeElement(void *base, int32_t dtype, int64_t i,
                              double value) {
  switch (dtype) {
  case ATTN_F32:
    static_cast<float *>(base)[i] = float(value);
    return;
  case ATTN_F16:
    static_cast<_Float16 *>(base)[i] = _Float16(value);
    return;
  default: {
    float narrow = float(value);
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    // To nearest even; a NaN stays one.
    bits = std::isnan(narrow) ? 0x7fc00000 : bits + 0x7fff + ((bits >> 16) & 1);
    static_cast<uint16_t *>(base)[i] = uint16_t(bits >> 16);
  }
  }
}

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kScratchBytes = 200; // no multiple of a cache line

/// Compile-time facts of a fake kernel.
struct Facts {
  const char *name;
  uint32_t flags;
  int32_t dtype, layout, qHeads, kvHeads, kDim, vDim, qLen, kvTile;
  int32_t pageMultiple;
  int64_t window;
  float scale, softcap;
};

constexpr uint32_t kCausal = ATTN_KERNEL_CAUSAL, kSinks = ATTN_KERNEL_SINKS,
                   kVInK = ATTN_KERNEL_V_IN_K;
constexpr int32_t kRow = ATTN_LAYOUT_ROW, kOwn = ATTN_LAYOUT_OWN;

constexpr Facts kFacts[NumFakeKernels] = {
    // name, flags, dtype, layout, heads q kv, dims k v, q_len, tile, page,
    // window
    {"gqa_f32_row", 0, ATTN_F32, kRow, 12, 4, 8, 8, 1, 8, 1, 0, 0.5f, 0},
    {"gqa_bf16_own", 0, ATTN_BF16, kOwn, 4, 2, 16, 32, 1, 16, 16, 0, 0.25f, 0},
    {"gqa_f16_own", 0, ATTN_F16, kOwn, 2, 2, 6, 10, 1, 16, 4, 0, 0.3f, 0},
    {"causal_bf16_row", kCausal, ATTN_BF16, kRow, 5, 5, 8, 8, 3, 8, 1, 0, 0.4f,
     0},
    {"window_f32_row", kCausal | kSinks, ATTN_F32, kRow, 8, 2, 8, 4, 3, 8, 1,
     37, 0.5f, 3},
    {"mla_bf16_row", kVInK, ATTN_BF16, kRow, 5, 1, 12, 8, 1, 8, 1, 0, 0.3f, 0},
    {"mla_bf16_own", kVInK, ATTN_BF16, kOwn, 7, 1, 12, 9, 1, 8, 2, 0, 0.3f, 0},
    {"full_f32_row", 0, ATTN_F32, kRow, 2, 1, 8, 8, 2, 8, 1, 0, 0.5f, 0},
};

void require(bool holds) { contractBreaches += holds ? 0 : 1; }

/// Fills the scratch: it is ours, so nobody else may notice.
void checkScratch(void *scratch) {
  require(reinterpret_cast<uintptr_t>(scratch) % 64 == 0);
  memset(scratch, 0xff, kScratchBytes);
}

/// Stores one row, with the sink, as an output.
void storeOutput(const Facts &facts, const attn_kernel_args &args,
                 int64_t batch, int64_t token, int64_t head,
                 const std::vector<float> &row, float lse) {
  int64_t out = batch * args.out_stride_batch + token * args.out_stride_token +
                head * args.out_stride_head;
  float keep = 1;
  if ((facts.flags & kSinks) && lse != -kInfinity) {
    float sink = args.sinks[head], top = std::max(lse, sink);
    float total = top + std::log(std::exp(lse - top) + std::exp(sink - top));
    keep = std::exp(lse - total);
  }
  for (int64_t d = 0; d < facts.vDim; ++d)
    writeElement(args.out, facts.dtype, out + d, row[size_t(d)] * keep);
  if (args.lse)
    args.lse[batch * args.lse_stride_batch + token * args.lse_stride_token +
             head * args.lse_stride_head] = lse;
}

/// Index of a row in a partial state.
int64_t partialRow(const Facts &facts, int64_t slot, int64_t token,
                   int64_t head) {
  return (slot * facts.qLen + token) * facts.qHeads + head;
}

bool isVisible(const Facts &facts, const attn_work_item &item, int64_t query,
               int64_t t) {
  int64_t position = item.seq_len - facts.qLen + query;
  return !((facts.flags & kCausal) && t > position) &&
         !(facts.window && t <= position - facts.window);
}

/// Online softmax, in f32, over the item's tokens for one query row.
void attend(const Facts &facts, const attn_kernel_args &args,
            const attn_work_item &item, int64_t query, int64_t head,
            std::vector<float> &row, float &lse) {
  int64_t kvHead = head / (facts.qHeads / facts.kvHeads);
  int64_t q = item.batch * args.q_stride_batch + query * args.q_stride_token +
              head * args.q_stride_head;
  bool vInK = facts.flags & kVInK;
  float top = -kInfinity, sum = 0;
  row.assign(size_t(facts.vDim), 0);
  for (int64_t t = item.token_begin; t < item.token_end; ++t) {
    if (!isVisible(facts, item, query, t))
      continue;
    int64_t page = t / args.page_size, token = t % args.page_size;
    int64_t block = item.blocks ? item.blocks[page] : item.batch;
    int64_t k = block * args.k_stride_block + kvHead * args.k_stride_head +
                attn_row_offset(args.k_stride_token, token, 0);
    float logit = 0;
    for (int64_t d = 0; d < facts.kDim; ++d)
      logit += float(readElement(args.q, facts.dtype, q + d) *
                     readElement(args.k, facts.dtype, k + d));
    logit *= facts.scale;
    if (facts.softcap != 0)
      logit = facts.softcap * std::tanh(logit / facts.softcap);
    float newTop = std::max(top, logit), shrink = std::exp(top - newTop),
          weight = std::exp(logit - newTop);
    top = newTop;
    sum = sum * shrink + weight;
    int64_t v = block * args.v_stride_block + kvHead * args.v_stride_head;
    for (int64_t d = 0; d < facts.vDim; ++d) {
      double value =
          vInK ? readElement(args.k, facts.dtype, k + d)
               : readElement(args.v, facts.dtype,
                             v + attn_v_offset(facts.layout, facts.dtype,
                                               args.page_size,
                                               args.v_stride_token, token, d));
      row[size_t(d)] = row[size_t(d)] * shrink + weight * float(value);
    }
  }
  lse = sum > 0 ? top + std::log(sum) : -kInfinity;
  for (float &value : row)
    value = sum > 0 ? value / sum : 0;
}

void runKernel(const Facts &facts, const attn_kernel_args &args,
               const attn_work_item &item, void *scratch) {
  checkScratch(scratch);
  require(item.token_begin % facts.kvTile == 0);
  require(item.token_end % facts.kvTile == 0 || item.token_end == item.seq_len);
  require(0 <= item.head_begin && item.head_begin < item.head_end &&
          item.head_end <= facts.kvHeads);
  int64_t group = facts.qHeads / facts.kvHeads;
  std::vector<float> row;
  for (int64_t query = 0; query < facts.qLen; ++query)
    for (int64_t head = item.head_begin * group; head < item.head_end * group;
         ++head) {
      float lse;
      attend(facts, args, item, query, head, row, lse);
      if (item.slot < 0) {
        storeOutput(facts, args, item.batch, query, head, row, lse);
        continue;
      }
      int64_t partial = partialRow(facts, item.slot, query, head);
      memcpy(args.partial_out + partial * facts.vDim, row.data(),
             row.size() * sizeof(float));
      args.partial_lse[partial] = lse;
    }
}

void runCombine(const Facts &facts, const attn_kernel_args &args,
                const attn_combine_item &item, void *scratch) {
  checkScratch(scratch);
  int64_t group = facts.qHeads / facts.kvHeads;
  for (int64_t query = 0; query < facts.qLen; ++query)
    for (int64_t head = item.head_begin * group; head < item.head_end * group;
         ++head) {
      int64_t kvRow = query * group + head % group;
      if (kvRow < item.row_begin || kvRow >= item.row_end)
        continue;
      float lse = -kInfinity;
      std::vector<float> row(size_t(facts.vDim), 0);
      for (int64_t i = 0; i < item.slot_count; ++i) {
        int64_t slot = item.slot_begin + i * item.slot_stride;
        int64_t partial = partialRow(facts, slot, query, head);
        float partLse = args.partial_lse[partial];
        if (partLse == -kInfinity)
          continue;
        float top = std::max(lse, partLse);
        float total =
            top + std::log(std::exp(lse - top) + std::exp(partLse - top));
        float keep = std::exp(lse - total), weight = std::exp(partLse - total);
        lse = total;
        for (int64_t d = 0; d < facts.vDim; ++d)
          row[size_t(d)] = row[size_t(d)] * keep +
                           args.partial_out[partial * facts.vDim + d] * weight;
      }
      storeOutput(facts, args, item.batch, query, head, row, lse);
    }
}

template <int Index>
void kernel(const attn_kernel_args *args, const attn_work_item *item,
            void *scratch) {
  runKernel(kFacts[Index], *args, *item, scratch);
}

template <int Index>
void combine(const attn_kernel_args *args, const attn_combine_item *item,
             void *scratch) {
  runCombine(kFacts[Index], *args, *item, scratch);
}

template <int Index>
attn_kernel_desc makeDesc() {
  const Facts &facts = kFacts[Index];
  attn_kernel_desc desc = {};
  desc.struct_size = sizeof desc;
  desc.flags = facts.flags;
  desc.name = facts.name;
  desc.isa = ATTN_ISA_AVX2;
  desc.dtype = facts.dtype;
  desc.layout = facts.layout;
  desc.q_heads = facts.qHeads;
  desc.kv_heads = facts.kvHeads;
  desc.k_dim = facts.kDim;
  desc.v_dim = facts.vDim;
  desc.q_len = facts.qLen;
  desc.kv_tile = facts.kvTile;
  desc.page_multiple = facts.pageMultiple;
  desc.window = facts.window;
  desc.scale = facts.scale;
  desc.softcap = facts.softcap;
  desc.scratch_bytes = kScratchBytes;
  desc.kernel = kernel<Index>;
  desc.combine = combine<Index>;
  return desc;
}

} // namespace

const attn_kernel_table &attn::test::fakeTable() {
  static const attn_kernel_desc kernels[NumFakeKernels] = {
      makeDesc<0>(), makeDesc<1>(), makeDesc<2>(), makeDesc<3>(),
      makeDesc<4>(), makeDesc<5>(), makeDesc<6>(), makeDesc<7>()};
  static const attn_kernel_table table = {
      ATTN_KERNEL_ABI_VERSION, NumFakeKernels, kernels, nullptr, 0, 0};
  return table;
}

attn_decode_params attn::test::factsOf(const attn_kernel_desc &desc) {
  attn_decode_params p = {};
  p.struct_size = sizeof p;
  // The same bits, but for those that are about the code alone.
  p.flags = desc.flags & (ATTN_KERNEL_CAUSAL | ATTN_KERNEL_SINKS |
                          ATTN_KERNEL_V_IN_K | ATTN_KERNEL_SCORE_MOD);
  p.dtype = desc.dtype;
  p.layout = desc.layout;
  p.q_heads = desc.q_heads;
  p.kv_heads = desc.kv_heads;
  p.k_dim = desc.k_dim;
  p.v_dim = desc.v_dim;
  p.q_len = desc.q_len;
  p.isa = ATTN_ISA_AUTO;
  p.scale = desc.scale;
  p.softcap = desc.softcap;
  p.window = desc.window;
  return p;
}
