//===-- Launcher.h - Running kernels with the CUDA driver -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LIB_CUDA_LAUNCHER_H
#define ATTN_RUNTIME_LIB_CUDA_LAUNCHER_H

#include "Driver.h"
#include "attn_gpu.h"

namespace attn::runtime::cuda {

/// attn_cuda_launcher, of a given driver, which must outlive the launcher.
attn_status makeLauncher(const Driver &driver, attn_gpu_launcher &launcher);

} // namespace attn::runtime::cuda

#endif // ATTN_RUNTIME_LIB_CUDA_LAUNCHER_H
