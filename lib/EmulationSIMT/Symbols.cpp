//===- Symbols.cpp - Names and addresses for JIT symbol maps --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/EmulationSIMT/Ops.h"

namespace {

template <typename Function>
attn_simt_symbol symbol(const char *name, Function *function) {
  return {name, reinterpret_cast<void *>(function)};
}

#define SYMBOL(name) symbol(#name, name)
const attn_simt_symbol symbols[] = {
    SYMBOL(attn_simt_sreg),
    SYMBOL(attn_simt_shared),
    SYMBOL(attn_simt_load),
    SYMBOL(attn_simt_store),
    SYMBOL(attn_simt_atomic),
    SYMBOL(attn_simt_fence),
    SYMBOL(attn_simt_shfl),
    SYMBOL(attn_simt_vote),
    SYMBOL(attn_simt_redux),
    SYMBOL(attn_simt_elect),
    SYMBOL(attn_simt_warp_sync),
    SYMBOL(attn_simt_ldmatrix),
    SYMBOL(attn_simt_stmatrix),
    SYMBOL(attn_simt_mma),
    SYMBOL(attn_simt_barrier),
    SYMBOL(attn_simt_barrier_arrive),
    SYMBOL(attn_simt_barrier_reduce),
    SYMBOL(attn_simt_cp_async),
    SYMBOL(attn_simt_cp_async_commit),
    SYMBOL(attn_simt_cp_async_wait),
    SYMBOL(attn_simt_ex2),
    SYMBOL(attn_simt_lg2),
    SYMBOL(attn_simt_rcp),
    SYMBOL(attn_simt_rsqrt),
    SYMBOL(attn_simt_sqrt),
    SYMBOL(attn_simt_tanh),
    SYMBOL(attn_simt_mbarrier_init),
    SYMBOL(attn_simt_mbarrier_inval),
    SYMBOL(attn_simt_mbarrier_arrive),
    SYMBOL(attn_simt_mbarrier_copies_arrive),
    SYMBOL(attn_simt_mbarrier_test),
    SYMBOL(attn_simt_bulk_load),
    // What LLVM calls where a host has no instruction for it.
    symbol("__truncsfbf2", attn_simt_bf16),
};
#undef SYMBOL

} // namespace

const attn_simt_symbol *attn_simt_symbols(size_t *count) {
  *count = sizeof(symbols) / sizeof(symbols[0]);
  return symbols;
}
