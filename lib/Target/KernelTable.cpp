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
static_assert(offsetof(attn_kernel_desc, nope) == 80);
static_assert(offsetof(attn_kernel_desc, kernel) == 88);
static_assert(offsetof(attn_kernel_desc, combine) == 96);
static_assert(sizeof(attn_kernel_desc) == 104);

namespace {
/// A lowered function and its facts (the `attn.kernel` dictionary).
struct Function {
  std::string name;
  mlir::DictionaryAttr facts;

  int64_t getInt(llvm::StringRef fact) const {
    return mlir::cast<mlir::IntegerAttr>(facts.get(fact)).getInt();
  }
  float getFloat(llvm::StringRef fact) const {
    return mlir::cast<mlir::FloatAttr>(facts.get(fact))
        .getValue()
        .convertToFloat();
  }
};
} // namespace

static attn_kernel_desc readFacts(const Function &function, CPULevel level,
                                  bool emulated) {
  attn_kernel_desc desc = {};
  auto number = [&](llvm::StringRef fact) {
    return static_cast<int32_t>(function.getInt(fact));
  };
  desc.struct_size = sizeof desc;
  desc.flags = static_cast<uint32_t>(function.getInt("flags"));
  if (emulated)
    desc.flags |= ATTN_KERNEL_EMULATED;
  desc.isa = static_cast<int32_t>(level);
  desc.dtype = number("dtype");
  desc.layout = number("layout");
  desc.q_heads = number("q_heads");
  desc.kv_heads = number("kv_heads");
  desc.k_dim = number("k_dim");
  desc.v_dim = number("v_dim");
  desc.q_len = number("q_len");
  desc.kv_tile = number("kv_tile");
  desc.page_multiple = number("page_multiple");
  desc.window = function.getInt("window");
  desc.scale = function.getFloat("scale");
  desc.softcap = function.getFloat("softcap");
  desc.scratch_bytes = function.getInt("scratch_bytes");
  desc.nope = number("nope");
  desc.v = number("v");
  return desc;
}

