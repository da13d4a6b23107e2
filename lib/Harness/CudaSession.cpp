//===- CudaSession.cpp - Kernels on an NVIDIA GPU ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Harness/CudaSession.h"
#include "GraphTimer.h"
#include "attn/Harness/CallBuffers.h"
#include "attn/Harness/Session.h"
#include "attn/Pipelines/GPUPipeline.h"
#include "attn_layout.h"
#include "cuda/Driver.h"

#include "llvm/ADT/ScopeExit.h"

#include <chrono>
#include <cstring>

using namespace attn;
using namespace attn::harness;
using namespace attn::runtime;

/// The driver, the GPU's context and the device memory of a call.
struct CudaSession::Context {
  const cuda::Driver *driver = nullptr;
  cuda::Device device = 0;
  bool isRetained = false;
  std::vector<cuda::DevicePtr> memory;

  llvm::Error check(cuda::Result result, const char *action) {
    return toError(cuda::check(*driver, result, action));
  }

  llvm::Error open() {
    if (llvm::Error error = toError(cuda::getDriver(driver)))
      return error;
    if (llvm::Error error = check(driver->deviceGet(&device, 0), "cuDeviceGet"))
      return error;
    cuda::Handle handle = nullptr;
    if (llvm::Error error = check(driver->primaryCtxRetain(&handle, device),
                                  "cuDevicePrimaryCtxRetain"))
      return error;
    isRetained = true;
    return check(driver->ctxSetCurrent(handle), "cuCtxSetCurrent");
  }

  llvm::Expected<cuda::DevicePtr> allocate(size_t bytes) {
    cuda::DevicePtr pointer = 0;
    if (llvm::Error error =
            check(driver->memAlloc(&pointer, bytes), "cuMemAlloc"))
      return error;
    memory.push_back(pointer);
    return pointer;
  }

  void freeMemory() {
    for (cuda::DevicePtr pointer : memory)
      driver->memFree(pointer);
    memory.clear();
  }

  ~Context() {
    if (isRetained)
      driver->primaryCtxRelease(device);
  }
};

/// The newest architecture known whose code a GPU of this capability runs.
static llvm::Expected<NVVMArch> chooseArch(llvm::StringRef chip,
                                           int capability) {
  if (!chip.empty())
    return parseNVVMArch(chip);
  std::optional<NVVMArch> best;
  for (const NVVMArch &arch : nvvmArchs())
    if (!arch.specific && arch.capability <= capability)
      best = arch;
  if (!best)
    return llvm::createStringError(
        "the GPU's compute capability is " + llvm::Twine(capability / 10) +
        "." + llvm::Twine(capability % 10) + "; kernels are for 8.0 and up");
  return *best;
}

llvm::Expected<std::unique_ptr<CudaSession>>
CudaSession::create(mlir::ModuleOp module, llvm::StringRef chip) {
  std::unique_ptr<CudaSession> session(new CudaSession);
  session->context = std::make_unique<Context>();
  if (llvm::Error error = session->context->open())
    return std::move(error);
  attn_gpu_launcher launcher;
  if (llvm::Error error = toError(attn_cuda_launcher(&launcher)))
    return std::move(error);
  llvm::Expected<NVVMArch> arch = chooseArch(chip, launcher.arch);
  if (!arch)
    return arch.takeError();
  session->chipName = arch->name();
  auto start = std::chrono::steady_clock::now();
  auto lowered = lowerToNVVM(module, session->chipName);
  if (!lowered)
    return lowered.takeError();
  session->kernels = std::make_unique<GPUKernels>(**lowered, arch->capability);
  if (session->kernels->empty())
    return llvm::createStringError(kNoGPUKernel);
  NVVMCompileOptions compile;
  compile.archs = {*arch};
  auto image = compileForNVVM(**lowered, compile);
  if (!image)
    return image.takeError();
  session->code = std::move(*image);
  session->seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  session->kernels->setImage(session->code.bytes);
  session->table = session->kernels->table();
  if (llvm::Error error = toError(attn_library_from_gpu_table(
          &session->table, &launcher, &session->library)))
    return std::move(error);
  return session;
}

