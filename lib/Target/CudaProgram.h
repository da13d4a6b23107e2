//===- CudaProgram.h - Programs of the CUDA toolkit -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_CUDAPROGRAM_H
#define ATTN_LIB_TARGET_CUDAPROGRAM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileUtilities.h"

#include <memory>
#include <string>

namespace attn {

/// A file that goes with the object.
class TemporaryFile {
public:
  static llvm::Expected<TemporaryFile> create(llvm::StringRef extension,
                                              llvm::StringRef contents);
  llvm::StringRef path() const { return name; }
  llvm::Expected<std::string> read() const;

private:
  explicit TemporaryFile(std::string name)
      : name(std::move(name)),
        remover(std::make_unique<llvm::FileRemover>(this->name)) {}
  std::string name;
  std::unique_ptr<llvm::FileRemover> remover;
};

struct ProgramResult {
  int status;
  std::string output; ///< of stdout and stderr
};

/// Runs `command[0]`, a path, and waits for it.
ProgramResult runProgram(llvm::ArrayRef<llvm::StringRef> command);

/// What `path --version` prints; asked once a process and path.
std::string programVersion(llvm::StringRef path);

/// The sentence that says where a program was searched for in vain.
std::string cudaProgramMissing(llvm::StringRef name);

} // namespace attn

#endif // ATTN_LIB_TARGET_CUDAPROGRAM_H
