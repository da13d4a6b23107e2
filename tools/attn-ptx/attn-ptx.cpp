//===- attn-ptx.cpp - Decode kernels for NVIDIA GPUs ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../common/LoadModules.h"

#include "attn/Conversion/TileToNVVM/TileToNVVM.h"
#include "attn/Pipelines/GPUPipeline.h"
#include "attn/Register.h"
#include "attn/Target/GPUKernels.h"
#include "attn/Target/NVVMCompiler.h"
#include "attn/Target/PtxCheck.h"
#include "attn/Target/SharedLayout.h"
#include "attn_kernel_abi.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

#include <chrono>

namespace cl = llvm::cl;
using namespace attn;

namespace {
struct Options {
  cl::OptionCategory category{"options"};
  cl::opt<std::string> input{cl::Positional, cl::desc("FILE.mlir|config.json"),
                             cl::cat(category)};
  cl::list<std::string> targets{
      "target", cl::CommaSeparated,
      cl::desc("sm_80, sm_90, ...; without it those of a fat binary"),
      cl::cat(category)};
  cl::opt<std::string> emit{
      "emit",
      cl::desc("table: what ptxas and the PTX show; or nvvm, ptx, cubin"),
      cl::init("table"), cl::cat(category)};
  cl::opt<std::string> dtype{"dtype", cl::desc("bf16 or f16"), cl::init("bf16"),
                             cl::cat(category)};
  cl::opt<int64_t> qLen{"q-len", cl::desc("Query tokens per sequence"),
                        cl::init(1), cl::cat(category)};
  cl::opt<std::string> ptxas{"ptxas", cl::desc("The program to run"),
                             cl::cat(category)};
  cl::opt<bool> ptxasVersion{"ptxas-version",
                             cl::desc("Print what ptxas says of itself"),
                             cl::cat(category)};
  cl::opt<bool> times{"times",
                      cl::desc("Print what compiling took, from attn ops on"),
                      cl::cat(category)};
  cl::opt<bool> noCache{"no-cache", cl::desc("Run ptxas always"),
                        cl::cat(category)};
};
} // namespace

static llvm::ExitOnError exitOnError;

/// A kernel of the image.
struct KernelRow {
  std::string name;
  CTAResources cta;
  /// What a tile of the cache has, or a stage of a projection's weights; 0 for
  /// what streams neither.
  int64_t tileBytes = 0;
  int64_t meantCTAs = 0; ///< resident on an SM, by the schedule
};

/// Every kernel of the module, in its order.
static std::vector<KernelRow> readKernels(mlir::ModuleOp module) {
  std::vector<KernelRow> rows;
  for (auto function : module.getOps<mlir::LLVM::LLVMFuncOp>()) {
    auto threads = function->getAttrOfType<mlir::DenseI32ArrayAttr>(
        mlir::NVVM::NVVMDialect::getReqntidAttrName());
    if (!threads)
      continue;
    KernelRow &row = rows.emplace_back();
    row.name = function.getName().str();
    row.cta.threads = threads[0];
    auto decode =
        function->getAttrOfType<mlir::DictionaryAttr>(kGPUKernelAttrName);
    auto facts = decode ? decode
                        : function->getAttrOfType<mlir::DictionaryAttr>(
                              kGPUProjectionAttrName);
    if (!facts)
      continue;
    auto get = [&](llvm::StringRef fact) {
      return mlir::cast<mlir::IntegerAttr>(facts.get(fact)).getInt();
    };
    row.cta.sharedBytes = static_cast<int>(get("shared_bytes"));
    row.meantCTAs = get("ctas_per_sm");
    if (decode) {
      bool vInK = get("flags") & ATTN_KERNEL_V_IN_K;
      row.tileBytes =
          get("kv_tile") * (get("k_dim") + (vInK ? 0 : get("v_dim"))) * 2;
    } else if (get("flags") & ATTN_KERNEL_LATENT_ROWS) {
      row.tileBytes = get("rows") * nvvm::sliceColumns(get("k_dim")) * 2;
    } else {
      int64_t columns = get("n_dim") / get("column_blocks");
      row.tileBytes = get("k_dim") * columns * 2 / get("stages");
    }
  }
  if (llvm::none_of(rows, [](const KernelRow &row) { return row.tileBytes; }))
    exitOnError(llvm::createStringError(kNoGPUKernel));
  return rows;
}

