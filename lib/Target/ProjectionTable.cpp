//===- ProjectionTable.cpp - Descriptors of projections ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTable.h"
#include "attn/Conversion/TileToCPU/TileToCPU.h"
#include "attn_kernel_abi.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

#include <cstddef>

using namespace attn;

// The LLVM struct below has C's layout as long as these hold.
static_assert(offsetof(attn_project_desc, name) == 8);
static_assert(offsetof(attn_project_desc, isa) == 16);
static_assert(offsetof(attn_project_desc, scratch_bytes) == 48);
static_assert(offsetof(attn_project_desc, kernel) == 56);
static_assert(sizeof(attn_project_desc) == 64);

std::vector<CPUProjection>
attn::collectProjections(mlir::ModuleOp module, CPULevel level, bool emulated) {
  std::vector<CPUProjection> projections;
  module.walk([&](mlir::Operation *op) {
    auto facts = op->getAttrOfType<mlir::DictionaryAttr>(kProjectionAttrName);
    if (!facts)
      return;
    auto number = [&](llvm::StringRef name) {
      return mlir::cast<mlir::IntegerAttr>(facts.get(name)).getInt();
    };
    attn_project_desc desc = {};
    desc.struct_size = sizeof desc;
    desc.flags = static_cast<uint32_t>(number("flags")) |
                 (emulated ? ATTN_KERNEL_EMULATED : 0);
    desc.isa = static_cast<int32_t>(level);
    desc.dtype = static_cast<int32_t>(number("dtype"));
    desc.in_dtype = static_cast<int32_t>(number("in_dtype"));
    desc.heads = static_cast<int32_t>(number("heads"));
    desc.k_dim = static_cast<int32_t>(number("k_dim"));
    desc.n_dim = static_cast<int32_t>(number("n_dim"));
    desc.q_len = static_cast<int32_t>(number("q_len"));
    desc.scratch_bytes = number("scratch_bytes");
    std::string name = mlir::cast<mlir::SymbolOpInterface>(op).getName().str();
    projections.push_back({desc, name, name});
  });
  return projections;
}

llvm::Constant *
attn::addProjectionDescs(llvm::Module &module,
                         llvm::ArrayRef<CPUProjection> projections) {
  llvm::LLVMContext &ctx = module.getContext();
  llvm::IRBuilder<> b(ctx);
  llvm::Type *i32 = b.getInt32Ty(), *ptr = b.getPtrTy();
  llvm::SmallVector<llvm::Type *> fields = {i32, i32, ptr};
  fields.append(8, i32);
  fields.append({b.getInt64Ty(), ptr});
  auto *descType = llvm::StructType::get(ctx, fields);
  llvm::SmallVector<llvm::Constant *> descs;
  for (const CPUProjection &projection : projections) {
    const attn_project_desc &facts = projection.facts;
    llvm::SmallVector<llvm::Constant *> values = {
        b.getInt32(facts.struct_size), b.getInt32(facts.flags),
        b.CreateGlobalString(projection.name, "attn.name." + projection.name, 0,
                             &module)};
    for (int32_t value :
         {facts.isa, facts.dtype, facts.in_dtype, facts.heads, facts.k_dim,
          facts.n_dim, facts.q_len, facts.reserved})
      values.push_back(b.getInt32(static_cast<uint32_t>(value)));
    values.append({b.getInt64(facts.scratch_bytes),
                   getKernelFunction(module, projection.symbol)});
    descs.push_back(llvm::ConstantStruct::get(descType, values));
  }
  if (descs.empty())
    return llvm::ConstantPointerNull::get(b.getPtrTy());
  auto *arrayType = llvm::ArrayType::get(descType, descs.size());
  return new llvm::GlobalVariable(module, arrayType, /*isConstant=*/true,
                                  llvm::GlobalValue::InternalLinkage,
                                  llvm::ConstantArray::get(arrayType, descs),
                                  "attn.projections");
}
