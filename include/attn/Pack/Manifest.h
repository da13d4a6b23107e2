//===- Manifest.h - What a pack says of itself ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// manifest.json, read and checked. Needs neither MLIR nor the kernels' code.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PACK_MANIFEST_H
#define ATTN_PACK_MANIFEST_H

#include "attn/Pack/Target.h"

#include <string>

namespace attn::pack {

/// Of the manifest's form. A reader refuses others, and fields it does not
/// know: whoever adds one raises this.
constexpr int64_t kManifestSchema = 1;

/// A file that was read.
struct Input {
  std::string name; ///< without its folder, which says nothing about the pack
  std::string sha256;
};

/// The contents of manifest.json.
struct Manifest {
  /// Widths of a model's latent attention.
  struct Latent {
    int64_t rank, rope, nope, v;
  };
  struct Kind {
    std::string kind;
    int64_t layers;
    std::string kernel; ///< the kernels are `<kernel>_q<query tokens>`
    std::string chain;  ///< likewise those with up-projections; empty: none
    std::optional<Latent> latent;
  };
  struct Model {
    std::string name, type;
    int64_t maxContext; ///< 0: not known
    std::vector<Kind> kinds;
    std::vector<int64_t> layers; ///< for each attention layer its kind
  };
  /// What the kernels of one name have in common on every target.
  struct Facts {
    std::string dtype, layout;
    int64_t qHeads, kvHeads, kDim, vDim, qLen, window;
    double scale, softcap;
    bool causal, sinks, vInK, scoreMod, outF32;
  };
  struct Image {
    std::string form; ///< "ptx" or "fatbin"
    int64_t bytes;
    std::string sha256;
  };
  struct Kernel {
    std::string name, target;
    bool decodes, merges;
    Facts facts;
    int64_t kvTile, pageMultiple;
    std::optional<Image> image; ///< of a GPU's
  };
  /// A product of attn_mla_decode.
  struct Projection {
    std::string name, target, dtype, inDtype;
    int64_t heads, kDim, nDim;
  };
  struct File {
    std::string name;
    int64_t bytes;
    std::string sha256;
  };

  std::string name;
  std::string toolVersion, llvmVersion;
  int64_t kernelABI, gpuKernelABI;
  int64_t maxBatch, maxQ, page, tp;
  std::vector<std::string> targets;
  std::vector<Input> inputs;
  std::vector<Model> models;
  std::vector<Kernel> kernels;
  std::vector<Projection> projections;
  std::vector<File> files;
};

/// Reads the text of a manifest. Refused, with the name of the field: text that
/// is no JSON, another schema, a field that is missing, unknown, of another
/// type or out of range, and entries that contradict each other.
llvm::Expected<Manifest> parseManifest(llvm::StringRef text);

/// Reads the manifest of the pack in `folder` and compares the files there with
/// it: each must be there, with the size and the digest that it says.
llvm::Expected<Manifest> checkPack(llvm::StringRef folder);

/// Prints what a pack holds, for people.
void printManifest(const Manifest &manifest, llvm::raw_ostream &os);

/// The names of a pack's files but the manifest, ascending.
std::vector<std::string> packFiles(llvm::StringRef name);

/// `text` as an identifier of C, in lower case.
std::string identifier(llvm::StringRef text);

/// SHA-256 in hexadecimal digits.
std::string sha256(llvm::StringRef bytes);

} // namespace attn::pack

#endif // ATTN_PACK_MANIFEST_H
