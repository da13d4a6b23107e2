//===-- Fault.cpp - Recorded faults of emulated instructions --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fault.h"
#include "attn/EmulationX86/EmulationX86.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>

namespace {
thread_local char message[160];
} // namespace

void attn::emulation::recordFault(const char *format, ...) {
  if (message[0])
    return;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof(message), format, arguments);
  va_end(arguments);
}

bool attn::emulation::checkShape(const char *instruction, int64_t rows,
                                 int64_t colsb) {
  if (rows >= 1 && rows <= ATTN_EMU_TILE_ROWS && colsb >= 1 &&
      colsb <= ATTN_EMU_TILE_COLSB)
    return true;
  recordFault("%s: a tile of %" PRId64 " rows of %" PRId64
              " bytes; palette 1 has 1 to 16 rows of 1 to 64 bytes",
              instruction, rows, colsb);
  return false;
}

bool attn::emulation::checkDwordShape(const char *instruction, int64_t rows,
                                      int64_t colsb) {
  if (!checkShape(instruction, rows, colsb))
    return false;
  if (colsb % 4 == 0)
    return true;
  recordFault("%s: rows of %" PRId64 " bytes, no multiple of 4", instruction,
              colsb);
  return false;
}

const char *attn_emu_fault(void) { return message[0] ? message : nullptr; }

void attn_emu_clear_fault(void) { message[0] = '\0'; }
