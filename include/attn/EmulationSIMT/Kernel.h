/*===-- Kernel.h - What a kernel for the SIMT emulator exports ---*- C -*-===*\
|*
|* Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*
|*
|* The pass `convert-nvvm-to-simt` adds one constant of this type for each
|* kernel `k`, exported as `k_simt`. It is all that a launch needs
|* (attn/EmulationSIMT/Launch.h).
|*
\*===----------------------------------------------------------------------===*/

#ifndef ATTN_EMULATIONSIMT_KERNEL_H
#define ATTN_EMULATIONSIMT_KERNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What follows the kernel's name in the symbol of its descriptor. */
#define ATTN_SIMT_KERNEL_SUFFIX "_simt"

typedef struct attn_simt_kernel {
  const char *name;
  /** Runs one thread. `params[i]` points to the value of parameter i, as in
      cuLaunchKernel. */
  void (*entry)(void *const *params);
  /** `site_count` strings, each ended by a zero byte: where an operation stands
      and what it is, "file:line:column: name". Operations are numbered by their
      place in this list. */
  const char *sites;
  const int64_t *param_bytes; /**< sizes of the parameters */
  int64_t site_count;
  int64_t param_count;
  int64_t static_shared_bytes; /**< before the dynamic shared memory */
  /** nvvm.reqntid; zero where the kernel asks for nothing. */
  int64_t required_block[3];
} attn_simt_kernel;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ATTN_EMULATIONSIMT_KERNEL_H */
