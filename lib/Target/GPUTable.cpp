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
static_assert(offsetof(attn_gpu_kernel_desc, v) == 104);
static_assert(offsetof(attn_gpu_kernel_desc, plan) == 112);
static_assert(offsetof(attn_gpu_kernel_desc, image) == 136);
static_assert(sizeof(attn_gpu_kernel_desc) == 152);

static_assert(offsetof(attn_gpu_project_desc, name) == 8);
static_assert(offsetof(attn_gpu_project_desc, arch) == 16);
static_assert(offsetof(attn_gpu_project_desc, tail_dim) == 60);
static_assert(offsetof(attn_gpu_project_desc, image) == 64);
static_assert(sizeof(attn_gpu_project_desc) == 80);

namespace {
/// What descriptors are made of.
class Builder {
public:
  explicit Builder(llvm::Module &module)
      : module(module), b(module.getContext()) {}

  llvm::Constant *number(int32_t value) {
    return b.getInt32(static_cast<uint32_t>(value));
  }
  llvm::Constant *text(const char *value) {
    return b.CreateGlobalString(value, "attn.gpu.name", 0, &module);
  }
  /// Kernels of one image share it.
  llvm::Constant *image(const void *data, uint64_t size) {
    llvm::GlobalVariable *&global = images[data];
    if (!global) {
      auto *bytes = llvm::ConstantDataArray::getRaw(
          llvm::StringRef(static_cast<const char *>(data), size), size,
          b.getInt8Ty());
      global = new llvm::GlobalVariable(module, bytes->getType(),
                                        /*isConstant=*/true,
                                        llvm::GlobalValue::InternalLinkage,
                                        bytes, "attn.gpu.image");
      global->setAlignment(llvm::Align(64));
    }
    return global;
  }
  /// A constant array of `descs`; null if there are none.
  llvm::Constant *projections(llvm::ArrayRef<attn_gpu_project_desc> descs);

private:
  llvm::Module &module;
  llvm::IRBuilder<> b;
  llvm::MapVector<const void *, llvm::GlobalVariable *> images;
};
} // namespace

llvm::Constant *
Builder::projections(llvm::ArrayRef<attn_gpu_project_desc> descs) {
  if (descs.empty())
    return llvm::ConstantPointerNull::get(b.getPtrTy());
  llvm::SmallVector<llvm::Constant *> values;
  for (const attn_gpu_project_desc &desc : descs) {
    llvm::SmallVector<llvm::Constant *> fields = {
        b.getInt32(desc.struct_size), b.getInt32(desc.flags), text(desc.name)};
    for (int32_t value :
         {desc.arch, desc.dtype, desc.in_dtype, desc.heads, desc.k_dim,
          desc.n_dim, desc.threads, desc.shared_bytes, desc.column_blocks,
          desc.ctas_per_sm, desc.rows, desc.tail_dim})
      fields.push_back(number(value));
    fields.append(
        {image(desc.image, desc.image_bytes), b.getInt64(desc.image_bytes)});
    values.push_back(
        llvm::ConstantStruct::getAnon(module.getContext(), fields));
  }
  auto *type = llvm::ArrayType::get(values.front()->getType(), values.size());
  return new llvm::GlobalVariable(
      module, type, /*isConstant=*/true, llvm::GlobalValue::InternalLinkage,
      llvm::ConstantArray::get(type, values), "attn.gpu.projections");
}

static void
addGPUKernelTable(llvm::Module &module,
                  llvm::ArrayRef<attn_gpu_kernel_desc> kernels,
                  llvm::ArrayRef<attn_gpu_project_desc> projections) {
  llvm::LLVMContext &ctx = module.getContext();
  llvm::IRBuilder<> b(ctx);
  llvm::Type *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  llvm::Type *f32 = b.getFloatTy(), *ptr = b.getPtrTy();
  llvm::SmallVector<llvm::Type *> fields = {i32, i32, ptr};
  fields.append(9, i32);
  fields.append({i64, f32, f32});
  fields.append(9, i32);
  fields.append({ptr, ptr, ptr, ptr, i64});
  auto *descType = llvm::StructType::get(ctx, fields);
  Builder builder(module);
  llvm::SmallVector<llvm::Constant *> descs;
  for (const attn_gpu_kernel_desc &desc : kernels) {
    llvm::SmallVector<llvm::Constant *> values = {b.getInt32(desc.struct_size),
                                                  b.getInt32(desc.flags),
                                                  builder.text(desc.name)};
    auto addNumbers = [&](std::initializer_list<int32_t> numbers) {
      for (int32_t number : numbers)
        values.push_back(builder.number(number));
    };
    addNumbers({desc.arch, desc.dtype, desc.layout, desc.q_heads, desc.kv_heads,
                desc.k_dim, desc.v_dim, desc.q_len, desc.kv_tile});
    values.push_back(b.getInt64(desc.window));
    values.push_back(llvm::ConstantFP::get(f32, desc.scale));
    values.push_back(llvm::ConstantFP::get(f32, desc.softcap));
    addNumbers({desc.threads, desc.shared_bytes, desc.row_blocks,
                desc.ctas_per_sm, desc.plan_threads, desc.combine_threads,
                desc.combine_blocks, desc.nope, desc.v});
    for (const char *name : {desc.plan, desc.decode, desc.combine})
      values.push_back(builder.text(name));
    values.push_back(builder.image(desc.image, desc.image_bytes));
    values.push_back(b.getInt64(desc.image_bytes));
    descs.push_back(llvm::ConstantStruct::get(descType, values));
  }
  addTableGetter(module, kGPUTableSymbol, ATTN_GPU_ABI_VERSION, descType, descs,
                 {builder.projections(projections),
                  b.getInt32(projections.size()), b.getInt32(0)});
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
attn::compileGPUKernelTable(llvm::ArrayRef<attn_gpu_kernel_desc> kernels,
                            llvm::ArrayRef<attn_gpu_project_desc> projections) {
  return compileTable([&](llvm::Module &module) {
    addGPUKernelTable(module, kernels, projections);
  });
}
