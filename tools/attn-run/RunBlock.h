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

#include <optional>

namespace attn {

/// How a block is run.
struct BlockRun {
  BlockOptions block; ///< static batch, queries and context
  DecodeOptions decode;
  uint64_t seed;
  bool check;
  /// The form, or how it is chosen: by the machine of this name, or by FLOPs.
  std::optional<Form> form;
  std::string machine;
};

/// Rewrites the block to a form, that which suits its extents if none is asked
/// for, compiles it for the device of `options`, runs it on random inputs and,
/// with `check`, compares the results with the float64 interpreter of the block
/// as the model says it. False if they differ.
llvm::Expected<bool> runBlock(mlir::MLIRContext *context,
                              const model::LatentBlockSpec &spec,
                              const RunOptions &options, const BlockRun &run,
                              llvm::json::Array &records);

} // namespace attn

#endif // ATTN_TOOLS_ATTN_RUN_RUNBLOCK_H
