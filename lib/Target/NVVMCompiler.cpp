//===- NVVMCompiler.cpp - From NVVM kernels to code for GPUs ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVVMCompiler.h"
#include "LLVMSupport.h"
#include "NVVMLowering.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <chrono>
#include <mutex>

using namespace attn;

// LLVM has 32-bit shared pointers behind a command-line option alone (a kernel
// of ours takes 237 registers without and 192 with it). The option is looked up
// before main, because a tool that calls cl::ResetCommandLineParser forgets it,
// and in the map itself: cl::getRegisteredOptions would register --help already
// then, for that call to forget.
static llvm::cl::Option *const shortPointers =
    llvm::cl::SubCommand::getTopLevel().OptionsMap.lookup("nvptx-short-ptr");

namespace {
/// Adds the seconds that it lives to a counter.
class Stopwatch {
public:
  explicit Stopwatch(double &seconds) : seconds(seconds) {}
  ~Stopwatch() {
    seconds += std::chrono::duration<double>(Clock::now() - start).count();
  }

private:
  using Clock = std::chrono::steady_clock;
  double &seconds;
  Clock::time_point start = Clock::now();
};
} // namespace

static llvm::Error initializeTarget() {
  static std::once_flag once;
  static bool shortened = false;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    shortened = shortPointers &&
                !shortPointers->addOccurrence(0, "nvptx-short-ptr", "true");
  });
  if (!shortened)
    return llvm::createStringError(
        "this LLVM has no option nvptx-short-ptr; kernels are not compiled "
        "with 64-bit shared pointers, because they would spill");
  return llvm::Error::success();
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const NVVMArch &arch) {
  if (llvm::Error error = initializeTarget())
    return std::move(error);
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return llvm::createStringError(message);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, arch.name(), "+ptx" + std::to_string(arch.ptxVersion), {},
      std::nullopt, {}, llvm::CodeGenOptLevel::Aggressive));
}

/// Functions of libdevice or of nobody: ptxas would not find them.
static llvm::Error checkDefined(const llvm::Module &module) {
  for (const llvm::Function &function : module)
    if (function.isDeclaration() && !function.isIntrinsic())
      return llvm::createStringError(
          "the kernels call '" + function.getName() +
          "', which is not defined (libdevice is not linked)");
  return llvm::Error::success();
}

/// Runs `emit` and returns the message of a fatal error in it. LLVM reports an
/// op that the target cannot select in no other way; what it had allocated is
/// lost.
static llvm::Error catchFatalError(llvm::function_ref<void()> emit) {
  static std::mutex mutex; // the handlers are the process'
  std::lock_guard<std::mutex> lock(mutex);
  static std::string message;
  message.clear();
  llvm::ScopedFatalErrorHandler handler(
      [](void *, const char *reason, bool) {
        message = reason;
        if (auto *recovery = llvm::CrashRecoveryContext::GetCurrent())
          recovery->HandleExit(1);
      },
      nullptr);
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext recovery;
  bool finished = recovery.RunSafely(emit);
  llvm::CrashRecoveryContext::Disable();
  if (finished)
    return llvm::Error::success();
  return llvm::createStringError(
      "LLVM cannot emit this for the architecture: " +
      (message.empty() ? "it crashed" : message));
}

llvm::Expected<std::string> attn::compileToPTX(mlir::ModuleOp module,
                                               const NVVMArch &arch,
                                               NVVMTimes *times) {
  NVVMTimes unused;
  if (!times)
    times = &unused;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule;
  {
    Stopwatch watch(times->lower);
    if (mlir::failed(lowerNVVMToLLVM(module)))
      return llvm::createStringError(
          "the kernels could not be lowered (see the diagnostics)");
    llvmModule = translateNVVM(module, context);
    if (!llvmModule)
      return llvm::createStringError(
          "translation to LLVM IR failed (see the diagnostics)");
  }
  if (llvm::Error error = checkDefined(*llvmModule))
    return std::move(error);
  auto machine = createTargetMachine(arch);
  if (!machine)
    return machine.takeError();
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  llvmModule->setDataLayout((*machine)->createDataLayout());
  {
    Stopwatch watch(times->optimize);
    optimize(*llvmModule, **machine, llvm::OptimizationLevel::O3);
  }
  Stopwatch watch(times->codegen);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::Error error = catchFatalError([&] {
    llvm::legacy::PassManager codegen;
    (*machine)->addPassesToEmitFile(codegen, stream, nullptr,
                                    llvm::CodeGenFileType::AssemblyFile);
    codegen.run(*llvmModule);
  });
  if (error)
    return std::move(error);
  return std::string(bytes.begin(), bytes.end());
}

static llvm::Error packImage(NVVMImage &image,
                             llvm::MutableArrayRef<Cubin> cubins,
                             const PtxasOptions &options) {
  if (cubins.size() == 1) {
    image.form = NVVMForm::Cubin;
    image.bytes = std::move(cubins.front().bytes);
    return llvm::Error::success();
  }
  llvm::SmallVector<FatbinMember> members;
  for (auto [part, cubin] : llvm::zip(image.parts, cubins))
    members.push_back({part.arch, false, cubin.bytes});
  members.push_back({image.parts[0].arch, true, image.parts[0].ptx});
  auto bytes = makeFatbin(members, options);
  if (!bytes)
    return bytes.takeError();
  image.form = NVVMForm::Fatbin;
  image.bytes = std::move(*bytes);
  return llvm::Error::success();
}

llvm::Expected<NVVMImage>
attn::compileForNVVM(mlir::ModuleOp module, const NVVMCompileOptions &options) {
  if (options.archs.empty())
    return llvm::createStringError("no GPU architecture is given");
  NVVMImage image;
  for (const NVVMArch &arch : options.archs) {
    mlir::OwningOpRef<mlir::ModuleOp> clone(module.clone());
    NVVMImage::Part &part = image.parts.emplace_back();
    part.arch = arch;
    auto ptx = compileToPTX(*clone, arch, &part.times);
    if (!ptx)
      return ptx.takeError();
    part.ptx = std::move(*ptx);
  }
  PtxasOptions ptxas = options.ptxas;
  if (ptxas.ptxas.empty()) {
    auto found = findCudaProgram("ptxas");
    if (!found) {
      image.bytes = image.parts[0].ptx + '\0';
      image.note = "PTX for " + image.parts[0].arch.name() +
                   " alone, which the driver compiles when it is loaded: "
                   "ptxas is not installed";
      return image;
    }
    ptxas.ptxas = *found;
  }
  llvm::SmallVector<Cubin> cubins;
  for (NVVMImage::Part &part : image.parts) {
    Stopwatch watch(part.times.assemble);
    auto cubin = assemblePTX(part.ptx, part.arch, ptxas);
    if (!cubin)
      return cubin.takeError();
    part.report = cubin->report;
    cubins.push_back(std::move(*cubin));
  }
  if (llvm::Error error = packImage(image, cubins, ptxas))
    return std::move(error);
  return image;
}
