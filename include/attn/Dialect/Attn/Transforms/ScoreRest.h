//===- ScoreRest.h - Operands of the scores in two parts --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_TRANSFORMS_SCOREREST_H
#define ATTN_DIALECT_ATTN_TRANSFORMS_SCOREREST_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Tile/IR/Tile.h"

namespace attn {

/// Columns of the operand of the scores that a projection makes: of the query
/// where the form is absorbed, else of each head's keys.
inline int64_t getProjectedColumns(AttendOp attend) {
  LatentAttr dims = *attend.getLatent();
  return attend.getForm() == Form::Absorbed ? dims.getRank() : dims.getNope();
}

/// Of how many columns of it the kernels keep what rounding leaves, as
/// `attn-select-score-rest` has written; 0: of none.
inline int64_t getScoreRest(AttendOp attend) {
  auto kept = attend->getAttrOfType<mlir::BoolAttr>(tile::kScoreRestAttrName);
  return kept && kept.getValue() && attend.hasUpProjections()
             ? getProjectedColumns(attend)
             : 0;
}

} // namespace attn

#endif // ATTN_DIALECT_ATTN_TRANSFORMS_SCOREREST_H
