//===- FormChoice.h - When to absorb ----------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_FORMCHOICE_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_FORMCHOICE_H

#include "attn/Cost/Latent.h"

namespace attn {

/// The comparison of `cost::latentRoofline` between the absorbed and the
/// decompressed form, as a function of S new tokens over T tokens of context.
///
/// A form takes max(FLOPs, ridge * bytes) FLOPs' time, and the bytes of the
/// absorbed form are always fewer. So it is the faster one if its FLOPs are
/// below either the FLOPs or the bytes of the other; per head and
/// multiply-add,
///
///   S (a T + b) < max(T (m S + c), k T + w).
///
/// Without bytes (a ridge of 0) this is S < r D / (2r - D + r D / T).
struct FormChoice {
  double a; ///< 2r + rope: absorbed attention
  double b; ///< r D: projections of one query token
  double m; ///< D + rope: attention over decompressed K and V
  double c; ///< r D: decompression of one token
  double k; ///< bytes of one token of context, latent and decompressed
  double w; ///< bytes of the weights

  FormChoice(const cost::Machine &machine, cost::LatentShape shape,
             int64_t batch);

  bool absorbs(double newTokens, double context) const;
  /// The number of new tokens from which on the decompressed form is at least
  /// as fast, over this context; infinity if it never is.
  double threshold(double context) const;
};

/// A machine whose memory costs nothing: forms are compared by FLOPs alone.
cost::Machine flopsOnly();

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_FORMCHOICE_H
