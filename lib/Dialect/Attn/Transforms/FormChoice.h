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

/// The comparison of `cost::latentRoofline` between the absorbed form and one
/// that decompresses, as a function of S new tokens over T tokens of context.
///
/// A form takes max(FLOPs, ridge * bytes) FLOPs' time, where FLOPs count for
/// more if the machine's kernels are known to reach less than its peak, and the
/// absorbed form never has more bytes. So it is taken if its FLOPs are below
/// either the FLOPs or the bytes of the other; per head and multiply-add,
///
///   S (a T + b) < max(T (m S + c), k T + w).
///
/// Without bytes (a ridge of 0) and at the peak, this is
/// S < r D / (2r - D + r D / T).
struct FormChoice {
  double a; ///< 2r + rope: absorbed attention
  double b; ///< r D: projections of one query token
  double m; ///< D + rope: attention over decompressed K and V
  double c; ///< r D: decompression of one token
  double k; ///< bytes of one token of context in the other form
  double w; ///< bytes of the weights

  FormChoice(const cost::Machine &machine, cost::LatentShape shape,
             int64_t batch,
             cost::LatentForm other = cost::LatentForm::Materialized);

  /// Whether this choice's decompressing form is no slower than that one's, for
  /// all extents.
  bool dominates(const FormChoice &that) const {
    return m <= that.m && c <= that.c && k <= that.k;
  }
  bool absorbs(double newTokens, double context) const;
  /// The number of new tokens from which on the decompressed form is at least
  /// as fast, over this context; infinity if it never is.
  double threshold(double context) const;
};

/// A machine whose memory costs nothing: forms are compared by FLOPs alone.
cost::Machine flopsOnly();

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_FORMCHOICE_H
