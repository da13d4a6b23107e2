//===-- ProjectAvx2.cpp - attn_project on AVX2 + FMA + F16C ---------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled with that level's flags: nothing here may run on a lesser CPU.
//
//===----------------------------------------------------------------------===//

#include "ProjectTile.h"

void attn::runtime::projectShareAvx2(const ProjectShare &share) {
  runShare<Avx2>(share);
}