/// Prints a line per function; false if one is not as it should be.
static bool printTable(const NVVMArch &arch, llvm::StringRef ptx,
                       const PtxasReport &report,
                       llvm::ArrayRef<KernelRow> kernels) {
  auto functions = readPtx(ptx);
  bool good = true;
  for (const KernelRow &kernel : kernels) {
    const PtxasFunction *assembled = report.find(kernel.name);
    const auto *facts = llvm::find_if(
        functions, [&](const auto &each) { return each.name == kernel.name; });
    if (!assembled || facts == functions.end())
      exitOnError(
          llvm::createStringError("ptxas says nothing of " + kernel.name));
    CTAResources cta = kernel.cta;
    cta.registersPerThread = assembled->registers;
    cta.sharedBytes += assembled->shared;
    Occupancy occupancy = getOccupancy(arch, cta);
    int spills = assembled->spillStores + assembled->spillLoads;
    std::string flight = "-", faults;
    auto fault = [&](bool is, const char *what) {
      if (is)
        faults += std::string(" ") + what;
    };
    if (kernel.tileBytes) {
      int64_t bytes = bytesInFlight(*facts, kernel.tileBytes, occupancy.ctas);
      flight = std::to_string(bytes / 1024) + "K";
      fault(bytes < neededBytesInFlight(arch), "few-bytes-in-flight");
      fault(occupancy.ctas < kernel.meantCTAs, "fewer-ctas-than-meant");
      fault(facts->wideAsyncCopies < facts->asyncCopies, "narrow-copies");
    }
    fault(spills, "spills");
    fault(assembled->stack, "stack");
    fault(facts->localAccesses || facts->localBytes, "local-memory");
    good &= faults.empty();
    llvm::outs() << llvm::formatv(
        "{0,-40} {1,-7} {2,4} {3,5} {4,5} {5,7} {6,4} {7,4} {8,4} {9,-13} "
        "{10,6}{11}\n",
        kernel.name, arch.name(), assembled->registers, spills,
        assembled->stack, cta.sharedBytes, cta.threads, occupancy.ctas,
        occupancy.warps, occupancyLimitName(occupancy.limit), flight, faults);
  }
  for (const std::string &message : report.performance)
    llvm::outs() << message << "\n";
  return good && report.performance.empty();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ResetCommandLineParser(); // what libLLVM registers collides with ours
  Options options;
  cl::ParseCommandLineOptions(
      argc, argv,
      "attn-ptx: decode kernels for NVIDIA GPUs, and what can be said of them "
      "without one.\n\nExit status 0 only if no kernel of the table has a "
      "fault.\n");
  exitOnError.setBanner("attn-ptx: error: ");
  PtxasOptions ptxas;
  ptxas.ptxas = options.ptxas;
  ptxas.useCache = !options.noCache;
  ptxas.allowSlow = true; // the table tells
  if (options.ptxasVersion) {
    llvm::outs() << exitOnError(getPtxasVersion(ptxas));
    return 0;
  }
  if (options.input.empty())
    exitOnError(
        llvm::createStringError("no FILE.mlir or config.json is given"));
  const llvm::StringRef forms[] = {"table", "nvvm", "ptx", "cubin"};
  if (!llvm::is_contained(forms, options.emit.getValue()))
    exitOnError(
        llvm::createStringError("--emit must be table, nvvm, ptx or cubin"));
  DecodeOptions decode;
  auto element = parseElement(options.dtype);
  if (!element || *element == DecodeOptions::Element::F32)
    exitOnError(llvm::createStringError("--dtype must be bf16 or f16"));
  decode.element = *element;
  decode.qLen = options.qLen;
  decode.page = KVCacheType::kDynamicPage;
  std::vector<std::string> targets(options.targets.begin(),
                                   options.targets.end());
  if (targets.empty())
    for (llvm::StringRef name : defaultNVVMArchs())
      targets.push_back(name.str());

  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);

  bool good = true;
  auto modules = exitOnError(loadModules(context, options.input, decode));
  if (options.emit == "cubin" && modules.size() * targets.size() != 1)
    exitOnError(llvm::createStringError(
        "--emit cubin takes one --target and one kind of layer"));
  for (const std::string &target : targets) {
    NVVMArch arch = exitOnError(parseNVVMArch(target));
    for (mlir::OwningOpRef<mlir::ModuleOp> &module : modules) {
      auto start = std::chrono::steady_clock::now();
      auto elapsed = [&] {
        return std::chrono::duration<double, std::milli>(
                   std::chrono::steady_clock::now() - start)
            .count();
      };
      auto lowered = exitOnError(lowerToNVVM(*module, target));
      if (options.emit == "nvvm") {
        lowered->print(llvm::outs());
        continue;
      }
      std::vector<KernelRow> kernels = readKernels(*lowered);
      double loweredAfter = elapsed();
      std::string ptx = exitOnError(compileToPTX(*lowered, arch));
      double ptxAfter = elapsed();
      if (options.emit == "ptx") {
        llvm::outs() << ptx;
        continue;
      }
      Cubin cubin = exitOnError(assemblePTX(ptx, arch, ptxas));
      if (options.emit == "cubin") {
        llvm::outs() << cubin.bytes;
        continue;
      }
      double done = elapsed();
      good &= printTable(arch, ptx, cubin.report, kernels);
      if (options.times) {
        const KernelRow &decodeRow = *llvm::find_if(
            kernels, [](const KernelRow &each) { return each.tileBytes > 0; });
        llvm::outs() << llvm::formatv(
            "{0} for {1}: {2:f0} ms (to NVVM {3:f0}, to PTX {4:f0}, ptxas "
            "{5:f0}{6})\n",
            decodeRow.name, arch.name(), done, loweredAfter,
            ptxAfter - loweredAfter, done - ptxAfter,
            cubin.cached ? ", cached" : "");
      }
    }
  }
  return good ? 0 : 1;
}
