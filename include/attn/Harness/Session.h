//===- Session.h - Compiled kernels, ready to run ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_HARNESS_SESSION_H
#define ATTN_HARNESS_SESSION_H

#include "attn/Bench/Buffer.h"
#include "attn/Target/CPUCompiler.h"
#include "attn_runtime.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace attn::harness {

/// The instruction level to use for `--isa`: `auto` is the host's; a level that
/// the host lacks is an error unless `emulate`.
llvm::Expected<CPUCompileOptions> chooseLevel(llvm::StringRef isa,
                                              bool emulate);

/// A module's kernels, compiled and opened in the runtime, with a thread pool.
class Session {
public:
  /// Compiles a clone of `module`; the module itself stays as it is.
  static llvm::Expected<std::unique_ptr<Session>>
  create(mlir::ModuleOp module, const CPUCompileOptions &options,
         int32_t threads);
  ~Session();

  /// Adds pool and workspace to the parameters of a call.
  llvm::Error prepare(attn_decode_params &params);
  /// Runs one call.
  llvm::Error decode(const attn_decode_params &params);

  /// The same of a call with both projections; `attention` is what
  /// `params.decode` points to.
  llvm::Error prepare(attn_mla_params &params, attn_decode_params &attention);
  llvm::Error decode(const attn_mla_params &params);

  attn_library *getLibrary() const { return library; }
  /// Time to compile and link [s], and bytes of the object.
  double compileSeconds() const { return seconds; }
  size_t objectBytes() const { return bytes; }

private:
  Session() = default;
  std::unique_ptr<CPUJit> jit;
  attn_library *library = nullptr;
  attn_pool *pool = nullptr;
  void ensureWorkspace(uint64_t bytes);
  bench::Buffer workspace;
  double seconds = 0;
  size_t bytes = 0;
};

/// A runtime status as an error with the runtime's message.
llvm::Error toError(attn_status status);

} // namespace attn::harness

#endif // ATTN_HARNESS_SESSION_H
