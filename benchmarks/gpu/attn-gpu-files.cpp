//===- attn-gpu-files.cpp - What benchmarks/gpu/run takes along -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   attn-gpu-files OUT ARCH,... CHECKS BENCHES STREAM.mlir
//
// CHECKS and BENCHES hold a case a line (test/Unit/Integration/Support.h).
// Writes into OUT
//   - for each line and architecture the kernels' code and its description,
//   - for each line and page size of CHECKS the tensors of a call, the oracle's
//     results and what a row may be off,
// and files.json, which lists them.
//
//===----------------------------------------------------------------------===//

#include "Module.h"

#include "attn/Harness/Check.h"
#include "attn/Harness/Problem.h"
#include "attn/Pipelines/GPUPipeline.h"
#include "attn/Target/GPUKernels.h"
#include "attn/Target/NVVMCompiler.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace attn;
using namespace attn::test;
using namespace attn::harness;
namespace json = llvm::json;

static llvm::ExitOnError exitOnError("attn-gpu-files: error: ");

namespace {

/// Appends tensors to a file and notes where they are.
class TensorFile {
public:
  explicit TensorFile(const std::string &path) : os(path, error) {
    exitOnError(llvm::errorCodeToError(error));
  }

  json::Object add(const void *data, size_t bytes) {
    os.write_zeros((64 - os.tell() % 64) % 64);
    json::Object place{{"offset", int64_t(os.tell())},
                       {"bytes", int64_t(bytes)}};
    os.write(static_cast<const char *>(data), bytes);
    return place;
  }

private:
  std::error_code error;
  llvm::raw_fd_ostream os;
};

std::string out;

std::vector<std::string> readLines(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    exitOnError(llvm::createFileError(path, buffer.getError()));
  std::vector<std::string> lines;
  for (llvm::StringRef line : llvm::split((*buffer)->getBuffer(), '\n'))
    if (!line.trim().empty() && !line.starts_with("#"))
      lines.push_back(line.trim().str());
  return lines;
}

void writeFile(const std::string &name, llvm::StringRef bytes) {
  std::error_code error;
  llvm::raw_fd_ostream os(out + "/" + name, error);
  exitOnError(llvm::errorCodeToError(error));
  os << bytes;
}

} // namespace

/// The image of one architecture: its code, and PTX for newer GPUs.
static std::string compileImage(mlir::ModuleOp module, const NVVMArch &arch) {
  NVVMCompileOptions options;
  options.archs = {arch};
  NVVMImage image = exitOnError(compileForNVVM(module, options));
  if (!image.note.empty())
    llvm::errs() << "attn-gpu-files: " << image.note << "\n";
  return image.bytes;
}

static json::Object describe(const attn_gpu_kernel_desc &desc) {
  return json::Object{{"flags", int64_t(desc.flags)},
                      {"arch", desc.arch},
                      {"dtype", desc.dtype},
                      {"layout", desc.layout},
                      {"q_heads", desc.q_heads},
                      {"kv_heads", desc.kv_heads},
                      {"k_dim", desc.k_dim},
                      {"v_dim", desc.v_dim},
                      {"q_len", desc.q_len},
                      {"kv_tile", desc.kv_tile},
                      {"window", desc.window},
                      {"scale", desc.scale},
                      {"softcap", desc.softcap},
                      {"threads", desc.threads},
                      {"shared_bytes", desc.shared_bytes},
                      {"row_blocks", desc.row_blocks},
                      {"ctas_per_sm", desc.ctas_per_sm},
                      {"plan_threads", desc.plan_threads},
                      {"combine_threads", desc.combine_threads},
                      {"combine_blocks", desc.combine_blocks},
                      {"plan", std::string(desc.plan)},
                      {"decode", std::string(desc.decode)},
                      {"combine", std::string(desc.combine)}};
}

