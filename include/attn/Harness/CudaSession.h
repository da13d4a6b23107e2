//===- CudaSession.h - Kernels on an NVIDIA GPU -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_CUDASESSION_H
#define ATTN_HARNESS_CUDASESSION_H

#include "attn/Harness/CallBuffers.h"
#include "attn/Target/GPUKernels.h"
#include "attn/Target/NVVMCompiler.h"
#include "attn_gpu.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace attn::harness {

/// A module's kernels, compiled for the first GPU and loaded there. The driver
/// is found at run time; without one, creation fails and says so.
class CudaSession {
public:
  /// `chip`: the architecture to compile for; empty: the GPU's own.
  static llvm::Expected<std::unique_ptr<CudaSession>>
  create(mlir::ModuleOp module, llvm::StringRef chip = {});
  ~CudaSession();

  /// Runs one call on tensors of the host: copies them to the GPU, launches,
  /// waits, and copies the results back.
  llvm::Error decode(const attn_decode_params &params);
  /// The same of latent attention from the query to the output.
  llvm::Error decode(attn_mla_params params, attn_decode_params attention);

  /// Seconds of a call, plan and combine included: `repetitions` times a CUDA
  /// graph of at least 20 calls that take the given ones in turn, over the
  /// number of calls.
  llvm::Expected<std::vector<double>>
  time(llvm::ArrayRef<attn_decode_params> calls, size_t repetitions);
  /// Bytes a second that a device-to-device copy moves, read and written.
  llvm::Expected<double> copyRate();

  llvm::StringRef chip() const { return chipName; }
  /// As the driver has it: "NVIDIA H200".
  llvm::Expected<std::string> deviceName() const;
  const NVVMImage &image() const { return code; }
  double compileSeconds() const { return seconds; }

private:
  CudaSession() = default;
  struct Context;
  struct DeviceCall;
  llvm::Expected<DeviceCall> upload(const attn_decode_params &params);
  llvm::Error upload(llvm::ArrayRef<CallBuffer> buffers, void *params,
                     std::vector<unsigned long long> &copies);
  llvm::Error download(llvm::ArrayRef<CallBuffer> buffers,
                       llvm::ArrayRef<unsigned long long> copies);
  llvm::Expected<void *> allocateWorkspace(uint64_t bytes);

  std::unique_ptr<Context> context;
  std::unique_ptr<GPUKernels> kernels;
  attn_gpu_kernel_table table = {};
  attn_library *library = nullptr;
  NVVMImage code;
  std::string chipName;
  double seconds = 0;
};

} // namespace attn::harness

#endif // ATTN_HARNESS_CUDASESSION_H
