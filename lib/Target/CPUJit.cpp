//===- CPUJit.cpp - Kernels linked into this process ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/EmulationX86/EmulationX86.h"
#include "attn/Target/CPUCompiler.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

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
  // memcpy and memset from this process; the emulation library by address, so
  // that the executable need not export it.
  auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      jit.getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  jit.getMainJITDylib().addGenerator(std::move(*process));
  llvm::orc::SymbolMap symbols;
  size_t count = 0;
  const attn_emu_symbol *list = attn_emu_symbols(&count);
  for (size_t i = 0; i < count; ++i)
    symbols[jit.mangleAndIntern(list[i].name)] = {
        llvm::orc::ExecutorAddr::fromPtr(list[i].address),
        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  if (llvm::Error error = jit.getMainJITDylib().define(
          llvm::orc::absoluteSymbols(std::move(symbols))))
    return std::move(error);
  if (llvm::Error error = jit.addObjectFile(std::move(object)))
    return std::move(error);
  auto getter = jit.lookup(ATTN_PACK_TABLE_SYMBOL);
  if (!getter)
    return getter.takeError();
  result->table = getter->toPtr<attn_pack_table_fn>()();
  return result;
}
