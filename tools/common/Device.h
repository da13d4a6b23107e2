//===- Device.h - Where attn-run runs kernels -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMMON_DEVICE_H
#define ATTN_TOOLS_COMMON_DEVICE_H

#include "RunOptions.h"
#include "attn_runtime.h"
#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace attn {

/// A module's kernels, compiled for the device that the options name.
class Device {
public:
  static llvm::Expected<std::unique_ptr<Device>>
  create(const RunOptions &options, mlir::ModuleOp module);
  virtual ~Device() = default;

  /// Adds what the device brings to the parameters of a call.
  virtual llvm::Error prepare(attn_decode_params &) {
    return llvm::Error::success();
  }
  /// Runs one call on tensors of the host.
  virtual llvm::Error decode(const attn_decode_params &params) = 0;
  /// The same of a call from the query to the output, around `attention`.
  virtual llvm::Error decode(attn_mla_params params,
                             attn_decode_params attention) = 0;

  std::string name; ///< "amx", "simt sm_90"
  double compileSeconds = 0;
  size_t codeBytes = 0; ///< 0: not known
};

} // namespace attn

#endif // ATTN_TOOLS_COMMON_DEVICE_H
