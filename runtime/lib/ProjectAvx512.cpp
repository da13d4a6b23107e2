//===-- ProjectAvx512.cpp - attn_project on AVX-512 F ---------------------===//
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

void attn::runtime::projectShareAvx512(const ProjectShare &share) {
  runShare<Avx512>(share);
}
