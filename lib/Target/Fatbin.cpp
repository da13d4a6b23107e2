//===- Fatbin.cpp - Code for several GPUs in one image ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaProgram.h"
#include "attn/Target/Ptxas.h"

using namespace attn;

llvm::Expected<std::string>
attn::makeFatbin(llvm::ArrayRef<FatbinMember> members,
                 const PtxasOptions &options) {
  auto program = findCudaProgram("fatbinary", options.ptxas);
  if (!program)
    return llvm::createStringError(cudaProgramMissing("fatbinary"));
  auto result = TemporaryFile::create("fatbin", "");
  if (!result)
    return result.takeError();
  std::vector<TemporaryFile> files;
  std::vector<std::string> images;
  for (const FatbinMember &member : members) {
    auto file =
        TemporaryFile::create(member.ptx ? "ptx" : "cubin", member.bytes);
    if (!file)
      return file.takeError();
    std::string sm = llvm::StringRef(member.arch.name()).drop_front(3).str();
    images.push_back(
        ("--image3=kind=" + llvm::Twine(member.ptx ? "ptx" : "elf") +
         ",sm=" + sm + ",file=" + file->path())
            .str());
    files.push_back(std::move(*file));
  }
  std::string create = ("--create=" + result->path()).str();
  llvm::SmallVector<llvm::StringRef> command = {*program, "-64", create};
  command.append(images.begin(), images.end());
  ProgramResult run = runProgram(command);
  if (run.status != 0)
    return llvm::createStringError("fatbinary failed: " + run.output);
  return result->read();
}
