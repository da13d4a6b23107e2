//===- GPUKernels.h - The kernels of a module, for the runtime --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_GPUKERNELS_H
#define ATTN_TARGET_GPUKERNELS_H

#include "attn_gpu_abi.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <deque>
#include <string>
#include <vector>

namespace attn {

/// What to say of a module without any.
inline constexpr llvm::StringLiteral kNoGPUKernel =
    "the module holds no kernel: no attn.attend over a cache and no "
    "attn.project";

/// What the runtime must know of the kernels and projections that
/// convert-tile-to-nvvm made: read off the functions' `attn.gpu_kernel` and
/// `attn.gpu_projection`. Owns the names that the descriptions point to.
class GPUKernels {
public:
  /// `arch`: the lowest compute capability, times ten, that the code is for.
  GPUKernels(mlir::ModuleOp module, int arch);
  GPUKernels(const GPUKernels &) = delete;
  GPUKernels &operator=(const GPUKernels &) = delete;

  /// In the order of the functions, without images.
  std::vector<attn_gpu_kernel_desc> descs;
  std::vector<attn_gpu_project_desc> projections;
  bool empty() const { return descs.empty() && projections.empty(); }
  /// Says of all where their code is.
  void setImage(llvm::StringRef bytes);
  attn_gpu_kernel_table table() const {
    return {ATTN_GPU_ABI_VERSION,
            static_cast<uint32_t>(descs.size()),
            descs.data(),
            projections.data(),
            static_cast<uint32_t>(projections.size()),
            0};
  }

private:
  std::deque<std::string> names;
};

/// Symbol of a pack's table of GPU kernels:
/// const attn_gpu_kernel_table *attn_pack_gpu_table(void).
inline constexpr llvm::StringLiteral kGPUTableSymbol = "attn_pack_gpu_table";

/// The object that holds the table of `kernels` and `projections`, images
/// included, and its getter.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
compileGPUKernelTable(llvm::ArrayRef<attn_gpu_kernel_desc> kernels,
                      llvm::ArrayRef<attn_gpu_project_desc> projections);

} // namespace attn

#endif // ATTN_TARGET_GPUKERNELS_H
