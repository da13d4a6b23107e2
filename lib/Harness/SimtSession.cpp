//===- SimtSession.cpp - GPU kernels in the SIMT emulator -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/SimtSession.h"
#include "attn/Harness/Session.h"
#include "attn/Pipelines/GPUPipeline.h"
#include "attn/Target/NVVMArch.h"
#include "attn_layout.h"

#include <chrono>

using namespace attn;
using namespace attn::harness;

attn_status SimtSession::load(void *context, const attn_gpu_kernel_desc *kernel,
                              attn_gpu_functions *functions) {
  auto *session = static_cast<SimtSession *>(context);
  auto find = [&](const char *name) -> void * {
    auto entry = session->jit->lookup(name);
    if (entry)
      return const_cast<attn_simt_kernel *>(*entry);
    llvm::consumeError(entry.takeError());
    return nullptr;
  };
  *functions = {nullptr, find(kernel->plan), find(kernel->decode),
                find(kernel->combine)};
  bool all = functions->plan && functions->decode && functions->combine;
  return all ? ATTN_OK : ATTN_ERROR_LIBRARY_SYMBOL;
}

attn_status SimtSession::launch(void *context, void *function,
                                const attn_gpu_launch *shape, void *,
                                const attn_gpu_args *args) {
  auto *session = static_cast<SimtSession *>(context);
  simt::LaunchConfig config = session->config;
  config.grid = {shape->grid[0], shape->grid[1], shape->grid[2]};
  config.block = {shape->threads, 1, 1};
  config.dynamicSharedBytes = shape->shared_bytes;
  attn_gpu_args copy = *args;
  void *params[] = {&copy};
  simt::Report report =
      simt::launch(*static_cast<const attn_simt_kernel *>(function), params,
                   config, *session->memory);
  session->report.seed = report.seed;
  llvm::append_range(session->report.findings, report.findings);
  return report.ok() ? ATTN_OK : ATTN_ERROR_CUDA;
}

/// Bytes from the first element of a strided tensor to behind its last.
static size_t
spanOf(int64_t elementBytes, int64_t inner,
       std::initializer_list<std::pair<int64_t, int64_t>> dimensions) {
  int64_t elements = inner;
  for (auto [extent, stride] : dimensions) {
    if (extent == 0)
      return 0;
    elements += (extent - 1) * stride;
  }
  return elements * elementBytes;
}

/// Tells the emulator what memory a call may touch, from its parameters.
void SimtSession::registerBuffers(const attn_decode_params &p) {
  memory = std::make_unique<simt::Memory>();
  auto add = [&](const void *base, size_t bytes, const char *name,
                 simt::Memory::Access access, bool initialized = true) {
    if (base && bytes)
      memory->add(base, bytes, name, access, initialized);
  };
  auto reads = simt::Memory::ReadOnly;
  auto writes = simt::Memory::ReadWrite;
  int64_t element = attn_dtype_size(p.dtype);
  add(p.q,
      spanOf(element, p.k_dim,
             {{p.batch, p.q_stride_batch},
              {p.q_len, p.q_stride_token},
              {p.q_heads, p.q_stride_head}}),
      "q", reads);
  add(p.k,
      spanOf(element, p.k_dim,
             {{p.num_blocks, p.k_stride_block},
              {p.page_size, p.k_stride_token},
              {p.kv_heads, p.k_stride_head}}),
      "k", reads);
  if (!(p.flags & ATTN_FLAG_V_IN_K))
    add(p.v,
        spanOf(element, p.v_dim,
               {{p.num_blocks, p.v_stride_block},
                {p.page_size, p.v_stride_token},
                {p.kv_heads, p.v_stride_head}}),
        "v", reads);
  add(p.sinks, p.q_heads * sizeof(float), "sinks", reads);
  add(p.seq_lens, p.batch * sizeof(int32_t), "seq_lens", reads);
  add(p.block_table,
      spanOf(sizeof(int32_t), p.max_blocks, {{p.batch, p.block_table_stride}}),
      "block_table", reads);
  add(p.out,
      spanOf(element, p.v_dim,
             {{p.batch, p.out_stride_batch},
              {p.q_len, p.out_stride_token},
              {p.q_heads, p.out_stride_head}}),
      "out", writes);
  add(p.lse,
      spanOf(sizeof(float), 1,
             {{p.batch, p.lse_stride_batch},
              {p.q_len, p.lse_stride_token},
              {p.q_heads, p.lse_stride_head}}),
      "lse", writes);
  add(p.workspace, p.workspace_bytes, "workspace", writes,
      /*initialized=*/false);
}

llvm::Expected<std::unique_ptr<SimtSession>>
SimtSession::create(mlir::ModuleOp module, const SimtOptions &options) {
  std::unique_ptr<SimtSession> session(new SimtSession);
  auto start = std::chrono::steady_clock::now();
  llvm::Expected<NVVMArch> arch = parseNVVMArch(options.chip);
  if (!arch)
    return arch.takeError();
  mlir::OwningOpRef<mlir::ModuleOp> clone = module.clone();
  mlir::PassManager pm(clone->getContext());
  GPUPipelineOptions pipeline;
  pipeline.chip = options.chip;
  buildGPUPipeline(pm, pipeline);
  if (mlir::failed(pm.run(*clone)))
    return llvm::createStringError(
        "the kernels could not be lowered (see the diagnostics)");
  if (options.mutate)
    options.mutate(*clone);
  session->kernels = std::make_unique<GPUKernels>(*clone, arch->capability);
  if (session->kernels->descs.empty())
    return llvm::createStringError(
        "the module holds no kernel: no attn.attend over a cache");
  session->table = session->kernels->table();
  auto jit = SIMTJit::create(*clone);
  if (!jit)
    return jit.takeError();
  session->jit = std::move(*jit);
  session->seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  attn_gpu_launcher launcher = {};
  launcher.struct_size = sizeof(launcher);
  launcher.arch = arch->capability;
  const attn_gpu_kernel_desc &first = session->kernels->descs.front();
  launcher.sms = options.sms;
  if (!launcher.sms)
    launcher.sms = llvm::divideCeil(
        3 * int64_t(first.kv_heads) * first.row_blocks, first.ctas_per_sm);
  launcher.context = session.get();
  launcher.load = load;
  launcher.launch = launch;
  launcher.unload = [](void *, const attn_gpu_functions *) {};
  if (llvm::Error error = toError(attn_library_from_gpu_table(
          &session->table, &launcher, &session->library)))
    return std::move(error);
  return session;
}

SimtSession::~SimtSession() { attn_library_close(library); }

llvm::Error SimtSession::decode(attn_decode_params params) {
  report = {};
  params.device = ATTN_DEVICE_CUDA;
  params.pool = nullptr;
  uint64_t needed = 0;
  if (llvm::Error error =
          toError(attn_decode_workspace_size(library, &params, &needed)))
    return error;
  if (workspace.size() < needed)
    workspace = bench::Buffer(needed);
  params.workspace = workspace.data();
  params.workspace_bytes = needed;
  registerBuffers(params);
  attn_status status = attn_decode(library, &params);
  if (!report.ok())
    return llvm::createStringError(report.str());
  return toError(status);
}
