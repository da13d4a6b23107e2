//===- Device.cpp - Where attn-run runs kernels -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"

#include "attn/Harness/CudaSession.h"
#include "attn/Harness/Session.h"
#include "attn/Harness/SimtSession.h"

using namespace attn;
using namespace attn::harness;

namespace {

class CPUDevice : public Device {
public:
  static llvm::Expected<std::unique_ptr<Device>>
  create(const RunOptions &options, mlir::ModuleOp module) {
    auto compile = chooseLevel(options.isa, options.emulate);
    if (!compile)
      return compile.takeError();
    auto session = Session::create(module, *compile, options.threads);
    if (!session)
      return session.takeError();
    auto device = std::make_unique<CPUDevice>();
    device->name = cpuLevelName(compile->level);
    device->compileSeconds = (*session)->compileSeconds();
    device->codeBytes = (*session)->objectBytes();
    device->session = std::move(*session);
    return device;
  }

  llvm::Error prepare(attn_decode_params &params) override {
    return session->prepare(params);
  }
  llvm::Error decode(const attn_decode_params &params) override {
    return session->decode(params);
  }
  llvm::Error decode(attn_mla_params params,
                     attn_decode_params attention) override {
    if (llvm::Error error = session->prepare(params, attention))
      return error;
    return session->decode(params);
  }

private:
  std::unique_ptr<Session> session;
};

class SimtDevice : public Device {
public:
  static llvm::Expected<std::unique_ptr<Device>>
  create(const RunOptions &options, mlir::ModuleOp module) {
    SimtOptions simt;
    simt.chip = options.target;
    auto session = SimtSession::create(module, simt);
    if (!session)
      return session.takeError();
    simt::LaunchConfig &config = (*session)->config;
    config.schedule = options.simtSchedule;
    config.seed = options.simtSeed;
    config.async =
        options.simtEager ? simt::AsyncCopies::Eager : simt::AsyncCopies::Late;
    auto device = std::make_unique<SimtDevice>();
    device->name = "simt " + options.target;
    if (config.schedule == simt::Schedule::Random)
      device->name += ", seed " + std::to_string(config.seed);
    device->compileSeconds = (*session)->compileSeconds();
    device->session = std::move(*session);
    return device;
  }

  llvm::Error decode(const attn_decode_params &params) override {
    return session->decode(params);
  }
  llvm::Error decode(attn_mla_params params,
                     attn_decode_params attention) override {
    return session->decode(params, attention);
  }

private:
  std::unique_ptr<SimtSession> session;
};

class CudaDevice : public Device {
public:
  static llvm::Expected<std::unique_ptr<Device>>
  create(const RunOptions &options, mlir::ModuleOp module) {
    bool isGiven = options.target.getNumOccurrences() > 0;
    auto session =
        CudaSession::create(module, isGiven ? options.target.getValue() : "");
    if (!session)
      return session.takeError();
    auto device = std::make_unique<CudaDevice>();
    device->name = ("cuda " + (*session)->chip()).str();
    device->compileSeconds = (*session)->compileSeconds();
    device->codeBytes = (*session)->image().bytes.size();
    device->session = std::move(*session);
    return device;
  }

  llvm::Error decode(const attn_decode_params &params) override {
    return session->decode(params);
  }
  llvm::Error decode(attn_mla_params params,
                     attn_decode_params attention) override {
    return session->decode(params, attention);
  }

private:
  std::unique_ptr<CudaSession> session;
};
} // namespace

llvm::Expected<std::unique_ptr<Device>>
Device::create(const RunOptions &options, mlir::ModuleOp module) {
  if (options.device == "simt")
    return SimtDevice::create(options, module);
  if (options.device == "cuda")
    return CudaDevice::create(options, module);
  return CPUDevice::create(options, module);
}
