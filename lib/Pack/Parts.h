//===- Parts.h - The files of a pack ----------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_PACK_PARTS_H
#define ATTN_LIB_PACK_PARTS_H

#include "attn/Pack/Pack.h"

namespace attn::pack {

/// A file made in memory.
struct File {
  std::string name;
  std::string bytes;
};

llvm::Error writeFile(llvm::StringRef folder, const File &file);

/// A file that is part of this program (cmake/EmbedFiles.cmake).
struct EmbeddedFile {
  const char *name;
  llvm::StringRef bytes;
};

/// The runtime's public headers, the runtime and what joins it in a pack as
/// static libraries.
llvm::ArrayRef<EmbeddedFile> embeddedFiles();

/// The static library and what a shared library made of it exports.
struct Archive {
  File file;
  /// Names that a loader looks up as they are, although the symbols have the
  /// prefix: the tables' getters and the functions of TVM-FFI.
  std::vector<std::string> plainExports;
};

/// lib<name>_attn.a: runtime and kernels in one archive, every symbol that it
/// defines with the prefix `<name>_`, so that packs can be linked together.
llvm::Expected<Archive> makeArchive(const Plan &plan,
                                    llvm::ArrayRef<Compiled> compiled);

/// Links `archive`, which lies in `folder`, into lib<name>_attn.so beside it.
/// Visible are the ABI's functions, with the prefix, and the plain exports.
llvm::Error linkShared(const Plan &plan, const Archive &archive,
                       llvm::StringRef linker, llvm::StringRef folder);

/// <name>_attn.h: the ABI, and the facts of each model's kernels.
File makeHeader(const Plan &plan, const Options &options);

/// Functions of the ABI, as the header declares them.
std::vector<std::string> abiFunctions();

/// <name>_attnConfig.cmake, for find_package(<name>_attn).
File makeCMakePackage(const Plan &plan);

/// manifest.json; `files` are all others.
File makeManifest(const Plan &plan, const Options &options,
                  llvm::ArrayRef<Compiled> compiled,
                  llvm::ArrayRef<File> files);

/// The kernels and projections of all units, in the order of the tables.
std::vector<CPUKernel> tableOrder(llvm::ArrayRef<Compiled> compiled);
std::vector<CPUProjection> projectionOrder(llvm::ArrayRef<Compiled> compiled);
std::vector<attn_gpu_kernel_desc>
gpuTableOrder(llvm::ArrayRef<Compiled> compiled);
std::vector<attn_gpu_project_desc>
gpuProjectionOrder(llvm::ArrayRef<Compiled> compiled);

} // namespace attn::pack

#endif // ATTN_LIB_PACK_PARTS_H
