//===- Fiber.cpp - Stacks and switches between them -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fiber.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

using namespace attn::simt;

#ifndef __x86_64__
#error "the SIMT emulator switches fibers with code for x86-64"
#endif

// rdi: from, rsi: to. The six registers that the ABI has a callee keep, and the
// return address that the call pushed, are all that a function may rely on;
// MXCSR and the x87 control word are the same for all fibers.
asm(R"(
.text
.p2align 4
.type attn_simt_switch, @function
attn_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size attn_simt_switch, .-attn_simt_switch
)");
extern "C" void attn_simt_switch(Context *from, Context to);

void attn::simt::switchContext(Context *from, Context to) {
  attn_simt_switch(from, to);
}

static constexpr size_t kPage = 4096;
/// Enough for a kernel of some ten thousand values that is compiled without
/// optimisation; memory is taken only for what is touched.
static constexpr size_t kStackBytes = 512 * 1024;
/// Stacks that all start at the same offset in a page would all fall into the
/// same few sets of the caches.
static constexpr size_t kStagger = 320;

Stacks::~Stacks() {
  if (memory)
    munmap(memory, capacity * kStackBytes);
}

void Stacks::reserve(size_t count) {
  if (count <= capacity)
    return;
  if (memory)
    munmap(memory, capacity * kStackBytes);
  void *mapped = mmap(nullptr, count * kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    std::fprintf(stderr, "attn-simt: no memory for %zu stacks\n", count);
    std::abort();
  }
  memory = static_cast<char *>(mapped);
  capacity = count;
  for (size_t i = 0; i < count; ++i)
    mprotect(memory + i * kStackBytes, kPage, PROT_NONE);
}

Context Stacks::start(size_t index, void (*main)()) const {
  // A multiple of 64, as pages and kStagger are.
  char *top = memory + (index + 1) * kStackBytes - kStagger * (index % 64);
  auto *words = reinterpret_cast<void **>(top);
  // As after a call: rsp is 8 more than a multiple of 16 when `main` begins.
  *--words = nullptr;
  *--words = reinterpret_cast<void *>(main);
  for (int i = 0; i < 6; ++i)
    *--words = nullptr;
  return static_cast<Context>(words);
}

bool Stacks::contains(size_t index, const void *address, size_t bytes) const {
  auto *begin = static_cast<const char *>(address);
  const char *bottom = memory + index * kStackBytes + kPage;
  return begin >= bottom && begin + bytes <= memory + (index + 1) * kStackBytes;
}
