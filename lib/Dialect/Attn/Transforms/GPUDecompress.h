//===- GPUDecompress.h - Schedules that decompress on a GPU -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GPUDECOMPRESS_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GPUDECOMPRESS_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Tile/IR/Tile.h"
#include "attn/Target/NVVMArch.h"

#include <optional>

namespace attn {

/// How a kernel runs, and how it decompresses.
struct GPUDecompressSchedule {
  tile::GPUScheduleAttr kernel;
  tile::GPUUpScheduleAttr up;
};

/// Attention of `queries` tokens that decompresses in its kernel, and with
/// `rest` keeps what rounding leaves of its keys; nothing where no schedule
/// fits the chip. All extents are multiples of 16.
std::optional<GPUDecompressSchedule>
chooseGPUDecompress(mlir::MLIRContext *ctx, const NVVMArch &arch,
                    LatentAttr dims, bool transposed, int64_t queries,
                    bool rest);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GPUDECOMPRESS_H
