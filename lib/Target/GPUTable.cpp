//===- GPUTable.cpp - The table of GPU kernels as an object -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTable.h"
#include "attn/Target/GPUKernels.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

#include <cstddef>

using namespace attn;

// The LLVM struct below has C's layout as long as these hold.
static_assert(offsetof(attn_gpu_kernel_desc, name) == 8);
static_assert(offsetof(attn_gpu_kernel_desc, arch) == 16);
static_assert(offsetof(attn_gpu_kernel_desc, kv_tile) == 48);
static_assert(offsetof(attn_gpu_kernel_desc, window) == 56);
static_assert(offsetof(attn_gpu_kernel_desc, scale) == 64);
static_assert(offsetof(attn_gpu_kernel_desc, threads) == 72);
static_assert(offsetof(attn_gpu_kernel_desc, combine_blocks) == 96);
static_assert(offsetof(attn_gpu_kernel_desc, plan) == 104);
static_assert(offsetof(attn_gpu_kernel_desc, image) == 128);
static_assert(sizeof(attn_gpu_kernel_desc) == 144);

static void addGPUKernelTable(llvm::Module &module,
                              llvm::ArrayRef<attn_gpu_kernel_desc> kernels) {
  llvm::LLVMContext &ctx = module.getContext();
  llvm::IRBuilder<> b(ctx);
  llvm::Type *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  llvm::Type *f32 = b.getFloatTy(), *ptr = b.getPtrTy();
  llvm::SmallVector<llvm::Type *> fields = {i32, i32, ptr};
  fields.append(9, i32);
  fields.append({i64, f32, f32});
  fields.append(7, i32);
  fields.append({ptr, ptr, ptr, ptr, i64});
  auto *descType = llvm::StructType::get(ctx, fields);
  auto text = [&](const char *value) -> llvm::Constant * {
    return b.CreateGlobalString(value, "attn.gpu.name", 0, &module);
  };
  // Kernels of one image share it.
  llvm::MapVector<const void *, llvm::GlobalVariable *> images;
  auto image = [&](const attn_gpu_kernel_desc &desc) -> llvm::Constant * {
    llvm::GlobalVariable *&global = images[desc.image];
    if (!global) {
      auto *bytes = llvm::ConstantDataArray::getRaw(
          llvm::StringRef(static_cast<const char *>(desc.image),
                          desc.image_bytes),
          desc.image_bytes, b.getInt8Ty());
      global = new llvm::GlobalVariable(module, bytes->getType(),
                                        /*isConstant=*/true,
                                        llvm::GlobalValue::InternalLinkage,
                                        bytes, "attn.gpu.image");
      global->setAlignment(llvm::Align(64));
    }
    return global;
  };
  llvm::SmallVector<llvm::Constant *> descs;
  for (const attn_gpu_kernel_desc &desc : kernels) {
    llvm::SmallVector<llvm::Constant *> values = {
        b.getInt32(desc.struct_size), b.getInt32(desc.flags), text(desc.name)};
    auto addNumbers = [&](std::initializer_list<int32_t> numbers) {
      for (int32_t number : numbers)
        values.push_back(b.getInt32(static_cast<uint32_t>(number)));
    };
    addNumbers({desc.arch, desc.dtype, desc.layout, desc.q_heads, desc.kv_heads,
                desc.k_dim, desc.v_dim, desc.q_len, desc.kv_tile});
    values.push_back(b.getInt64(desc.window));
    values.push_back(llvm::ConstantFP::get(f32, desc.scale));
    values.push_back(llvm::ConstantFP::get(f32, desc.softcap));
    addNumbers({desc.threads, desc.shared_bytes, desc.row_blocks,
                desc.ctas_per_sm, desc.plan_threads, desc.combine_threads,
                desc.combine_blocks});
    for (const char *name : {desc.plan, desc.decode, desc.combine})
      values.push_back(text(name));
    values.push_back(image(desc));
    values.push_back(b.getInt64(desc.image_bytes));
    descs.push_back(llvm::ConstantStruct::get(descType, values));
  }
  addTableGetter(module, kGPUTableSymbol, ATTN_GPU_ABI_VERSION, descType,
                 descs);
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
attn::compileGPUKernelTable(llvm::ArrayRef<attn_gpu_kernel_desc> kernels) {
  return compileTable(
      [&](llvm::Module &module) { addGPUKernelTable(module, kernels); });
}
