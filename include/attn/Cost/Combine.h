//===- Combine.h - Where partial states are merged -------------*- C++ -*--===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Latent attention that was split over threads leaves partial states, which are
// merged before W_UV multiplies them: by a phase of its own, shared evenly by
// all threads, or by the output's projection, head by head as it comes to them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_COST_COMBINE_H
#define ATTN_COST_COMBINE_H

#include <cstdint>

namespace attn::cost {

/// One split request. A row is one query token of one head.
struct CombineShape {
  int64_t heads;   ///< H, on this device
  int64_t rank;    ///< r, columns of a row
  int64_t qLen;    ///< S, query tokens
  int64_t parts;   ///< P, states that are merged
  int64_t threads; ///< that share the work
  /// Blocks of output columns that are projected by themselves, each of which
  /// merges its rows again if the projection merges at all.
  int64_t columnBlocks = 1;
};

/// What a thread takes for it. The defaults are estimates for one
/// Sapphire-Rapids-class core; what came of them is in docs/mla.md.
struct CombineMachine {
  double cacheGBps = 20;        ///< f32 rows read or written, by one core
  double barrierSeconds = 2e-6; ///< from one phase of all threads to the next
  double callSeconds = 60e-9;   ///< a call of the combine function
};

/// Of the request: bytes that all threads move, and the time of the slowest
/// thread. What both ways have in common beside the states (the projection
/// itself) is left out.
struct CombineCost {
  double stateBytes;  ///< 4 H S r P, times the column blocks if fused
  double mergedBytes; ///< 8 H S r, written and read back; 0 if fused
  int64_t barriers;
  double seconds;
};

/// By a phase of its own, 16 rows a call.
CombineCost separateCombine(const CombineMachine &machine,
                            const CombineShape &shape);
/// By the projection, a row a call, whose threads share heads and not rows.
CombineCost fusedCombine(const CombineMachine &machine,
                         const CombineShape &shape);

} // namespace attn::cost

#endif // ATTN_COST_COMBINE_H
