//===- SimtSession.cpp - GPU kernels in the SIMT emulator -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/SimtSession.h"
#include "attn/Harness/CallBuffers.h"
#include "attn/Harness/Session.h"
#include "attn/Pipelines/GPUPipeline.h"
#include "attn/Target/NVVMArch.h"

#include <chrono>

using namespace attn;
using namespace attn::harness;

/// Null where there is no function of the name.
void *SimtSession::find(const std::string &name) const {
  auto entry = jit->lookup(name);
  if (entry)
    return const_cast<attn_simt_kernel *>(*entry);
  llvm::consumeError(entry.takeError());
  return nullptr;
}

attn_status SimtSession::loadProjection(void *context,
                                        const attn_gpu_project_desc *projection,
                                        attn_gpu_functions *functions) {
  *functions = {};
  functions->project =
      static_cast<SimtSession *>(context)->find(projection->name);
  return functions->project ? ATTN_OK : ATTN_ERROR_LIBRARY_SYMBOL;
}

attn_status SimtSession::load(void *context, const attn_gpu_kernel_desc *kernel,
                              attn_gpu_functions *functions) {
  auto *session = static_cast<SimtSession *>(context);
  auto find = [&](const std::string &name) { return session->find(name); };
  *functions = {nullptr,
                find(kernel->plan),
                find(kernel->decode),
                find(kernel->combine),
                find(std::string(kernel->decode) + ATTN_GPU_MERGE_SUFFIX),
                find(std::string(kernel->decode) + ATTN_GPU_APPEND_SUFFIX),
                nullptr};
  bool all = functions->plan && functions->decode && functions->combine &&
             functions->merge && functions->append;
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

llvm::Error SimtSession::project(const attn_gpu_project &call,
                                 const attn_gpu_args &cache) {
  const attn_gpu_project_desc &desc = projection();
  attn_gpu_launch shape = {{uint32_t(desc.column_blocks), uint32_t(desc.heads),
                            uint32_t(std::max<int64_t>(call.row_parts, 1))},
                           uint32_t(desc.threads),
                           uint32_t(desc.shared_bytes),
                           0};
  attn_gpu_args args = cache;
  args.project = call;
  return run([&] {
    return launch(this, find(desc.name), &shape, /*stream=*/nullptr, &args);
  });
}

void SimtSession::useMemory(std::unique_ptr<simt::Memory> buffers) {
  memory = std::move(buffers);
}

/// Tells the emulator what memory a call may touch.
/// Tells the emulator of tensors.
void SimtSession::addBuffers(llvm::ArrayRef<CallBuffer> buffers) {
  for (const CallBuffer &buffer : buffers)
    memory->add(buffer.pointer, buffer.bytes, buffer.name,
                buffer.isWritten ? simt::Memory::ReadWrite
                                 : simt::Memory::ReadOnly);
}

void SimtSession::registerBuffers(const attn_decode_params &params) {
  memory = std::make_unique<simt::Memory>();
  addBuffers(listBuffers(params));
  if (params.workspace_bytes)
    memory->add(params.workspace, params.workspace_bytes, "workspace",
                simt::Memory::ReadWrite, /*initialized=*/false);
}

/// As many as make three parts of the first kernel's work.
static int64_t chooseSms(const GPUKernels &kernels) {
  if (kernels.descs.empty())
    return 1;
  const attn_gpu_kernel_desc &first = kernels.descs.front();
  return llvm::divideCeil(3 * int64_t(attn_gpu_heads(&first)) *
                              first.row_blocks,
                          first.ctas_per_sm);
}

llvm::Expected<std::unique_ptr<SimtSession>>
SimtSession::create(mlir::ModuleOp module, const SimtOptions &options) {
  std::unique_ptr<SimtSession> session(new SimtSession);
  auto start = std::chrono::steady_clock::now();
  llvm::Expected<NVVMArch> arch = parseNVVMArch(options.chip);
  if (!arch)
    return arch.takeError();
  auto lowered = lowerToNVVM(module, options.chip);
  if (!lowered)
    return lowered.takeError();
  mlir::OwningOpRef<mlir::ModuleOp> &clone = *lowered;
  session->kernels = std::make_unique<GPUKernels>(*clone, arch->capability);
  if (session->kernels->empty())
    return llvm::createStringError(kNoGPUKernel);
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
  launcher.sms = options.sms;
  if (!launcher.sms)
    launcher.sms = chooseSms(*session->kernels);
  launcher.context = session.get();
  launcher.load = load;
  launcher.launch = launch;
  launcher.load_projection = loadProjection;
  launcher.unload = [](void *, const attn_gpu_functions *) {};
  if (llvm::Error error = toError(attn_library_from_gpu_table(
          &session->table, &launcher, &session->library)))
    return std::move(error);
  return session;
}

SimtSession::~SimtSession() { attn_library_close(library); }

llvm::Error SimtSession::decode(attn_mla_params params,
                                attn_decode_params attention) {
  attention.device = ATTN_DEVICE_CUDA;
  attention.pool = nullptr;
  params.decode = &attention;
  uint64_t needed = 0;
  if (llvm::Error error =
          toError(attn_mla_workspace_size(library, &params, &needed)))
    return error;
  if (workspace.size() < needed)
    workspace = bench::Buffer(needed);
  params.workspace = workspace.data();
  params.workspace_bytes = needed;
  // The attention's own query and output lie in the workspace.
  attn_decode_params inner = attention;
  inner.q = inner.out = nullptr;
  inner.workspace = params.workspace;
  inner.workspace_bytes = needed;
  registerBuffers(inner);
  addBuffers(listBuffers(params, attention));
  return run([&] { return attn_mla_decode(library, &params); });
}

llvm::Error SimtSession::decode(attn_decode_params params) {
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
  return run([&] { return attn_decode(library, &params); });
}

llvm::Error SimtSession::run(llvm::function_ref<attn_status()> call) {
  report = {};
  attn_status status = call();
  if (!report.ok())
    return llvm::createStringError(report.str());
  return toError(status);
}
