//===- Latent.h - The forms of latent attention ----------------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Multi-head latent attention can be computed in the latent space (absorbed) or
// on decompressed keys and values. Source of all formulas: notes/engines.md 4.1
// (derived there; agrees with the thresholds that engines set by hand).
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_COST_LATENT_H
#define ATTN_COST_LATENT_H

#include "attn/Cost/Machine.h"
#include <cstdint>
#include <optional>

namespace attn::cost {

enum class LatentForm {
  Absorbed,       ///< W_UK folded into the query, W_UV applied to the output
  Materialized,   ///< K and V decompressed to memory, then read as MHA
  FusedDecompress ///< K and V decompressed tile by tile inside the kernel
};

/// One sequence's latent attention in one layer.
struct LatentShape {
  int64_t heads;   ///< H, on this device
  int64_t rank;    ///< r
  int64_t rope;    ///< d_r
  int64_t nope;    ///< n
  int64_t v;       ///< v
  int64_t qLen;    ///< S, new tokens
  int64_t context; ///< T, tokens of KV
  int64_t elementBytes = 2;
  int64_t groups = 1; ///< G, latent rows a token
  /// What rounding leaves of the projected operand of the scores is kept, and
  /// multiplied as well (attn-select-score-rest).
  bool scoreRest = false;
};

/// H, S, T, r, d_r, n, v, G as in LatentShape, e the element's bytes.
struct LatentCost {
  /// Absorbed 2 H S T (2r + d_r); otherwise 2 H S T (n + d_r + v). With a rest
  /// of the scores' operand r, or n, more.
  double coreFlops;
  /// Absorbed 2 H S r (n + v), for the queries and outputs; otherwise
  /// 2 H T r (n + v), for all keys and values (fused: if one pass over the
  /// context serves all S tokens; once more for every further pass).
  double projectionFlops;
  /// e T G (r + d_r), each latent row having its rotary part; materialised also
  /// writes and reads e T H (n + d_r + v), with a rest n more: what passes
  /// through memory where all heads' K and V lie there at once, as on a GPU,
  /// and an upper bound where each head's are used up in the caches, as by
  /// attn_mla_decode on the CPU. Of the fused form's walks over the rows, one a
  /// head, all but the first are left to the caches.
  double kvBytes;
  /// e H r (n + v): W_UK and W_UV, read once a step for the whole batch.
  double weightBytes;

  double flops() const { return coreFlops + projectionFlops; }
};

LatentCost latentCost(LatentForm form, const LatentShape &shape);

const FormEfficiency &efficiencyOf(const Machine &machine, LatentForm form);

/// The number of new tokens below which the absorbed form has fewer FLOPs than
/// decompression, over T tokens of context (none: infinitely many):
///   S < r D / (2r - D + r D / T),  D = n + v.
/// Heads and rope width cancel; with a rest of the scores' operand the
/// denominator is r - n larger. Infinity where absorbing always wins
/// (D >= 2r + rD/T).
double absorbThreshold(int64_t rank, int64_t nope, int64_t v,
                       std::optional<int64_t> context = std::nullopt,
                       bool scoreRest = false);

/// What rounding one operand of the scores costs, in units of what rounding the
/// output costs (of 1 - cos): a query and keys of unit-normal numbers make
/// scores whose nope columns have a variance of scale² nope, by which a
/// relative error of either shifts them, and a shift of all scores alike moves
/// the output as much as its own relative error. An upper bound: what shifts
/// all scores together cancels.
inline double scoreRounding(double scale, int64_t nope) {
  return scale * scale * double(nope);
}
/// Whether that is worth a second product of what rounding leaves.
inline bool keepsScoreRest(double rounding) { return rounding > 1; }
/// Whether attn-select-score-rest keeps it in both kinds of form. Elements of
/// two bytes are taken to be bf16.
inline bool keepsScoreRest(const LatentShape &shape, double scale) {
  return shape.elementBytes == 2 && shape.rank % 32 == 0 &&
         shape.nope % 32 == 0 &&
         keepsScoreRest(scoreRounding(scale, shape.nope));
}

/// The time of this form for `batch` sequences of the shape: the weights are
/// read once for all of them. No kernel beats it where the machine's
/// efficiencies are 1; where they are measured, it is what kernels like those
/// take.
Roofline latentRoofline(const Machine &machine, LatentForm form,
                        const LatentShape &shape, int64_t batch);

/// The smallest number of new tokens, up to the context, from which on `form`
/// is faster than the absorbed form by `latentRoofline`; none if it never is.
std::optional<int64_t> formThreshold(const Machine &machine, LatentForm form,
                                     LatentShape shape, int64_t batch);

} // namespace attn::cost

#endif // ATTN_COST_LATENT_H
