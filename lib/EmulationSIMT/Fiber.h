//===- Fiber.h - Stacks and switches between them ------------- -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_EMULATIONSIMT_FIBER_H
#define ATTN_LIB_EMULATIONSIMT_FIBER_H

#include <cstddef>

namespace attn::simt {

/// What a stack that does not run has to remember: where it stopped. Every
/// other register that a function may not clobber (System V ABI, x86-64) is on
/// the stack itself.
using Context = void *;

/// Goes on in `to`; comes back when something switches to `*from`.
void switchContext(Context *from, Context to);

/// The stacks of a CTA's threads, each with an unmapped page below it.
class Stacks {
public:
  ~Stacks();
  /// Has at least `count` stacks; the contents of all become undefined.
  void reserve(size_t count);
  /// A context that calls `main`, which may never return, on stack `index`.
  Context start(size_t index, void (*main)()) const;
  /// Whether [address, address + bytes) is in stack `index`.
  bool contains(size_t index, const void *address, size_t bytes) const;

private:
  char *memory = nullptr;
  size_t capacity = 0;
};

} // namespace attn::simt

#endif // ATTN_LIB_EMULATIONSIMT_FIBER_H
