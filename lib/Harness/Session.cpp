//===- Session.cpp - Compiled kernels, ready to run -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/Session.h"

#include <chrono>

using namespace attn;
using namespace attn::harness;

llvm::Error attn::harness::toError(attn_status status) {
  if (status == ATTN_OK)
    return llvm::Error::success();
  return llvm::createStringError(llvm::Twine(attn_status_name(status)) + ": " +
                                 attn_error_message());
}

llvm::Expected<CPUCompileOptions>
attn::harness::chooseLevel(llvm::StringRef isa, bool emulate) {
  int32_t host = attn_cpu_isa();
  if (host == ATTN_ISA_NONE)
    return llvm::createStringError("this CPU is below AVX2 + FMA + F16C");
  CPUCompileOptions options;
  options.hostLevel = static_cast<CPULevel>(host);
  options.level = options.hostLevel;
  options.emulate = emulate;
  if (isa == "auto")
    return options;
  std::optional<CPULevel> level = parseCPULevel(isa);
  if (!level)
    return llvm::createStringError("--isa: unknown instruction level '" + isa +
                                   "': expected auto, avx2, avx512, "
                                   "avx512bf16 or amx");
  options.level = *level;
  if (*level > options.hostLevel && !emulate)
    return llvm::createStringError(
        "--isa: this CPU offers " + cpuLevelName(options.hostLevel) + ", not " +
        isa + "; --emulate runs it all the same, slowly");
  return options;
}

llvm::Expected<std::unique_ptr<Session>>
Session::create(mlir::ModuleOp module, const CPUCompileOptions &options,
                int32_t threads) {
  std::unique_ptr<Session> session(new Session);
  auto start = std::chrono::steady_clock::now();
  mlir::OwningOpRef<mlir::ModuleOp> clone = module.clone();
  CPUCompileOptions compile = options;
  compile.threads = threads;
  auto object = compileForCPU(*clone, compile);
  if (!object)
    return object.takeError();
  session->bytes = (*object)->getBufferSize();
  auto jit = CPUJit::create(std::move(*object));
  if (!jit)
    return jit.takeError();
  session->jit = std::move(*jit);
  session->seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  if (llvm::Error error = toError(
          attn_library_from_table(session->jit->getTable(), &session->library)))
    return std::move(error);
  if (llvm::Error error = toError(attn_pool_create(threads, &session->pool)))
    return std::move(error);
  return session;
}

Session::~Session() {
  attn_pool_destroy(pool);
  attn_library_close(library);
}

void Session::ensureWorkspace(uint64_t bytes) {
  if (workspace.size() < bytes)
    workspace = bench::Buffer(bytes);
}

llvm::Error Session::prepare(attn_decode_params &params) {
  params.pool = pool;
  uint64_t needed = 0;
  if (llvm::Error error =
          toError(attn_decode_workspace_size(library, &params, &needed)))
    return error;
  ensureWorkspace(needed);
  params.workspace = workspace.data();
  params.workspace_bytes = workspace.size();
  return llvm::Error::success();
}

llvm::Error Session::decode(const attn_decode_params &params) {
  return toError(attn_decode(library, &params));
}

llvm::Error Session::prepare(attn_mla_params &params,
                             attn_decode_params &attention) {
  params.decode = &attention;
  attention.pool = pool;
  uint64_t needed = 0;
  if (llvm::Error error =
          toError(attn_mla_workspace_size(library, &params, &needed)))
    return error;
  ensureWorkspace(needed);
  params.workspace = workspace.data();
  params.workspace_bytes = workspace.size();
  return llvm::Error::success();
}

llvm::Error Session::decode(const attn_mla_params &params) {
  return toError(attn_mla_decode(library, &params));
}
