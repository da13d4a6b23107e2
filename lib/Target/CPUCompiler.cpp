//===- CPUCompiler.cpp - From attn IR to machine code for the CPU *- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPUCompiler.h"
#include "KernelTable.h"
#include "LLVMSupport.h"
#include "attn/Pipelines/CPUPipeline.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

using namespace attn;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// The features of the level that the host lacks, as emulate-x86 takes them.
static llvm::SmallVector<std::string>
featuresToEmulate(const CPUCompileOptions &options) {
  llvm::SmallVector<std::string> list;
  if (!options.emulate)
    return list;
  if (options.level >= CPULevel::AMX && options.hostLevel < CPULevel::AMX)
    list.push_back("amx");
  if (options.level >= CPULevel::AVX512BF16 &&
      options.hostLevel < CPULevel::AVX512BF16)
    list.push_back("avx512bf16");
  return list;
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(CPULevel level) {
  initializeX86Target();
  llvm::Triple triple(kCPUTriple);
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return makeError(error);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, "x86-64", cpuLevelFeatures(level), {}, llvm::Reloc::PIC_, {},
      llvm::CodeGenOptLevel::Aggressive));
}

/// The loops are vectorised and blocked already: unrolling or vectorising them
/// again only spills.
static llvm::PipelineTuningOptions tuning() {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopInterleaving = false;
  tuning.LoopUnrolling = false;
  return tuning;
}

static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
emit(llvm::Module &module, llvm::TargetMachine &machine, CPUOutput output) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (output == CPUOutput::LLVMIR) {
    module.print(stream, nullptr);
  } else {
    llvm::legacy::PassManager codegen;
    auto type = output == CPUOutput::Object
                    ? llvm::CodeGenFileType::ObjectFile
                    : llvm::CodeGenFileType::AssemblyFile;
    if (machine.addPassesToEmitFile(codegen, stream, nullptr, type))
      return makeError("the target cannot emit this kind of file");
    codegen.run(module);
  }
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(
      std::move(bytes), "attn-kernels", /*RequiresNullTerminator=*/false);
}

/// Makes the kernels what they are in this output: private to a module that
/// holds their table, else hidden symbols that carry the level's name.
static void finishKernels(llvm::Module &module, CPUKernels &kernels,
                          CPULevel level, bool withTable) {
  auto finish = [&](std::string &symbol) {
    if (symbol.empty())
      return;
    llvm::Function *function = module.getFunction(symbol);
    if (withTable) {
      function->setLinkage(llvm::GlobalValue::InternalLinkage);
      return;
    }
    function->setVisibility(llvm::GlobalValue::HiddenVisibility);
    symbol += ("_" + cpuLevelName(level)).str();
    function->setName(symbol);
  };
  for (CPUKernel &kernel : kernels.kernels) {
    finish(kernel.kernel);
    finish(kernel.combine);
  }
  for (CPUProjection &projection : kernels.projections)
    finish(projection.symbol);
}

static llvm::Expected<CPUKernels> compile(mlir::ModuleOp module,
                                          const CPUCompileOptions &options,
                                          CPUOutput output, bool withTable) {
  CPUPipelineOptions pipeline;
  pipeline.isa = cpuLevelName(options.level).str();
  pipeline.threads = options.threads;
  for (const std::string &feature : featuresToEmulate(options))
    pipeline.emulate.push_back(feature);
  mlir::PassManager pm(module->getContext());
  buildCPUPipeline(pm, pipeline);
  if (mlir::failed(pm.run(module)))
    return makeError("the kernels could not be lowered (see the diagnostics)");

  // What the code needs once the rest is emulated.
  CPULevel level = options.emulate ? std::min(options.level, options.hostLevel)
                                   : options.level;
  CPUKernels result;
  result.kernels = collectKernels(module, level, !pipeline.emulate.empty());
  result.projections =
      collectProjections(module, level, !pipeline.emulate.empty());
  if (result.kernels.empty() && result.projections.empty())
    return makeError("the module holds no kernel: no attn.attend, attn.merge "
                     "or attn.project");
  mlir::registerBuiltinDialectTranslation(*module->getContext());
  mlir::registerLLVMDialectTranslation(*module->getContext());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      mlir::translateModuleToLLVMIR(module, context, "attn");
  if (!llvmModule)
    return makeError("translation to LLVM IR failed (see the diagnostics)");
  if (withTable)
    addKernelTable(*llvmModule, result.kernels, result.projections);
  finishKernels(*llvmModule, result, level, withTable);

  auto machine = createTargetMachine(level);
  if (!machine)
    return machine.takeError();
  // A call of memset would make the caller save and configure its AMX tiles
  // anew; loops that clear a few lines stay loops.
  for (llvm::Function &function : *llvmModule)
    function.addFnAttr("no-builtins");
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  llvmModule->setDataLayout((*machine)->createDataLayout());
  optimize(*llvmModule, **machine, llvm::OptimizationLevel::O2, tuning());
  auto code = emit(*llvmModule, **machine, output);
  if (!code)
    return code.takeError();
  result.code = std::move(*code);
  return result;
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
attn::compileForCPU(mlir::ModuleOp module, const CPUCompileOptions &options,
                    CPUOutput output) {
  auto result = compile(module, options, output, /*withTable=*/true);
  if (!result)
    return result.takeError();
  return std::move(result->code);
}

llvm::Expected<CPUKernels>
attn::compileKernelsForCPU(mlir::ModuleOp module,
                           const CPUCompileOptions &options, CPUOutput output) {
  return compile(module, options, output, /*withTable=*/false);
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
attn::compileTable(llvm::function_ref<void(llvm::Module &)> fill) {
  auto machine = createTargetMachine(CPULevel::AVX2);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  llvm::Module module("attn-table", context);
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  fill(module);
  return emit(module, **machine, CPUOutput::Object);
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
attn::compileKernelTable(llvm::ArrayRef<CPUKernel> kernels,
                         llvm::ArrayRef<CPUProjection> projections) {
  return compileTable([&](llvm::Module &module) {
    addKernelTable(module, kernels, projections);
  });
}