CudaSession::~CudaSession() { attn_library_close(library); }

llvm::Expected<std::string> CudaSession::deviceName() const {
  char name[256] = "";
  if (llvm::Error error = context->check(
          context->driver->deviceGetName(name, sizeof name, context->device),
          "cuDeviceGetName"))
    return std::move(error);
  return std::string(name);
}

/// A call whose tensors lie on the GPU.
struct CudaSession::DeviceCall {
  attn_decode_params params;
  std::vector<CallBuffer> buffers; ///< on the host
  std::vector<unsigned long long> copies;
};

/// Puts copies of the buffers in their places in `params`.
llvm::Error CudaSession::upload(llvm::ArrayRef<CallBuffer> buffers,
                                void *params,
                                std::vector<unsigned long long> &copies) {
  for (const CallBuffer &buffer : buffers) {
    auto copy = context->allocate(buffer.bytes);
    if (!copy)
      return copy.takeError();
    if (llvm::Error error = context->check(
            context->driver->memcpyHtoD(*copy, buffer.pointer, buffer.bytes),
            "cuMemcpyHtoD"))
      return error;
    copies.push_back(*copy);
    std::memcpy(static_cast<char *>(params) + buffer.field, &*copy,
                sizeof *copy);
  }
  return llvm::Error::success();
}

llvm::Error CudaSession::download(llvm::ArrayRef<CallBuffer> buffers,
                                  llvm::ArrayRef<unsigned long long> copies) {
  for (auto [buffer, copy] : llvm::zip(buffers, copies))
    if (buffer.isWritten)
      if (llvm::Error error = context->check(
              context->driver->memcpyDtoH(buffer.pointer, copy, buffer.bytes),
              "cuMemcpyDtoH"))
        return error;
  return llvm::Error::success();
}

llvm::Expected<void *> CudaSession::allocateWorkspace(uint64_t bytes) {
  auto workspace = context->allocate(std::max<uint64_t>(bytes, 1));
  if (!workspace)
    return workspace.takeError();
  void *pointer;
  std::memcpy(static_cast<void *>(&pointer), &*workspace, sizeof pointer);
  return pointer;
}

llvm::Expected<CudaSession::DeviceCall>
CudaSession::upload(const attn_decode_params &params) {
  DeviceCall call{params, listBuffers(params), {}};
  call.params.device = ATTN_DEVICE_CUDA;
  call.params.pool = nullptr;
  if (llvm::Error error = toError(attn_decode_workspace_size(
          library, &call.params, &call.params.workspace_bytes)))
    return std::move(error);
  if (llvm::Error error = upload(call.buffers, &call.params, call.copies))
    return std::move(error);
  auto workspace = allocateWorkspace(call.params.workspace_bytes);
  if (!workspace)
    return workspace.takeError();
  call.params.workspace = *workspace;
  return call;
}

llvm::Error CudaSession::decode(const attn_decode_params &params) {
  Context &cuda = *context;
  auto freeMemory = llvm::scope_exit([&] { cuda.freeMemory(); });
  llvm::Expected<DeviceCall> call = upload(params);
  if (!call)
    return call.takeError();
  if (llvm::Error error = toError(attn_decode(library, &call->params)))
    return error;
  if (llvm::Error error = cuda.check(
          cuda.driver->streamSynchronize(params.stream), "running the kernels"))
    return error;
  return download(call->buffers, call->copies);
}

