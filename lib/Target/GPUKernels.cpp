//===- GPUKernels.cpp - The kernels of a module, for the runtime *- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/GPUKernels.h"
#include "attn/Conversion/TileToNVVM/TileToNVVM.h"
#include "mlir/IR/SymbolTable.h"

using namespace attn;

GPUKernels::GPUKernels(mlir::ModuleOp module, int arch) {
  module.walk([&](mlir::SymbolOpInterface op) {
    auto facts = op->getAttrOfType<mlir::DictionaryAttr>(kGPUKernelAttrName);
    if (!facts)
      return;
    auto name = [&](const char *suffix) {
      return names.emplace_back((op.getName() + suffix).str()).c_str();
    };
    auto integer = [&](llvm::StringRef fact) {
      return mlir::cast<mlir::IntegerAttr>(facts.get(fact)).getInt();
    };
    auto small = [&](llvm::StringRef fact) {
      return static_cast<int32_t>(integer(fact));
    };
    auto number = [&](llvm::StringRef fact) {
      return mlir::cast<mlir::FloatAttr>(facts.get(fact))
          .getValue()
          .convertToFloat();
    };
    attn_gpu_kernel_desc desc = {};
    desc.struct_size = sizeof(desc);
    desc.flags = static_cast<uint32_t>(integer("flags"));
    desc.name = desc.decode = name("");
    desc.plan = name("_plan");
    desc.combine = name("_combine");
    desc.arch = arch;
    desc.dtype = small("dtype");
    desc.layout = ATTN_LAYOUT_ROW;
    desc.q_heads = small("q_heads");
    desc.kv_heads = small("kv_heads");
    desc.k_dim = small("k_dim");
    desc.v_dim = small("v_dim");
    desc.q_len = small("q_len");
    desc.kv_tile = small("kv_tile");
    desc.window = integer("window");
    desc.scale = number("scale");
    desc.softcap = number("softcap");
    desc.threads = small("threads");
    desc.shared_bytes = small("shared_bytes");
    desc.row_blocks = small("row_blocks");
    desc.ctas_per_sm = small("ctas_per_sm");
    desc.plan_threads = small("plan_threads");
    desc.combine_threads = small("combine_threads");
    desc.combine_blocks = small("combine_blocks");
    descs.push_back(desc);
  });
}
