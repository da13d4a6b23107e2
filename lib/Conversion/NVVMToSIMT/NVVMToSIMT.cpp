//===- NVVMToSIMT.cpp - The pass convert-nvvm-to-simt ---------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/NVVMToSIMT/NVVMToSIMT.h"
#include "Emitter.h"
#include "attn/EmulationSIMT/Kernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"

namespace attn {
#define GEN_PASS_DEF_CONVERTNVVMTOSIMT
#include "attn/Conversion/NVVMToSIMT/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn::simt;

namespace {

constexpr StringLiteral kKernelAttr = "nvvm.kernel";
constexpr StringLiteral kBlockAttr = "nvvm.reqntid";
constexpr StringLiteral kGridConstantAttr = "nvvm.grid_constant";
constexpr StringLiteral kByValAttr = "llvm.byval";

/// What the launcher has to know of a kernel, before its attributes go.
struct KernelFacts {
  LLVM::LLVMFuncOp function;
  SmallVector<Type> byValue;    ///< by parameter; null: passed as it is
  SmallVector<bool> isConstant; ///< by parameter: no thread writes its copy
  SmallVector<int64_t, 3> block = {0, 0, 0};

  explicit KernelFacts(LLVM::LLVMFuncOp function) : function(function) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto type = function.getArgAttrOfType<TypeAttr>(i, kByValAttr);
      byValue.push_back(type ? type.getValue() : Type());
      isConstant.push_back(bool(function.getArgAttr(i, kGridConstantAttr)));
    }
    if (auto sizes = function->getAttrOfType<DenseI32ArrayAttr>(kBlockAttr)) {
      block.assign(3, 1);
      llvm::copy(sizes.asArrayRef().take_front(3), block.begin());
    }
  }
  Type typeOf(unsigned i) {
    return byValue[i] ? byValue[i] : function.getArgument(i).getType();
  }
};

/// Adds what a launch needs to the module.
class LaunchEmitter {
public:
  LaunchEmitter(Emitter &emitter, int64_t staticSharedBytes)
      : emitter(emitter), b(emitter.b), module(emitter.module),
        staticSharedBytes(staticSharedBytes) {
    b.setLoc(module.getLoc());
    b.setInsertionPointToEnd(module.getBody());
    addString("attn_simt_sites", emitter.siteTable());
  }

  void addKernel(KernelFacts &facts);

private:
  LLVM::GlobalOp addConstant(Twine name, Type type, Attribute value) {
    return LLVM::GlobalOp::create(b, type, /*isConstant=*/true,
                                  LLVM::Linkage::Internal, name.str(), value);
  }
  void addString(Twine name, StringRef text) {
    addConstant(name, LLVM::LLVMArrayType::get(b.getI8Type(), text.size()),
                b.getStringAttr(text));
  }
  Value addressOf(const Twine &name) {
    return LLVM::AddressOfOp::create(b, emitter.pointerType(), name.str());
  }
  void addEntry(KernelFacts &facts, const Twine &name);

  Emitter &emitter;
  ImplicitLocOpBuilder &b;
  ModuleOp module;
  int64_t staticSharedBytes;
};

class NVVMToSIMTPass
    : public attn::impl::ConvertNVVMToSIMTBase<NVVMToSIMTPass> {
public:
  using Base::Base;

  void runOnOperation() override {
    if (failed(checkSupport()))
      return signalPassFailure();
    dissolveGPUModules();
    SmallVector<KernelFacts> kernels;
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>()) {
      if (function->hasAttr(kKernelAttr))
        kernels.emplace_back(function);
      dropTargetAttributes(function);
    }
    for (StringRef name : {LLVM::LLVMDialect::getTargetTripleAttrName(),
                           LLVM::LLVMDialect::getDataLayoutAttrName()})
      getOperation()->removeAttr(name);

    Emitter emitter(getOperation());
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      if (emulateNVVMOp(op, emitter) || emulateAtomic(op, emitter))
        ++numOps;
      else if (instrument && instrumentAccess(op, emitter))
        ++numAccesses;
    }
    LaunchEmitter launch(emitter, replaceSharedGlobals(emitter));
    for (KernelFacts &kernel : kernels) {
      launch.addKernel(kernel);
      ++numKernels;
      remark::passed(kernel.function.getLoc(),
                     remark::RemarkOpts::name("Emulated")
                         .category("convert-nvvm-to-simt")
                         .function(kernel.function.getName()))
          << ("can be launched as " + kernel.function.getName() +
              ATTN_SIMT_KERNEL_SUFFIX)
                 .str();
    }
  }

private:
  LogicalResult checkSupport();
  void dissolveGPUModules();
  static void dropTargetAttributes(LLVM::LLVMFuncOp function);
};

} // namespace

LogicalResult NVVMToSIMTPass::checkSupport() {
  bool supported = true;
  getOperation().walk([&](Operation *op) {
    std::string reason = whyNotEmulated(op);
    if (reason.empty() && op->getName().getStringRef() == "gpu.func")
      reason = "kernels have to be llvm.func";
    if (reason.empty())
      return;
    op->emitError("cannot be emulated: ") << reason;
    supported = false;
  });
  return success(supported);
}

