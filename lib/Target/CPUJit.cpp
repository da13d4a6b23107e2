//===- CPUJit.cpp - Kernels linked into this process ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LLVMSupport.h"
#include "attn/EmulationX86/EmulationX86.h"
#include "attn/Target/CPUCompiler.h"

using namespace attn;

CPUJit::CPUJit(std::unique_ptr<llvm::orc::LLJIT> jit) : jit(std::move(jit)) {}
CPUJit::~CPUJit() = default;

llvm::Expected<std::unique_ptr<CPUJit>>
CPUJit::create(std::unique_ptr<llvm::MemoryBuffer> object) {
  auto created = llvm::orc::LLJITBuilder().create();
  if (!created)
    return created.takeError();
  std::unique_ptr<CPUJit> result(new CPUJit(std::move(*created)));
  llvm::orc::LLJIT &jit = *result->jit;
  llvm::SmallVector<std::pair<const char *, void *>> symbols;
  size_t count = 0;
  const attn_emu_symbol *list = attn_emu_symbols(&count);
  for (const attn_emu_symbol &symbol : llvm::ArrayRef(list, count))
    symbols.push_back({symbol.name, symbol.address});
  if (llvm::Error error = defineSymbols(jit, symbols))
    return std::move(error);
  if (llvm::Error error = jit.addObjectFile(std::move(object)))
    return std::move(error);
  auto getter = jit.lookup(ATTN_PACK_TABLE_SYMBOL);
  if (!getter)
    return getter.takeError();
  result->table = getter->toPtr<attn_pack_table_fn>()();
  return result;
}