std::vector<CPUKernel> attn::collectKernels(mlir::ModuleOp module,
                                            CPULevel level, bool emulated) {
  llvm::SmallVector<Function> functions;
  module.walk([&](mlir::Operation *op) {
    if (auto facts = op->getAttrOfType<mlir::DictionaryAttr>(kKernelAttrName))
      functions.push_back(
          {mlir::cast<mlir::SymbolOpInterface>(op).getName().str(), facts});
  });
  auto find = [&](const std::string &name) {
    return llvm::find_if(functions,
                         [&](const Function &f) { return f.name == name; });
  };
  std::vector<CPUKernel> kernels;
  for (const Function &function : functions) {
    bool merges = function.getInt("combine");
    llvm::StringRef name = function.name;
    // A combine function that belongs to a kernel is in that kernel's row.
    if (merges && name.consume_back("_combine") &&
        find(name.str()) != functions.end())
      continue;
    CPUKernel kernel{readFacts(function, level, emulated), function.name,
                     merges ? "" : function.name, merges ? function.name : ""};
    if (auto *other = find(function.name + "_combine");
        !merges && other != functions.end()) {
      kernel.combine = other->name;
      kernel.facts.scratch_bytes =
          std::max(kernel.facts.scratch_bytes, other->getInt("scratch_bytes"));
    }
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

llvm::Function *attn::getKernelFunction(llvm::Module &module,
                                        llvm::StringRef symbol) {
  if (llvm::Function *known = module.getFunction(symbol))
    return known;
  auto *declared = llvm::Function::Create(
      llvm::FunctionType::get(llvm::Type::getVoidTy(module.getContext()),
                              /*isVarArg=*/false),
      llvm::GlobalValue::ExternalLinkage, symbol, module);
  declared->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return declared;
}

void attn::addKernelTable(llvm::Module &module,
                          llvm::ArrayRef<CPUKernel> kernels,
                          llvm::ArrayRef<CPUProjection> projections) {
  llvm::LLVMContext &ctx = module.getContext();
  llvm::IRBuilder<> b(ctx);
  llvm::Type *i32 = b.getInt32Ty(), *i64 = b.getInt64Ty();
  llvm::Type *f32 = b.getFloatTy(), *ptr = b.getPtrTy();
  llvm::SmallVector<llvm::Type *> fields = {i32, i32, ptr};
  fields.append(10, i32);
  fields.append({i64, f32, f32, i64, i32, i32, ptr, ptr});
  auto *descType = llvm::StructType::get(ctx, fields);
  auto function = [&](const std::string &symbol) -> llvm::Constant * {
    if (symbol.empty())
      return llvm::ConstantPointerNull::get(b.getPtrTy());
    return getKernelFunction(module, symbol);
  };
  llvm::SmallVector<llvm::Constant *> descs;
  for (const CPUKernel &kernel : kernels) {
    const attn_kernel_desc &facts = kernel.facts;
    llvm::SmallVector<llvm::Constant *> values = {
        b.getInt32(facts.struct_size), b.getInt32(facts.flags),
        b.CreateGlobalString(kernel.name, "attn.name." + kernel.name, 0,
                             &module)};
    for (int32_t value : {facts.isa, facts.dtype, facts.layout, facts.q_heads,
                          facts.kv_heads, facts.k_dim, facts.v_dim, facts.q_len,
                          facts.kv_tile, facts.page_multiple})
      values.push_back(b.getInt32(static_cast<uint32_t>(value)));
    values.push_back(b.getInt64(facts.window));
    values.push_back(llvm::ConstantFP::get(f32, facts.scale));
    values.push_back(llvm::ConstantFP::get(f32, facts.softcap));
    values.push_back(b.getInt64(facts.scratch_bytes));
    for (int32_t value : {facts.nope, facts.v})
      values.push_back(b.getInt32(static_cast<uint32_t>(value)));
    values.push_back(function(kernel.kernel));
    values.push_back(function(kernel.combine));
    descs.push_back(llvm::ConstantStruct::get(descType, values));
  }
  addTableGetter(module, ATTN_PACK_TABLE_SYMBOL, ATTN_KERNEL_ABI_VERSION,
                 descType, descs,
                 {addProjectionDescs(module, projections),
                  b.getInt32(projections.size()), b.getInt32(0)});
}

void attn::addTableGetter(llvm::Module &module, llvm::StringRef name,
                          uint32_t version, llvm::StructType *descType,
                          llvm::ArrayRef<llvm::Constant *> descs,
                          llvm::ArrayRef<llvm::Constant *> more) {
  llvm::LLVMContext &ctx = module.getContext();
  llvm::IRBuilder<> b(ctx);
  llvm::Type *ptr = b.getPtrTy();
  auto *arrayType = llvm::ArrayType::get(descType, descs.size());
  auto *array = new llvm::GlobalVariable(
      module, arrayType, /*isConstant=*/true,
      llvm::GlobalValue::InternalLinkage,
      llvm::ConstantArray::get(arrayType, descs), "attn.kernels");
  llvm::SmallVector<llvm::Constant *> fields = {
      b.getInt32(version), b.getInt32(descs.size()), array};
  llvm::append_range(fields, more);
  llvm::Constant *value = llvm::ConstantStruct::getAnon(ctx, fields);
  auto *table = new llvm::GlobalVariable(
      module, value->getType(), /*isConstant=*/true,
      llvm::GlobalValue::InternalLinkage, value, "attn.table");
  auto *getter =
      llvm::Function::Create(llvm::FunctionType::get(ptr, /*isVarArg=*/false),
                             llvm::GlobalValue::ExternalLinkage, name, module);
  b.SetInsertPoint(llvm::BasicBlock::Create(ctx, "entry", getter));
  b.CreateRet(table);
}
