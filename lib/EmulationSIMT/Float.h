//===- Float.h - 16-bit floating point ------------------------ -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EMULATIONSIMT_FLOAT_H
#define ATTN_LIB_EMULATIONSIMT_FLOAT_H

#include <cstdint>
#include <cstring>

namespace attn::simt {

inline float floatFromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float fromBF16(uint16_t bits) {
  return floatFromBits(uint32_t(bits) << 16);
}

inline float fromF16(uint16_t bits) {
  // The exponent moved into place, then scaled by the difference of the biases,
  // which also normalises denormals.
  float magnitude =
      floatFromBits(uint32_t(bits & 0x7FFF) << 13) * floatFromBits(0x77800000);
  uint32_t special = (bits & 0x7C00) == 0x7C00 ? 0x7F800000 : 0;
  return floatFromBits(bitsOf(magnitude) | special |
                       uint32_t(bits & 0x8000) << 16);
}

} // namespace attn::simt

#endif // ATTN_LIB_EMULATIONSIMT_FLOAT_H