void NVVMToSIMTPass::dissolveGPUModules() {
  for (Operation &op : llvm::make_early_inc_range(*getOperation().getBody())) {
    if (op.getName().getStringRef() != "gpu.module")
      continue;
    Block &body = op.getRegion(0).front();
    getOperation().getBody()->getOperations().splice(Block::iterator(op),
                                                     body.getOperations());
    op.erase();
  }
}

void NVVMToSIMTPass::dropTargetAttributes(LLVM::LLVMFuncOp function) {
  SmallVector<StringAttr> dropped;
  for (NamedAttribute attribute : function->getDiscardableAttrs())
    if (attribute.getName().strref().starts_with("nvvm."))
      dropped.push_back(attribute.getName());
  for (StringAttr name : dropped)
    function->removeDiscardableAttr(name);
  function.removeTargetCpuAttr();
  function.removeTuneCpuAttr();
  function.removeTargetFeaturesAttr();
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    DictionaryAttr attributes = function.getArgAttrDict(i);
    if (!attributes)
      continue;
    for (NamedAttribute attribute : attributes)
      if (attribute.getName().strref().starts_with("nvvm.") ||
          attribute.getName() == kByValAttr)
        function.removeArgAttr(i, attribute.getName());
  }
}

/// One thread: fetches the parameters and calls the kernel.
void LaunchEmitter::addEntry(KernelFacts &facts, const Twine &name) {
  OpBuilder::InsertionGuard guard(b);
  Type pointer = emitter.pointerType();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), {pointer});
  auto entry =
      LLVM::LLVMFuncOp::create(b, name.str(), type, LLVM::Linkage::Internal);
  Block *body = entry.addEntryBlock(b);
  b.setInsertionPointToStart(body);
  SmallVector<Value> arguments;
  for (unsigned i = 0; i < facts.byValue.size(); ++i) {
    Value slot = LLVM::GEPOp::create(b, pointer, pointer, body->getArgument(0),
                                     ArrayRef<LLVM::GEPArg>{int32_t(i)});
    Value address = LLVM::LoadOp::create(b, pointer, slot);
    if (!facts.byValue[i]) {
      arguments.push_back(LLVM::LoadOp::create(b, facts.typeOf(i), address));
    } else if (facts.isConstant[i]) {
      arguments.push_back(address);
    } else {
      Value copy = LLVM::AllocaOp::create(b, pointer, facts.byValue[i],
                                          emitter.i64(1), /*alignment=*/64);
      DataLayout layout(module);
      LLVM::MemcpyOp::create(
          b, copy, address,
          emitter.i64(int64_t(layout.getTypeSize(facts.byValue[i]))),
          /*isVolatile=*/false);
      arguments.push_back(copy);
    }
  }
  LLVM::CallOp::create(b, facts.function, arguments);
  LLVM::ReturnOp::create(b, ValueRange());
}

void LaunchEmitter::addKernel(KernelFacts &facts) {
  std::string name = facts.function.getName().str();
  std::string descriptor = name + ATTN_SIMT_KERNEL_SUFFIX;
  std::string entry = descriptor + "_entry", text = descriptor + "_name",
              sizes = descriptor + "_param_bytes";
  addEntry(facts, entry);
  addString(text, StringRef(name.c_str(), name.size() + 1));
  DataLayout layout(module);
  SmallVector<int64_t> bytes;
  for (unsigned i = 0; i < facts.byValue.size(); ++i)
    bytes.push_back(int64_t(layout.getTypeSize(facts.typeOf(i))));
  Type i64 = b.getI64Type(), pointer = emitter.pointerType();
  // An array of none is not addressable.
  SmallVector<int64_t> padded = bytes;
  padded.push_back(0);
  addConstant(sizes, LLVM::LLVMArrayType::get(i64, padded.size()),
              b.getI64TensorAttr(padded));

  // attn_simt_kernel, field by field.
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(),
      {pointer, pointer, pointer, pointer, i64, i64, i64, i64, i64, i64});
  auto global =
      LLVM::GlobalOp::create(b, type, /*isConstant=*/true,
                             LLVM::Linkage::External, descriptor, Attribute());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(b.createBlock(&global.getInitializerRegion()));
  SmallVector<Value> fields = {
      addressOf(text),
      addressOf(entry),
      addressOf("attn_simt_sites"),
      addressOf(sizes),
      emitter.i64(emitter.siteCount()),
      emitter.i64(int64_t(bytes.size())),
      emitter.i64(staticSharedBytes),
  };
  for (int64_t size : facts.block)
    fields.push_back(emitter.i64(size));
  Value value = LLVM::UndefOp::create(b, type);
  for (auto [i, field] : llvm::enumerate(fields))
    value = LLVM::InsertValueOp::create(b, value, field,
                                        ArrayRef<int64_t>{int64_t(i)});
  LLVM::ReturnOp::create(b, value);
}
