//===- KernelTable.cpp - The table of kernels in an LLVM module -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTable.h"
#include "attn/Conversion/TileToCPU/TileToCPU.h"
#include "attn_kernel_abi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

#include <cstddef>

using namespace attn;

// The LLVM struct below has C's layout as long as these hold.
static_assert(offsetof(attn_kernel_desc, name) == 8);
static_assert(offsetof(attn_kernel_desc, isa) == 16);
static_assert(offsetof(attn_kernel_desc, page_multiple) == 52);
static_assert(offsetof(attn_kernel_desc, window) == 56);
static_assert(offsetof(attn_kernel_desc, scale) == 64);
static_assert(offsetof(attn_kernel_desc, scratch_bytes) == 72);
static_assert(offsetof(attn_kernel_desc, kernel) == 80);
static_assert(offsetof(attn_kernel_desc, combine) == 88);
static_assert(sizeof(attn_kernel_desc) == 96);

llvm::SmallVector<KernelFacts> attn::collectKernels(mlir::ModuleOp module) {
  llvm::SmallVector<KernelFacts> kernels;
  module.walk([&](mlir::Operation *op) {
    if (auto facts = op->getAttrOfType<mlir::DictionaryAttr>(kKernelAttrName))
      kernels.push_back(
          {mlir::cast<mlir::SymbolOpInterface>(op).getName().str(), facts});
  });
  return kernels;
}

static int64_t intFact(const KernelFacts &kernel, llvm::StringRef name) {
  return mlir::cast<mlir::IntegerAttr>(kernel.facts.get(name)).getInt();
}

static float floatFact(const KernelFacts &kernel, llvm::StringRef name) {
  return mlir::cast<mlir::FloatAttr>(kernel.facts.get(name))
      .getValue()
      .convertToFloat();
}

void attn::addKernelTable(llvm::Module &module,
                          llvm::ArrayRef<KernelFacts> kernels, CPULevel level,
                          bool emulated) {
  llvm::LLVMContext &ctx = module.getContext();
  llvm::IRBuilder<> b(ctx);
  llvm::Type *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  llvm::Type *f32 = b.getFloatTy(), *ptr = b.getPtrTy();
  llvm::SmallVector<llvm::Type *> fields = {i32, i32, ptr};
  fields.append(10, i32);
  fields.append({i64, f32, f32, i64, ptr, ptr});
  auto *descType = llvm::StructType::get(ctx, fields);
  llvm::Constant *null = llvm::ConstantPointerNull::get(b.getPtrTy());

  auto find = [&](const std::string &name) {
    return llvm::find_if(kernels,
                         [&](const KernelFacts &k) { return k.name == name; });
  };
  llvm::SmallVector<llvm::Constant *> descs;
  for (const KernelFacts &kernel : kernels) {
    bool combine = intFact(kernel, "combine");
    llvm::StringRef name = kernel.name;
    // A combine function that belongs to a kernel is in that kernel's row.
    if (combine && name.consume_back("_combine") &&
        find(name.str()) != kernels.end())
      continue;
    int64_t scratch = intFact(kernel, "scratch_bytes");
    llvm::Constant *kernelFn = module.getFunction(kernel.name);
    llvm::Constant *combineFn = kernelFn;
    if (combine) {
      kernelFn = null;
    } else if (auto *other = find(kernel.name + "_combine");
               other != kernels.end()) {
      combineFn = module.getFunction(other->name);
      scratch = std::max(scratch, intFact(*other, "scratch_bytes"));
    } else {
      combineFn = null;
    }
    uint32_t flags = intFact(kernel, "flags");
    if (emulated)
      flags |= ATTN_KERNEL_EMULATED;
    llvm::SmallVector<llvm::Constant *> values = {
        b.getInt32(sizeof(attn_kernel_desc)), b.getInt32(flags),
        b.CreateGlobalString(kernel.name, "attn.name." + kernel.name, 0,
                             &module)};
    auto addInt = [&](int64_t value) {
      values.push_back(b.getInt32(static_cast<uint32_t>(value)));
    };
    addInt(static_cast<int64_t>(level));
    for (llvm::StringRef fact :
         {"dtype", "layout", "q_heads", "kv_heads", "k_dim", "v_dim", "q_len",
          "kv_tile", "page_multiple"})
      addInt(intFact(kernel, fact));
    values.push_back(b.getInt64(intFact(kernel, "window")));
    values.push_back(llvm::ConstantFP::get(f32, floatFact(kernel, "scale")));
    values.push_back(llvm::ConstantFP::get(f32, floatFact(kernel, "softcap")));
    values.push_back(b.getInt64(scratch));
    values.push_back(kernelFn);
    values.push_back(combineFn);
    descs.push_back(llvm::ConstantStruct::get(descType, values));
  }
  auto *arrayType = llvm::ArrayType::get(descType, descs.size());
  auto *array = new llvm::GlobalVariable(
      module, arrayType, /*isConstant=*/true,
      llvm::GlobalValue::InternalLinkage,
      llvm::ConstantArray::get(arrayType, descs), "attn.kernels");
  auto *tableType = llvm::StructType::get(ctx, {i32, i32, ptr});
  auto *table = new llvm::GlobalVariable(
      module, tableType, /*isConstant=*/true,
      llvm::GlobalValue::InternalLinkage,
      llvm::ConstantStruct::get(tableType, {b.getInt32(ATTN_KERNEL_ABI_VERSION),
                                            b.getInt32(descs.size()), array}),
      "attn.table");
  auto *getter = llvm::Function::Create(
      llvm::FunctionType::get(ptr, /*isVarArg=*/false),
      llvm::GlobalValue::ExternalLinkage, ATTN_PACK_TABLE_SYMBOL, module);
  b.SetInsertPoint(llvm::BasicBlock::Create(ctx, "entry", getter));
  b.CreateRet(table);
  // Only the getter is a symbol of the object; kernels are reached through it.
  for (const KernelFacts &kernel : kernels)
    module.getFunction(kernel.name)
        ->setLinkage(llvm::GlobalValue::InternalLinkage);
}
