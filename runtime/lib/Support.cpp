//===-- Support.cpp - attn_query_support ----------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Error.h"
#include "Library.h"
#include "Select.h"
#include "Validate.h"
#include "gpu/GpuLibrary.h"

#include <cinttypes>
#include <cstdio>

using namespace attn::runtime;

static const char *yesNo(bool yes) { return yes ? "yes" : "no"; }

static const char *orUnknown(const char *name) {
  return name ? name : "unknown";
}

void attn::runtime::describeReason(attn_reason_code code,
                                   const attn_kernel_desc &desc,
                                   const attn_decode_params &params, char *text,
                                   size_t size) {
  auto integers = [&](const char *fact, int64_t asked, int64_t has) {
    snprintf(text, size, "%s: %" PRId64 " asked, kernel has %" PRId64, fact,
             asked, has);
  };
  auto floats = [&](const char *fact, float asked, float has) {
    snprintf(text, size, "%s: %.9g asked, kernel has %.9g", fact, double(asked),
             double(has));
  };
  auto names = [&](const char *fact, const char *asked, const char *has) {
    snprintf(text, size, "%s: %s asked, kernel has %s", fact, orUnknown(asked),
             orUnknown(has));
  };
  auto flag = [&](const char *fact, uint32_t bit) {
    snprintf(text, size, "%s: %s asked, kernel has %s", fact,
             yesNo(params.flags & bit), yesNo(desc.flags & bit));
  };
  const char *isa = orUnknown(attn_isa_name(desc.isa));
  switch (code) {
  case ATTN_REASON_NO_KERNELS:
    snprintf(text, size, "the library has no kernels");
    return;
  case ATTN_REASON_NAME:
    snprintf(text, size, "name: %.40s asked, kernel is %.40s",
             params.kernel_name, desc.name);
    return;
  case ATTN_REASON_DTYPE:
    return names("dtype", attn_dtype_name(params.dtype),
                 attn_dtype_name(desc.dtype));
  case ATTN_REASON_LAYOUT:
    return names("layout", attn_layout_name(params.layout),
                 attn_layout_name(desc.layout));
  case ATTN_REASON_Q_HEADS:
    return integers("q_heads", params.q_heads, desc.q_heads);
  case ATTN_REASON_KV_HEADS:
    return integers("kv_heads", params.kv_heads, desc.kv_heads);
  case ATTN_REASON_K_DIM:
    return integers("k_dim", params.k_dim, desc.k_dim);
  case ATTN_REASON_V_DIM:
    return integers("v_dim", params.v_dim, desc.v_dim);
  case ATTN_REASON_Q_LEN:
    return integers("q_len", params.q_len, desc.q_len);
  case ATTN_REASON_CAUSAL:
    return flag("causal", ATTN_FLAG_CAUSAL);
  case ATTN_REASON_SINKS:
    return flag("sinks", ATTN_FLAG_SINKS);
  case ATTN_REASON_V_IN_K:
    return flag("V in K", ATTN_FLAG_V_IN_K);
  case ATTN_REASON_SCORE_MOD:
    return flag("score region", ATTN_FLAG_SCORE_MOD);
  case ATTN_REASON_WINDOW:
    return integers("window", params.window, desc.window);
  case ATTN_REASON_SCALE:
    return floats("scale", params.scale, desc.scale);
  case ATTN_REASON_SOFTCAP:
    return floats("softcap", params.softcap, desc.softcap);
  case ATTN_REASON_PAGE_SIZE:
    snprintf(text, size,
             "page_size: %" PRId64 " asked, kernel takes multiples of %d",
             params.page_size, desc.page_multiple);
    return;
  case ATTN_REASON_ISA:
    snprintf(text, size, "isa: %s asked, kernel is for %s",
             orUnknown(attn_isa_name(params.isa)), isa);
    return;
  case ATTN_REASON_CPU_FEATURE:
    if (gpu::isKernel(desc)) {
      int32_t arch = (desc.isa - ATTN_ISA_GPU) % gpu::kOtherGpu;
      bool isOther = desc.isa - ATTN_ISA_GPU > gpu::kOtherGpu;
      snprintf(text, size, "GPU: kernel is for compute capability %d.%d %s",
               arch / 10, arch % 10, isOther ? "alone" : "and above");
      return;
    }
    snprintf(text, size, "CPU: kernel is for %s, this host offers %s", isa,
             orUnknown(attn_isa_name(attn_cpu_isa())));
    return;
  case ATTN_REASON_EMULATED:
    snprintf(text, size, "the kernel is emulated, which was not allowed");
    return;
  case ATTN_REASON_MERGE_ONLY:
    snprintf(text, size, "the kernel merges states and reads no cache");
    return;
  case ATTN_REASON_DEVICE:
    snprintf(text, size, "device: %s asked, kernel is for %s",
             params.device == ATTN_DEVICE_CUDA ? "CUDA" : "CPU",
             gpu::isKernel(desc) ? "CUDA" : "the CPU");
    return;
  case ATTN_REASON_INDEX_TYPE:
    snprintf(text, size, "index_type"); // no kernel has this reason any more
    return;
  case ATTN_REASON_OUT_F32:
    snprintf(text, size, "out in f32: %s asked, kernel has %s",
             params.flags & ATTN_FLAG_OUT_F32 ? "yes" : "no",
             desc.flags & ATTN_KERNEL_OUT_F32 ? "yes" : "no");
    return;
  case ATTN_REASON_DECOMPRESS:
    snprintf(text, size, "decompression in the kernel: %s asked, kernel has %s",
             yesNo(params.flags & ATTN_KERNEL_DECOMPRESS),
             yesNo(desc.flags & ATTN_KERNEL_DECOMPRESS));
    return;
  case ATTN_REASON_REST:
    snprintf(text, size, "numbers in two parts: %s asked, kernel has %s",
             yesNo(params.flags & ATTN_KERNEL_REST),
             yesNo(desc.flags & ATTN_KERNEL_REST));
    return;
  }
}

