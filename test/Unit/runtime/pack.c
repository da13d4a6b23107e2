/*===-- pack.c - Small kernel packs for attn_library_open -----------------===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "attn_kernel_abi.h"

#if !defined(PACK_NO_SYMBOL)
const attn_kernel_table *attn_pack_table(void);

#if defined(PACK_NULL_TABLE)
const attn_kernel_table *attn_pack_table(void) { return 0; }
#else
static void kernel(const attn_kernel_args *args, const attn_work_item *item,
                   void *scratch) {
  (void)args, (void)item, (void)scratch;
}

static void combine(const attn_kernel_args *args, const attn_combine_item *item,
                    void *scratch) {
  (void)args, (void)item, (void)scratch;
}

static const attn_kernel_desc kernels[] = {{.struct_size = sizeof *kernels,
                                            .name = "packed",
                                            .q_heads = 2,
                                            .kv_heads = 1,
                                            .k_dim = 4,
                                            .v_dim = 4,
                                            .q_len = 1,
                                            .kv_tile = 8,
                                            .page_multiple = 1,
                                            .kernel = kernel,
                                            .combine = combine}};

#if defined(PACK_WRONG_ABI)
static const attn_kernel_table table = {
    ATTN_KERNEL_ABI_VERSION + 1, 1, kernels, 0, 0, 0};
#else
static const attn_kernel_table table = {
    ATTN_KERNEL_ABI_VERSION, 1, kernels, 0, 0, 0};
#endif

const attn_kernel_table *attn_pack_table(void) { return &table; }
#endif
#endif
