//===- CheckPack.cpp - A pack's files against its manifest ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Manifest.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using namespace attn;
using namespace attn::pack;

std::string attn::pack::sha256(llvm::StringRef bytes) {
  llvm::SHA256 hash;
  hash.update(bytes);
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
read(llvm::StringRef folder, llvm::StringRef name) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(path + ": " + buffer.getError().message());
  return std::move(*buffer);
}

llvm::Expected<Manifest> attn::pack::checkPack(llvm::StringRef folder) {
  auto text = read(folder, "manifest.json");
  if (!text)
    return text.takeError();
  auto manifest = parseManifest((*text)->getBuffer());
  if (!manifest)
    return llvm::createStringError(folder + ": " +
                                   llvm::toString(manifest.takeError()));
  // parseManifest has seen to it that the names have no folders in them.
  for (const Manifest::File &file : manifest->files) {
    auto made = read(folder, file.name);
    if (!made)
      return made.takeError();
    llvm::StringRef bytes = (*made)->getBuffer();
    if (int64_t(bytes.size()) != file.bytes)
      return llvm::createStringError(
          llvm::formatv("{0}: {1} has {2} bytes, not the {3} of the manifest",
                        folder, file.name, bytes.size(), file.bytes));
    if (std::string digest = sha256(bytes); digest != file.sha256)
      return llvm::createStringError(
          llvm::formatv("{0}: {1} has the SHA-256 {2}, not the {3} of the "
                        "manifest",
                        folder, file.name, digest, file.sha256));
  }
  return manifest;
}

/// The facts of a kernel that tell it from others, in a few words.
static std::string describe(const Manifest::Kernel &kernel) {
  const Manifest::Facts &f = kernel.facts;
  std::string text =
      llvm::formatv("{0} {1}, {2} query heads on {3} of {4}", f.dtype, f.layout,
                    f.qHeads, f.kvHeads, f.kDim);
  if (f.vInK)
    text += llvm::formatv(", V its first {0}", f.vDim);
  else if (f.vDim != f.kDim)
    text += llvm::formatv(", V of {0}", f.vDim);
  text += llvm::formatv(", q_len {0}, scale {1:f6}", f.qLen, f.scale);
  if (f.window)
    text += llvm::formatv(", window {0}", f.window);
  if (f.softcap != 0)
    text += llvm::formatv(", softcap {0:f2}", f.softcap);
  const std::pair<bool, const char *> words[] = {
      {!f.causal && f.qLen > 1, "full"}, {f.sinks, "sinks"},
      {f.scoreMod, "score region"},      {f.outF32, "out in f32"},
      {!kernel.decodes, "merges only"},  {!kernel.merges, "does not merge"}};
  for (auto [holds, word] : words)
    if (holds)
      text += std::string(", ") + word;
  return text;
}

void attn::pack::printManifest(const Manifest &m, llvm::raw_ostream &os) {
  os << llvm::formatv("{0}: made by attnc {1}, LLVM {2}, kernel ABI {3}, GPU "
                      "kernel ABI {4}\n",
                      m.name, m.toolVersion, m.llvmVersion, m.kernelABI,
                      m.gpuKernelABI);
  os << "targets: " << llvm::join(m.targets, " ") << "\n";
  os << llvm::formatv("capacities: batch {0}, q_len {1}, page {2}, tp {3}\n",
                      m.maxBatch, m.maxQ, m.page, m.tp);
  for (const Input &input : m.inputs)
    os << llvm::formatv("input {0}: {1}\n", input.name, input.sha256);
  for (const Manifest::Model &model : m.models) {
    os << llvm::formatv("model {0} ({1}), {2} tokens\n", model.name, model.type,
                        model.maxContext);
    for (const Manifest::Kind &kind : model.kinds) {
      os << llvm::formatv("  {0}: {1} layers by {2}", kind.kind, kind.layers,
                          kind.kernel);
      if (!kind.chain.empty())
        os << " and " << kind.chain;
      if (kind.latent)
        os << llvm::formatv(", latent rank {0}, rope {1}, nope {2}, v {3}",
                            kind.latent->rank, kind.latent->rope,
                            kind.latent->nope, kind.latent->v);
      os << "\n";
    }
  }
  llvm::StringSet<> seen; // the same facts on every target
  for (const Manifest::Kernel &kernel : m.kernels)
    if (seen.insert(kernel.name).second)
      os << "kernel " << kernel.name << ": " << describe(kernel) << "\n";
  for (const Manifest::Projection &p : m.projections)
    if (seen.insert(p.name).second)
      os << llvm::formatv("projection {0}: {1}, {2} heads from {3} of {4} to "
                          "{5}\n",
                          p.name, p.dtype, p.heads, p.kDim, p.inDtype, p.nDim);
  for (const Manifest::File &file : m.files)
    os << llvm::formatv("file {0}: {1} bytes, {2}\n", file.name, file.bytes,
                        file.sha256);
}
