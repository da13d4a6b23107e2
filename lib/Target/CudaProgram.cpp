//===- CudaProgram.cpp - Programs of the CUDA toolkit -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaProgram.h"
#include "attn/Target/Ptxas.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

#include <mutex>

using namespace attn;

llvm::Expected<TemporaryFile> TemporaryFile::create(llvm::StringRef extension,
                                                    llvm::StringRef contents) {
  int descriptor;
  llvm::SmallString<128> path;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile(
          "attn", extension, descriptor, path))
    return llvm::createFileError(path, error);
  TemporaryFile file(path.str().str());
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  stream << contents;
  stream.close();
  if (stream.has_error()) {
    std::error_code error = stream.error();
    stream.clear_error();
    return llvm::createFileError(path, error);
  }
  return std::move(file);
}

llvm::Expected<std::string> TemporaryFile::read() const {
  auto buffer = llvm::MemoryBuffer::getFile(name, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createFileError(name, buffer.getError());
  return (*buffer)->getBuffer().str();
}

ProgramResult attn::runProgram(llvm::ArrayRef<llvm::StringRef> command) {
  auto log = TemporaryFile::create("log", "");
  if (!log)
    return {-1, llvm::toString(log.takeError())};
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), log->path(),
                                                log->path()};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(command[0], command, std::nullopt,
                                         redirects, /*SecondsToWait=*/0,
                                         /*MemoryLimit=*/0, &message);
  auto output = log->read();
  if (!output)
    return {-1, llvm::toString(output.takeError())};
  if (!message.empty())
    message = (command[0] + ": " + message).str();
  return {status, *output + message};
}

std::string attn::programVersion(llvm::StringRef path) {
  static std::mutex mutex;
  static llvm::StringMap<std::string> versions;
  std::lock_guard<std::mutex> lock(mutex);
  auto [entry, isNew] = versions.try_emplace(path);
  if (isNew)
    entry->second = runProgram({path, "--version"}).output;
  return entry->second;
}

std::optional<std::string> attn::findCudaProgram(llvm::StringRef name,
                                                 llvm::StringRef sibling) {
  auto within = [&](llvm::StringRef folder) -> std::optional<std::string> {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    if (llvm::sys::fs::can_execute(path))
      return path.str().str();
    return std::nullopt;
  };
  if (!sibling.empty())
    if (auto path = within(llvm::sys::path::parent_path(sibling)))
      return path;
  if (auto path = llvm::sys::findProgramByName(name))
    return *path;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (auto home = llvm::sys::Process::GetEnv(variable))
      return within(*home + "/bin");
  return within("/usr/local/cuda/bin");
}

std::string attn::cudaProgramMissing(llvm::StringRef name) {
  return (name +
          " was not found in PATH or in the bin folder of the toolkit at "
          "$CUDA_HOME, else $CUDA_PATH, else /usr/local/cuda")
      .str();
}