const char *attn_reason_name(int32_t code) {
  switch (code) {
#define ATTN_REASON_CASE(name)                                                 \
  case name:                                                                   \
    return #name;
    ATTN_REASON_CASE(ATTN_REASON_NO_KERNELS)
    ATTN_REASON_CASE(ATTN_REASON_NAME)
    ATTN_REASON_CASE(ATTN_REASON_DTYPE)
    ATTN_REASON_CASE(ATTN_REASON_LAYOUT)
    ATTN_REASON_CASE(ATTN_REASON_Q_HEADS)
    ATTN_REASON_CASE(ATTN_REASON_KV_HEADS)
    ATTN_REASON_CASE(ATTN_REASON_K_DIM)
    ATTN_REASON_CASE(ATTN_REASON_V_DIM)
    ATTN_REASON_CASE(ATTN_REASON_Q_LEN)
    ATTN_REASON_CASE(ATTN_REASON_CAUSAL)
    ATTN_REASON_CASE(ATTN_REASON_SINKS)
    ATTN_REASON_CASE(ATTN_REASON_V_IN_K)
    ATTN_REASON_CASE(ATTN_REASON_SCORE_MOD)
    ATTN_REASON_CASE(ATTN_REASON_WINDOW)
    ATTN_REASON_CASE(ATTN_REASON_SCALE)
    ATTN_REASON_CASE(ATTN_REASON_SOFTCAP)
    ATTN_REASON_CASE(ATTN_REASON_PAGE_SIZE)
    ATTN_REASON_CASE(ATTN_REASON_ISA)
    ATTN_REASON_CASE(ATTN_REASON_CPU_FEATURE)
    ATTN_REASON_CASE(ATTN_REASON_EMULATED)
    ATTN_REASON_CASE(ATTN_REASON_MERGE_ONLY)
    ATTN_REASON_CASE(ATTN_REASON_DEVICE)
    ATTN_REASON_CASE(ATTN_REASON_INDEX_TYPE)
    ATTN_REASON_CASE(ATTN_REASON_OUT_F32)
    ATTN_REASON_CASE(ATTN_REASON_DECOMPRESS)
    ATTN_REASON_CASE(ATTN_REASON_REST)
#undef ATTN_REASON_CASE
  default:
    return "unknown attn_reason_code";
  }
}

attn_status attn_query_support(const attn_library *lib,
                               const attn_decode_params *params,
                               attn_reason *reasons, size_t capacity,
                               size_t *num_reasons) {
  attn_decode_params p;
  ATTN_TRY(readFacts(lib, params, p));
  if (capacity && !reasons)
    return fail(ATTN_ERROR_NULL_POINTER, "reasons is null");
  size_t count = 0;
  auto add = [&](attn_reason_code code, int32_t kernel,
                 const attn_kernel_desc &desc) {
    if (count < capacity) {
      reasons[count].code = code;
      reasons[count].kernel = kernel;
      describeReason(code, desc, p, reasons[count].text, sizeof reasons->text);
    }
    ++count;
  };
  const attn_kernel_table &table = *lib->table;
  int32_t hostIsa = getHostLevel(lib);
  const attn_kernel_desc *best;
  attn_status status = selectKernel(table, p, hostIsa, best);
  if (status) {
    int fewest;
    findNearest(table, p, hostIsa, fewest);
    if (table.num_kernels == 0)
      add(ATTN_REASON_NO_KERNELS, -1, attn_kernel_desc{});
    for (uint32_t i = 0; i < table.num_kernels; ++i) {
      ReasonMask mask = findMismatches(table.kernels[i], p, hostIsa);
      if (__builtin_popcount(mask) != fewest)
        continue;
      for (; mask; mask &= mask - 1)
        add(attn_reason_code(__builtin_ctz(mask)), int32_t(i),
            table.kernels[i]);
    }
  }
  if (num_reasons)
    *num_reasons = count;
  return status;
}
