//===- Ptxas.h - NVIDIA's assembler as a subprocess -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A subprocess and not a library: libnvptxcompiler is not part of every
// toolkit, and nvJitLink compiles relocatable code, which loses setmaxnreg and
// the pipelining of wgmma.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_PTXAS_H
#define ATTN_TARGET_PTXAS_H

#include "attn/Target/NVVMArch.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace attn {

/// What `ptxas -v` says of one function.
struct PtxasFunction {
  std::string name;
  int registers = 0;                   ///< per thread
  int spillStores = 0, spillLoads = 0; ///< bytes per thread
  int stack = 0;                       ///< bytes per thread
  int shared = 0;                      ///< bytes, static
  int barriers = 0;                    ///< of the CTA's sixteen
};

struct PtxasReport {
  llvm::SmallVector<PtxasFunction> functions; ///< entry functions
  /// Messages of the C75xx family: wgmma serialised, waits injected, setmaxnreg
  /// ignored. The code is right but slow.
  llvm::SmallVector<std::string> performance;
  std::string log; ///< everything that it printed

  const PtxasFunction *find(llvm::StringRef name) const;
};

/// Reads the log of `ptxas -v`.
PtxasReport parsePtxasLog(llvm::StringRef log);

struct PtxasOptions {
  /// The program; empty: searched for in PATH and in the bin folder of the
  /// toolkit at $CUDA_HOME, else $CUDA_PATH, else /usr/local/cuda.
  std::string ptxas;
  /// Folder of the cache; empty: `attn/ptxas` under $XDG_CACHE_HOME, else
  /// ~/.cache.
  std::string cacheDir;
  bool useCache = true;
  /// Take code that spills, or that has a C75xx message, to look at it.
  bool allowSlow = false;
};

struct Cubin {
  std::string bytes;
  PtxasReport report;
  bool cached = false; ///< read from the cache: ptxas did not run
};

/// The path of a program of the CUDA toolkit, searched for as
/// PtxasOptions::ptxas says; nothing where it is not installed. `sibling`, a
/// path to another of its programs, is where to look first.
std::optional<std::string> findCudaProgram(llvm::StringRef name,
                                           llvm::StringRef sibling = "");

/// What `ptxas --version` prints.
llvm::Expected<std::string> getPtxasVersion(const PtxasOptions &options = {});

/// Assembles with `-v -warn-spills -Werror`. Spills and C75xx messages are
/// errors unless `allowSlow`; an error carries ptxas' own words. The cache is
/// keyed by the content of the PTX, the architecture, the flags and ptxas'
/// version; a folder that cannot be written only means that nothing is kept.
llvm::Expected<Cubin> assemblePTX(llvm::StringRef ptx, const NVVMArch &arch,
                                  const PtxasOptions &options = {});

/// One member of a fat binary.
struct FatbinMember {
  NVVMArch arch;
  bool ptx; ///< PTX text, which a driver compiles for newer GPUs; else a cubin
  llvm::StringRef bytes;
};

/// Packs the members with `fatbinary`, found as ptxas is.
llvm::Expected<std::string> makeFatbin(llvm::ArrayRef<FatbinMember> members,
                                       const PtxasOptions &options = {});

} // namespace attn

#endif // ATTN_TARGET_PTXAS_H
