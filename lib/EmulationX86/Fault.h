//===-- Fault.h - Recorded faults of emulated instructions ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EMULATIONX86_FAULT_H
#define ATTN_LIB_EMULATIONX86_FAULT_H

#include <cstdint>

namespace attn::emulation {

/// Records a fault of the calling thread, unless one is pending already: the
/// first is the cause, what follows may be its consequence.
[[gnu::format(printf, 1, 2)]] void recordFault(const char *format, ...);

/// Whether a tile of `rows` x `colsb` bytes can be configured in palette 1
/// (SDM, "LDTILECFG": #GP). Records a fault if not.
bool checkShape(const char *instruction, int64_t rows, int64_t colsb);

/// Whether besides the rows are whole dwords, as all instructions but TILEZERO
/// want them (SDM, "Intel AMX Instruction Exception Classes": #UD).
bool checkDwordShape(const char *instruction, int64_t rows, int64_t colsb);

} // namespace attn::emulation

#endif // ATTN_LIB_EMULATIONX86_FAULT_H
