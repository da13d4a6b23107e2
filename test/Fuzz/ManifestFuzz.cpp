//===- ManifestFuzz.cpp - Any text into the manifest reader ---------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A manifest is refused with a message that names it, or what is read of it
// holds together: whoever uses it asks no more questions.
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Manifest.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

using namespace attn::pack;

static void require(bool holds) {
  if (!holds)
    abort();
}

static void check(const Manifest &m) {
  require(m.maxQ >= 1 && m.page >= 0 && !m.targets.empty());
  for (const Manifest::Kernel &kernel : m.kernels) {
    const Manifest::Facts &f = kernel.facts;
    require(llvm::is_contained(m.targets, kernel.target));
    require(f.kvHeads > 0 && f.qHeads % f.kvHeads == 0);
    require(f.kDim > 0 && f.vDim > 0 && f.qLen > 0);
    require(!f.vInK || f.vDim <= f.kDim);
  }
  for (const Manifest::Model &model : m.models) {
    for (int64_t kind : model.layers)
      require(kind >= 0 && kind < int64_t(model.kinds.size()));
    for (const Manifest::Kind &kind : model.kinds)
      for (int64_t q = 1; q <= m.maxQ; ++q)
        require(llvm::any_of(m.kernels, [&](const Manifest::Kernel &kernel) {
          return kernel.name == kind.kernel + "_q" + std::to_string(q) &&
                 kernel.facts.qLen == q;
        }));
  }
  for (const Manifest::File &file : m.files)
    require(file.name.find('/') == file.name.npos);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::Expected<Manifest> manifest = parseManifest(text);
  if (!manifest) {
    std::string message = llvm::toString(manifest.takeError());
    require(llvm::StringRef(message).starts_with("manifest.json: "));
    return 0;
  }
  check(*manifest);
  printManifest(*manifest, llvm::nulls());
  return 0;
}
