//===-- Symbols.cpp - Names and addresses for JIT symbol maps -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/EmulationX86/EmulationX86.h"

namespace {

template <typename Function>
attn_emu_symbol symbol(const char *name, Function *function) {
  return {name, reinterpret_cast<void *>(function)};
}

const attn_emu_symbol symbols[] = {
    symbol("attn_emu_tilezero", attn_emu_tilezero),
    symbol("attn_emu_tileloadd", attn_emu_tileloadd),
    symbol("attn_emu_tilestored", attn_emu_tilestored),
    symbol("attn_emu_tdpbf16ps", attn_emu_tdpbf16ps),
};

} // namespace

const attn_emu_symbol *attn_emu_symbols(size_t *count) {
  *count = sizeof(symbols) / sizeof(symbols[0]);
  return symbols;
}
