//===- Registers.cpp - Special registers ----------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"
#include "attn/EmulationSIMT/Ops.h"

using namespace attn::simt;

int32_t attn_simt_sreg(int32_t which) {
  Cta &cta = Cta::current();
  const Dim3 &size = cta.launch.config.block, &grid = cta.launch.config.grid;
  uint32_t thread = cta.running, bit = 1u << cta.lane();
  auto value = [&]() -> uint32_t {
    switch (static_cast<attn_simt_sreg_id>(which)) {
    case ATTN_SIMT_TID_X:
      return thread % size.x;
    case ATTN_SIMT_TID_Y:
      return thread / size.x % size.y;
    case ATTN_SIMT_TID_Z:
      return thread / size.x / size.y;
    case ATTN_SIMT_NTID_X:
      return size.x;
    case ATTN_SIMT_NTID_Y:
      return size.y;
    case ATTN_SIMT_NTID_Z:
      return size.z;
    case ATTN_SIMT_CTAID_X:
      return cta.blockIndex.x;
    case ATTN_SIMT_CTAID_Y:
      return cta.blockIndex.y;
    case ATTN_SIMT_CTAID_Z:
      return cta.blockIndex.z;
    case ATTN_SIMT_NCTAID_X:
      return grid.x;
    case ATTN_SIMT_NCTAID_Y:
      return grid.y;
    case ATTN_SIMT_NCTAID_Z:
      return grid.z;
    case ATTN_SIMT_LANEID:
      return cta.lane();
    case ATTN_SIMT_WARPID:
      return thread / kWarp;
    case ATTN_SIMT_NWARPID:
      return static_cast<uint32_t>(cta.warps.size());
    case ATTN_SIMT_WARPSIZE:
      return kWarp;
    case ATTN_SIMT_LANEMASK_EQ:
      return bit;
    case ATTN_SIMT_LANEMASK_LE:
      return bit | (bit - 1);
    case ATTN_SIMT_LANEMASK_LT:
      return bit - 1;
    case ATTN_SIMT_LANEMASK_GE:
      return ~(bit - 1);
    case ATTN_SIMT_LANEMASK_GT:
      return ~(bit | (bit - 1));
    case ATTN_SIMT_SMID:
      return 0;
    case ATTN_SIMT_NSMID:
      return 1;
    case ATTN_SIMT_DYNAMIC_SMEM_SIZE:
      return cta.launch.config.dynamicSharedBytes;
    }
    return 0;
  };
  return static_cast<int32_t>(value());
}
