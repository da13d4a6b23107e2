//===- SimtSession.h - GPU kernels in the SIMT emulator ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_SIMTSESSION_H
#define ATTN_HARNESS_SIMTSESSION_H

#include "attn/Bench/Buffer.h"
#include "attn/EmulationSIMT/Launch.h"
#include "attn/Harness/CallBuffers.h"
#include "attn/Target/GPUKernels.h"
#include "attn/Target/SIMTJit.h"
#include "attn_gpu.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace attn::harness {

struct SimtOptions {
  std::string chip = "sm_90";
  /// Streaming multiprocessors of the GPU that is pretended; 0: as many as make
  /// three parts of the work, so that requests are split.
  int64_t sms = 0;
};

/// A module's GPU kernels, compiled for the emulator and opened in the runtime,
/// which launches them as it would on a GPU.
class SimtSession {
public:
  /// Compiles a clone of `module`; the module itself stays as it is.
  static llvm::Expected<std::unique_ptr<SimtSession>>
  create(mlir::ModuleOp module, const SimtOptions &options);
  ~SimtSession();

  /// Runs one call on tensors of the host, workspace included. What the
  /// emulator found is in `report` (and makes the call fail).
  llvm::Error decode(attn_decode_params params);
  /// The same of a call with both projections around `attention`.
  llvm::Error decode(attn_mla_params params, attn_decode_params attention);

  /// Launches the first projection, in memory given by useMemory; one of latent
  /// rows with those that `cache` says.
  llvm::Error project(const attn_gpu_project &call,
                      const attn_gpu_args &cache = {});

  /// Runs any call of the runtime that launches kernels of this library, with
  /// `buffers` as the memory that they may touch (see useMemory).
  llvm::Error run(llvm::function_ref<attn_status()> call);
  void useMemory(std::unique_ptr<simt::Memory> buffers);

  attn_library *getLibrary() const { return library; }
  const attn_gpu_kernel_desc &kernel() const { return kernels->descs.front(); }
  const attn_gpu_project_desc &projection() const {
    return kernels->projections.front();
  }
  double compileSeconds() const { return seconds; }

  /// Of the launches to come: schedule, seed, async, threads, check.
  simt::LaunchConfig config;
  /// Of the last call, its launches together.
  simt::Report report;

private:
  SimtSession() = default;
  static attn_status load(void *context, const attn_gpu_kernel_desc *kernel,
                          attn_gpu_functions *functions);
  static attn_status loadProjection(void *context,
                                    const attn_gpu_project_desc *projection,
                                    attn_gpu_functions *functions);
  void *find(const std::string &name) const;
  static attn_status launch(void *context, void *function,
                            const attn_gpu_launch *shape, void *stream,
                            const attn_gpu_args *args);
  void registerBuffers(const attn_decode_params &params);
  void addBuffers(llvm::ArrayRef<CallBuffer> buffers);

  std::unique_ptr<GPUKernels> kernels;
  attn_gpu_kernel_table table = {};
  std::unique_ptr<SIMTJit> jit;
  std::unique_ptr<simt::Memory> memory;
  attn_library *library = nullptr;
  bench::Buffer workspace;
  double seconds = 0;
};

} // namespace attn::harness

#endif // ATTN_HARNESS_SIMTSESSION_H
