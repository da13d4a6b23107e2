//===- RunBlock.h - Run a model's latent attention block --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTN_RUN_RUNBLOCK_H
#define ATTN_TOOLS_ATTN_RUN_RUNBLOCK_H

#include "../common/Device.h"
#include "attn/Import/BlockModule.h"
#include "llvm/Support/JSON.h"

namespace attn {

/// How a block is run.
struct BlockRun {
  BlockOptions block; ///< static batch, queries and context
  DecodeOptions decode;
  uint64_t seed;
  bool check;
};

/// Rewrites the block to the form that suits its extents, compiles it for the
/// device of `options`, runs it on random inputs and, with `check`, compares
/// the results with the float64 interpreter of the block as the model says it.
/// False if they differ.
llvm::Expected<bool> runBlock(mlir::MLIRContext *context,
                              const model::LatentBlockSpec &spec,
                              const RunOptions &options, const BlockRun &run,
                              llvm::json::Array &records);

} // namespace attn

#endif // ATTN_TOOLS_ATTN_RUN_RUNBLOCK_H
