//===- ConfigFuzz.cpp - Any text into the config importer -----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A config is refused with a message that names it, or gives a spec that makes
// sense. The models of test/models are the corpus to start from.
//
//===----------------------------------------------------------------------===//

#include "attn/Model/Config.h"

#include <cmath>
#include <cstdlib>

using namespace attn::model;

static void require(bool holds) {
  if (!holds)
    abort();
}

static void check(const AttentionSpec &attention) {
  require(attention.qHeads > 0 && attention.kvHeads > 0);
  require(attention.qHeads % attention.kvHeads == 0);
  require(attention.kDim > 0 && attention.vDim > 0);
  require(!attention.vInK || attention.vDim <= attention.kDim);
  require(!attention.window || *attention.window > 0);
  require(!attention.chunk || *attention.chunk > 0);
  require(!attention.softcap || *attention.softcap > 0);
  require(std::isfinite(attention.scale));
  require(attention.cacheElements() > 0);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::Expected<ModelSpec> spec = parseConfig(text, "fuzzed");
  if (!spec) {
    std::string message = llvm::toString(spec.takeError());
    require(llvm::StringRef(message).starts_with("fuzzed"));
    return 0;
  }
  for (const LayerGroup &group : spec->groups) {
    require(group.count > 0);
    if (group.attention)
      check(*group.attention);
  }
  return 0;
}
