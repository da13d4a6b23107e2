//===- Math.cpp - Special functions ---------------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Float.h"
#include "attn/EmulationSIMT/Ops.h"

#include <cmath>

using namespace attn::simt;

/// .ftz: a denormal becomes a zero of its sign.
static float flush(float x) {
  uint32_t bits = bitsOf(x);
  return bits & 0x7F800000 ? x : floatFromBits(bits & 0x80000000);
}

float attn_simt_ex2(float x) { return flush(std::exp2(flush(x))); }
float attn_simt_lg2(float x) { return flush(std::log2(flush(x))); }
float attn_simt_rcp(float x) { return flush(1.0F / flush(x)); }
float attn_simt_rsqrt(float x) { return flush(1.0F / std::sqrt(flush(x))); }
float attn_simt_sqrt(float x) { return flush(std::sqrt(flush(x))); }
float attn_simt_tanh(float x) { return std::tanh(x); }

float attn_simt_bf16(float x) {
  uint32_t bits = bitsOf(x);
  if (x != x)
    return floatFromBits(0x7FFF);
  // To nearest, ties to even.
  return floatFromBits((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
