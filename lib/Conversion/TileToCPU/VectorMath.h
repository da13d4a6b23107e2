//===- VectorMath.h - exp2, log2 and tanh on vectors ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_VECTORMATH_H
#define ATTN_LIB_CONVERSION_TILETOCPU_VECTORMATH_H

#include "Emitter.h"

namespace attn::cpu {

/// 2^x of f32 lanes by range reduction and a minimax polynomial of `degree` 3
/// to 7 (relative error 7.5e-5, 2.6e-6, 7.5e-8, 1.9e-9, 4e-11 before rounding).
/// 0 below 2^-126, and for -inf; x must be below 127. NaN stays NaN.
Value emitExp2(Emitter &e, Value x, int64_t degree);

/// log2(x) of positive normal f32 lanes, to about 2 ulp.
Value emitLog2(Emitter &e, Value x);

/// tanh(x) of f32 lanes, absolute error about 1e-7.
Value emitTanh(Emitter &e, Value x);

} // namespace attn::cpu

#endif // ATTN_LIB_CONVERSION_TILETOCPU_VECTORMATH_H
