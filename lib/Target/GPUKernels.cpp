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

namespace {
/// The facts of a function.
struct Facts {
  mlir::DictionaryAttr facts;

  int64_t integer(llvm::StringRef fact) const {
    return mlir::cast<mlir::IntegerAttr>(facts.get(fact)).getInt();
  }
  int32_t small(llvm::StringRef fact) const {
    return static_cast<int32_t>(integer(fact));
  }
  float number(llvm::StringRef fact) const {
    return mlir::cast<mlir::FloatAttr>(facts.get(fact))
        .getValue()
        .convertToFloat();
  }
};
} // namespace

static attn_gpu_kernel_desc readKernel(const Facts &facts, int arch) {
  attn_gpu_kernel_desc desc = {};
  desc.struct_size = sizeof(desc);
  desc.flags = static_cast<uint32_t>(facts.integer("flags"));
  desc.arch = arch;
  desc.dtype = facts.small("dtype");
  desc.layout = ATTN_LAYOUT_ROW;
  desc.q_heads = facts.small("q_heads");
  desc.kv_heads = facts.small("kv_heads");
  desc.k_dim = facts.small("k_dim");
  desc.v_dim = facts.small("v_dim");
  desc.q_len = facts.small("q_len");
  desc.kv_tile = facts.small("kv_tile");
  desc.window = facts.integer("window");
  desc.scale = facts.number("scale");
  desc.softcap = facts.number("softcap");
  desc.threads = facts.small("threads");
  desc.shared_bytes = facts.small("shared_bytes");
  desc.row_blocks = facts.small("row_blocks");
  desc.ctas_per_sm = facts.small("ctas_per_sm");
  desc.plan_threads = facts.small("plan_threads");
  desc.combine_threads = facts.small("combine_threads");
  desc.combine_blocks = facts.small("combine_blocks");
  desc.nope = facts.small("nope");
  desc.v = facts.small("v");
  return desc;
}

static attn_gpu_project_desc readProjection(const Facts &facts, int arch) {
  attn_gpu_project_desc desc = {};
  desc.struct_size = sizeof(desc);
  desc.flags = static_cast<uint32_t>(facts.integer("flags"));
  desc.arch = arch;
  desc.dtype = facts.small("dtype");
  desc.in_dtype = facts.small("in_dtype");
  desc.heads = facts.small("heads");
  desc.k_dim = facts.small("k_dim");
  desc.n_dim = facts.small("n_dim");
  desc.threads = facts.small("threads");
  desc.shared_bytes = facts.small("shared_bytes");
  desc.column_blocks = facts.small("column_blocks");
  desc.ctas_per_sm = facts.small("ctas_per_sm");
  desc.rows = facts.small("rows");
  desc.tail_dim = facts.small("tail");
  return desc;
}

GPUKernels::GPUKernels(mlir::ModuleOp module, int arch) {
  module.walk([&](mlir::SymbolOpInterface op) {
    auto name = [&](const char *suffix) {
      return names.emplace_back((op.getName() + suffix).str()).c_str();
    };
    if (auto facts =
            op->getAttrOfType<mlir::DictionaryAttr>(kGPUKernelAttrName)) {
      attn_gpu_kernel_desc desc = readKernel({facts}, arch);
      desc.name = desc.decode = name("");
      desc.plan = name("_plan");
      desc.combine = name("_combine");
      descs.push_back(desc);
    }
    if (auto facts =
            op->getAttrOfType<mlir::DictionaryAttr>(kGPUProjectionAttrName)) {
      attn_gpu_project_desc desc = readProjection({facts}, arch);
      desc.name = name("");
      projections.push_back(desc);
    }
  });
}

void GPUKernels::setImage(llvm::StringRef bytes) {
  auto set = [&](auto &list) {
    for (auto &desc : list) {
      desc.image = bytes.data();
      desc.image_bytes = bytes.size();
    }
  };
  set(descs);
  set(projections);
}