llvm::Error CudaSession::decode(attn_mla_params params,
                                attn_decode_params attention) {
  Context &cuda = *context;
  auto freeMemory = llvm::scope_exit([&] { cuda.freeMemory(); });
  attention.device = ATTN_DEVICE_CUDA;
  attention.pool = nullptr;
  attention.q = attention.out = nullptr; // what the call has in their place
  params.decode = &attention;
  if (llvm::Error error = toError(
          attn_mla_workspace_size(library, &params, &params.workspace_bytes)))
    return error;
  std::vector<CallBuffer> outer = listBuffers(params, attention);
  std::vector<CallBuffer> inner = listBuffers(attention);
  // Rotary columns that are listed as part of the others keep their place.
  bool joined = llvm::none_of(outer, [](const CallBuffer &buffer) {
    return buffer.field == offsetof(attn_mla_params, q_rope);
  });
  std::vector<unsigned long long> outerCopies, innerCopies;
  if (llvm::Error error = upload(outer, &params, outerCopies))
    return error;
  if (llvm::Error error = upload(inner, &attention, innerCopies))
    return error;
  if (joined)
    params.q_rope = static_cast<const char *>(params.q_nope) +
                    params.nope * attn_dtype_size(attention.dtype);
  auto workspace = allocateWorkspace(params.workspace_bytes);
  if (!workspace)
    return workspace.takeError();
  params.workspace = *workspace;
  if (llvm::Error error = toError(attn_mla_decode(library, &params)))
    return error;
  if (llvm::Error error =
          cuda.check(cuda.driver->streamSynchronize(attention.stream),
                     "running the kernels"))
    return error;
  if (llvm::Error error = download(outer, outerCopies))
    return error;
  return download(inner, innerCopies);
}

llvm::Expected<std::vector<double>>
CudaSession::time(llvm::ArrayRef<attn_decode_params> calls,
                  size_t repetitions) {
  Context &cuda = *context;
  auto freeMemory = llvm::scope_exit([&] { cuda.freeMemory(); });
  std::vector<DeviceCall> uploaded;
  for (const attn_decode_params &params : calls) {
    llvm::Expected<DeviceCall> call = upload(params);
    if (!call)
      return call.takeError();
    uploaded.push_back(std::move(*call));
  }
  GraphTimer timer(*cuda.driver);
  if (llvm::Error error = toError(timer.open()))
    return std::move(error);
  // Launches of one graph follow each other without the host between them.
  constexpr size_t kLeastInGraph = 20;
  size_t inGraph =
      llvm::alignTo(std::max(kLeastInGraph, uploaded.size()), uploaded.size());
  auto enqueue = [&](cuda::Handle stream) {
    for (size_t i = 0; i < inGraph; ++i) {
      attn_decode_params &params = uploaded[i % uploaded.size()].params;
      params.stream = stream;
      if (attn_status status = attn_decode(library, &params))
        return status;
    }
    return ATTN_OK;
  };
  if (llvm::Error error = toError(timer.capture(enqueue)))
    return std::move(error);
  std::vector<double> times;
  for (size_t i = 0; i < repetitions + 1; ++i) {
    double graphSeconds = 0;
    if (llvm::Error error = toError(timer.run(graphSeconds)))
      return std::move(error);
    if (i > 0) // the first warms up
      times.push_back(graphSeconds / inGraph);
  }
  return times;
}

llvm::Expected<double> CudaSession::copyRate() {
  Context &cuda = *context;
  auto freeMemory = llvm::scope_exit([&] { cuda.freeMemory(); });
  constexpr size_t kBytes = size_t(1) << 30, kRepetitions = 10;
  auto from = cuda.allocate(kBytes);
  if (!from)
    return from.takeError();
  auto to = cuda.allocate(kBytes);
  if (!to)
    return to.takeError();
  GraphTimer timer(*cuda.driver);
  if (llvm::Error error = toError(timer.open()))
    return std::move(error);
  auto enqueue = [&, from = *from, to = *to](cuda::Handle stream) {
    return cuda::check(*cuda.driver,
                       cuda.driver->memcpyDtoDAsync(to, from, kBytes, stream),
                       "cuMemcpyDtoD");
  };
  if (llvm::Error error = toError(timer.capture(enqueue)))
    return std::move(error);
  double best = 0;
  for (size_t i = 0; i < kRepetitions; ++i) {
    double seconds = 0;
    if (llvm::Error error = toError(timer.run(seconds)))
      return std::move(error);
    if (seconds > 0)
      best = std::max(best, 2 * kBytes / seconds);
  }
  return best;
}
