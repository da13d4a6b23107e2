//===- Ptxas.cpp - NVIDIA's assembler as a subprocess -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Ptxas.h"
#include "CudaProgram.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

using namespace attn;

/// The folder of the cache, made if need be; empty where there is none.
static std::string openCache(const PtxasOptions &options) {
  if (!options.useCache)
    return "";
  llvm::SmallString<128> dir(options.cacheDir);
  if (dir.empty()) {
    if (!llvm::sys::path::cache_directory(dir))
      return "";
    llvm::sys::path::append(dir, "attn", "ptxas");
  }
  if (llvm::sys::fs::create_directories(dir))
    return "";
  return dir.str().str();
}

static std::string makeKey(llvm::ArrayRef<llvm::StringRef> parts) {
  llvm::SHA256 hash;
  for (llvm::StringRef part : parts) {
    // With its length, so that no two lists run together alike.
    hash.update(std::to_string(part.size()) + ":");
    hash.update(part);
  }
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

static std::optional<std::string> readCached(const llvm::Twine &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return std::nullopt;
  return (*buffer)->getBuffer().str();
}

/// Atomic: a reader sees the whole file or none. Losing it costs time alone.
static void writeCached(llvm::StringRef path, llvm::StringRef bytes) {
  llvm::consumeError(llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << bytes;
    return llvm::Error::success();
  }));
}

static llvm::Error findSlowness(const PtxasReport &report) {
  if (!report.performance.empty())
    return llvm::createStringError("ptxas: " +
                                   llvm::join(report.performance, "\n"));
  for (const PtxasFunction &each : report.functions)
    if (each.spillStores || each.spillLoads)
      return llvm::createStringError(
          "ptxas: '" + each.name + "' spills " + llvm::Twine(each.spillStores) +
          " bytes of its " + llvm::Twine(each.registers) + " registers");
  return llvm::Error::success();
}

static llvm::Expected<Cubin> runPtxas(llvm::StringRef ptx,
                                      llvm::ArrayRef<llvm::StringRef> command,
                                      bool allowSlow) {
  auto source = TemporaryFile::create("ptx", ptx);
  if (!source)
    return source.takeError();
  auto object = TemporaryFile::create("cubin", "");
  if (!object)
    return object.takeError();
  llvm::SmallVector<llvm::StringRef> arguments(command);
  arguments.append({source->path(), "-o", object->path()});
  ProgramResult result = runProgram(arguments);
  Cubin cubin;
  cubin.report = parsePtxasLog(result.output);
  if (!allowSlow)
    if (llvm::Error error = findSlowness(cubin.report))
      return std::move(error);
  if (result.status != 0)
    return llvm::createStringError("ptxas failed: " + result.output);
  auto bytes = object->read();
  if (!bytes)
    return bytes.takeError();
  cubin.bytes = std::move(*bytes);
  return cubin;
}

static llvm::Expected<std::string> findPtxas(const PtxasOptions &options) {
  if (!options.ptxas.empty())
    return options.ptxas;
  if (std::optional<std::string> program = findCudaProgram("ptxas"))
    return *program;
  return llvm::createStringError(cudaProgramMissing("ptxas"));
}

llvm::Expected<std::string> attn::getPtxasVersion(const PtxasOptions &options) {
  auto program = findPtxas(options);
  if (!program)
    return program.takeError();
  return programVersion(*program);
}

llvm::Expected<Cubin> attn::assemblePTX(llvm::StringRef ptx,
                                        const NVVMArch &arch,
                                        const PtxasOptions &options) {
  auto program = findPtxas(options);
  if (!program)
    return program.takeError();
  std::string target = "-arch=" + arch.name();
  llvm::SmallVector<llvm::StringRef> command = {*program, "-v", "-O3", target};
  if (!options.allowSlow)
    command.append({"-warn-spills", "-Werror"});

  std::string cache = openCache(options), entry;
  if (!cache.empty()) {
    std::string version = programVersion(*program);
    llvm::SmallVector<llvm::StringRef> parts = {ptx, version};
    parts.append(command.begin() + 1, command.end());
    entry = cache + "/" + makeKey(parts);
    auto log = readCached(entry + ".log");
    auto bytes = readCached(entry + ".cubin");
    if (log && bytes)
      return Cubin{std::move(*bytes), parsePtxasLog(*log), true};
  }
  auto cubin = runPtxas(ptx, command, options.allowSlow);
  if (cubin && !entry.empty()) {
    writeCached(entry + ".log", cubin->report.log);
    writeCached(entry + ".cubin", cubin->bytes);
  }
  return cubin;
}