/// Compiles a case's kernels for each architecture.
static json::Array writeKernels(mlir::ModuleOp module, const std::string &name,
                                llvm::ArrayRef<NVVMArch> archs) {
  json::Array kernels;
  for (const NVVMArch &arch : archs) {
    auto lowered = exitOnError(lowerToNVVM(module, arch.name()));
    GPUKernels facts(*lowered, arch.capability);
    json::Object kernel = describe(facts.descs.front());
    std::string file = name + "." + arch.name() + ".image";
    writeFile(file, compileImage(*lowered, arch));
    kernel["image"] = file;
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

/// The tensors of one call and what shall come out.
static json::Object writeCheck(mlir::ModuleOp module, const Case &c,
                               const std::string &name, int64_t page) {
  auto func = module.lookupSymbol<mlir::func::FuncOp>("main");
  ProblemOptions options;
  options.lens = c.lens.empty() ? defaultLengths(c, page) : c.lens;
  options.page = page;
  auto problem =
      exitOnError(Problem::create(*func.getOps<AttendOp>().begin(), options));
  Oracle oracle = exitOnError(Oracle::create(func, *problem));
  attn_decode_params p = problem->params();
  const interp::Tensor &exact = oracle.getOutput(), &lse = oracle.getLse();
  std::vector<double> limits;
  for (size_t row = 0; row < exact.data.size() / p.v_dim; ++row)
    limits.push_back(oracle.getLimit(row));

  TensorFile file(out + "/" + name + ".bin");
  int64_t element = problem->elementBytes();
  json::Object tensors;
  auto add = [&](const char *tensor, const void *data, int64_t bytes) {
    if (data)
      tensors[tensor] = file.add(data, bytes);
  };
  add("q", p.q, p.batch * p.q_stride_batch * element);
  add("k", p.k, p.num_blocks * p.k_stride_block * element);
  add("v", p.v, p.num_blocks * p.v_stride_block * element);
  add("sinks", p.sinks, p.q_heads * sizeof(float));
  add("seq_lens", p.seq_lens, p.batch * sizeof(int32_t));
  add("block_table", p.block_table,
      p.batch * p.block_table_stride * sizeof(int32_t));
  add("exact_out", exact.data.data(), exact.data.size() * sizeof(double));
  add("limits", limits.data(), limits.size() * sizeof(double));
  if (!lse.data.empty())
    add("exact_lse", lse.data.data(), lse.data.size() * sizeof(double));
  return json::Object{{"name", name + ", page " + std::to_string(page)},
                      {"file", name + ".bin"},
                      {"page_size", p.page_size},
                      {"num_blocks", p.num_blocks},
                      {"max_blocks", p.max_blocks},
                      {"max_seq_len", p.max_seq_len},
                      {"batch", p.batch},
                      {"tensors", std::move(tensors)}};
}

/// One line's kernels and, where it is a check, its calls.
static json::Object writeCase(const std::string &line,
                              llvm::ArrayRef<NVVMArch> archs, bool isCheck) {
  Case c(line);
  mlir::OwningOpRef<mlir::ModuleOp> module = buildModule(c);
  json::Array calls;
  if (isCheck)
    for (int64_t page : c.pages)
      calls.push_back(writeCheck(
          *module, c, c.name() + "_page" + std::to_string(page), page));
  return json::Object{{"line", line},
                      {"kernels", writeKernels(*module, c.name(), archs)},
                      {"calls", std::move(calls)}};
}

static json::Object writeStream(llvm::StringRef path,
                                llvm::ArrayRef<NVVMArch> archs) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::LLVM::LLVMDialect, mlir::NVVM::NVVMDialect,
                      mlir::arith::ArithDialect, mlir::scf::SCFDialect>();
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
  if (!module)
    exitOnError(llvm::createStringError(path + " does not parse"));
  json::Object images;
  for (const NVVMArch &arch : archs) {
    std::string file = "stream." + arch.name() + ".image";
    writeFile(file, compileImage(*module, arch));
    images[std::to_string(arch.capability)] = file;
  }
  return images;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::cl::ResetCommandLineParser(); // what libLLVM registers is not for us
  if (argc != 6)
    exitOnError(llvm::createStringError(
        "usage: attn-gpu-files OUT ARCH,... CHECKS BENCHES STREAM.mlir"));
  out = argv[1];
  exitOnError(llvm::errorCodeToError(llvm::sys::fs::create_directories(out)));
  llvm::SmallVector<NVVMArch> archs;
  for (llvm::StringRef name : llvm::split(argv[2], ','))
    archs.push_back(exitOnError(parseNVVMArch(name)));
  json::Array checks, benches;
  for (const std::string &line : readLines(argv[3]))
    checks.push_back(writeCase(line, archs, /*isCheck=*/true));
  for (const std::string &line : readLines(argv[4]))
    benches.push_back(writeCase(line, archs, /*isCheck=*/false));
  json::Object files{{"checks", std::move(checks)},
                     {"benches", std::move(benches)},
                     {"stream", writeStream(argv[5], archs)}};
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::formatv("{0:2}\n", json::Value(std::move(files)));
  writeFile("files.json", text);
  return 0;
}
