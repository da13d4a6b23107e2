//===- SIMTJit.cpp - NVVM kernels compiled for the SIMT emulator *- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/SIMTJit.h"
#include "LLVMSupport.h"
#include "attn/EmulationSIMT/Ops.h"
#include "attn/Pipelines/SIMTPipeline.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Target/TargetMachine.h"

using namespace attn;

SIMTJit::SIMTJit(std::unique_ptr<llvm::orc::LLJIT> jit) : jit(std::move(jit)) {}
SIMTJit::~SIMTJit() = default;

static llvm::orc::JITTargetMachineBuilder targetMachine(unsigned optLevel) {
  initializeX86Target();
  llvm::orc::JITTargetMachineBuilder builder{llvm::Triple(kCPUTriple)};
  builder.setCPU("x86-64-v3");
  builder.setCodeGenOptLevel(
      *llvm::CodeGenOpt::getLevel(static_cast<int>(optLevel)));
  return builder;
}

llvm::Expected<std::unique_ptr<SIMTJit>>
SIMTJit::create(mlir::ModuleOp module, const SIMTCompileOptions &options) {
  auto fail = [](const char *message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
  };
  mlir::PassManager pm(module->getContext());
  buildSIMTPipeline(pm, options.instrument);
  if (mlir::failed(pm.run(module)))
    return fail("the kernels cannot be emulated (see the diagnostics)");
  mlir::registerBuiltinDialectTranslation(*module->getContext());
  mlir::registerLLVMDialectTranslation(*module->getContext());
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> llvmModule =
      mlir::translateModuleToLLVMIR(module, *context, "attn-simt");
  if (!llvmModule)
    return fail("translation to LLVM IR failed (see the diagnostics)");

  llvm::orc::JITTargetMachineBuilder builder = targetMachine(options.optLevel);
  auto machine = builder.createTargetMachine();
  if (!machine)
    return machine.takeError();
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  llvmModule->setDataLayout((*machine)->createDataLayout());
  if (options.optLevel > 0)
    optimize(*llvmModule, **machine,
             options.optLevel == 1 ? llvm::OptimizationLevel::O1
                                   : llvm::OptimizationLevel::O2);

  auto jit = llvm::orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(std::move(builder))
                 .create();
  if (!jit)
    return jit.takeError();
  std::unique_ptr<SIMTJit> result(new SIMTJit(std::move(*jit)));
  llvm::SmallVector<std::pair<const char *, void *>> symbols;
  size_t count = 0;
  const attn_simt_symbol *list = attn_simt_symbols(&count);
  for (const attn_simt_symbol &symbol : llvm::ArrayRef(list, count))
    symbols.push_back({symbol.name, symbol.address});
  if (llvm::Error error = defineSymbols(*result->jit, symbols))
    return error;
  if (llvm::Error error =
          result->jit->addIRModule({std::move(llvmModule), std::move(context)}))
    return error;
  return result;
}

llvm::Expected<const attn_simt_kernel *>
SIMTJit::lookup(llvm::StringRef name) const {
  auto symbol = jit->lookup((name + ATTN_SIMT_KERNEL_SUFFIX).str());
  if (!symbol)
    return symbol.takeError();
  return symbol->toPtr<const attn_simt_kernel *>();
}
