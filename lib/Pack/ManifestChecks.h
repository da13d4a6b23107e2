//===- ManifestChecks.h - What may be wrong with a manifest -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_PACK_MANIFESTCHECKS_H
#define ATTN_LIB_PACK_MANIFESTCHECKS_H

#include "attn/Pack/Manifest.h"

namespace attn::pack {

/// The first thing that is wrong with a manifest.
struct Problem {
  std::string text;

  /// Keeps `what` of the field at `path` (`kernels[3].q_len`), unless something
  /// was wrong before.
  void report(const llvm::Twine &path, const llvm::Twine &what) {
    if (!text.empty())
      return;
    std::string field = path.str(); // empty: the whole
    text = (field + (field.empty() ? "" : ": ") + what).str();
  }
};

/// Reports entries that contradict each other. Each field is right by itself.
void checkConsistency(const Manifest &manifest, Problem &problem);

} // namespace attn::pack

#endif // ATTN_LIB_PACK_MANIFESTCHECKS_H
