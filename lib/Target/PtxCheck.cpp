//===- PtxCheck.cpp - What PTX shows of a kernel's speed --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/PtxCheck.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>

using namespace attn;

/// Bits of a load or store, from its suffixes: `ld.global.nc.v4.b32` has 128.
static int accessBits(llvm::StringRef opcode) {
  int vector = 1, bits = 0;
  for (llvm::StringRef part : llvm::split(opcode, '.')) {
    int number;
    if (part.size() < 2 || part.drop_front().getAsInteger(10, number))
      continue;
    if (part.front() == 'v')
      vector = number;
    else if (llvm::is_contained({'b', 'u', 's', 'f'}, part.front()))
      bits = number;
  }
  return vector * bits;
}

/// The operand at `index`, as a number; -1 if it is none.
static int numberAt(llvm::StringRef operands, unsigned index) {
  llvm::SmallVector<llvm::StringRef> list;
  operands.trim().rtrim(';').split(list, ',');
  int number;
  if (index >= list.size() || list[index].trim().getAsInteger(10, number))
    return -1;
  return number;
}

static void countInstruction(PtxFunctionFacts &facts, llvm::StringRef line) {
  if (line.consume_front("@"))
    line = line.split(' ').second.ltrim(" \t");
  size_t end = line.find_first_of(" \t;");
  llvm::StringRef opcode = line.substr(0, end);
  llvm::StringRef operands =
      end == llvm::StringRef::npos ? "" : line.substr(end);
  if (opcode.starts_with("ld.global")) {
    ++facts.globalLoads;
    facts.wideGlobalLoads += accessBits(opcode) >= 128;
  } else if (opcode.starts_with("ld.local") || opcode.starts_with("st.local")) {
    ++facts.localAccesses;
  } else if (opcode.starts_with("cp.async.wait_group")) {
    facts.pendingGroups = std::max(facts.pendingGroups, numberAt(operands, 0));
  } else if (opcode.starts_with("cp.async.ca.shared") ||
             opcode.starts_with("cp.async.cg.shared")) {
    ++facts.asyncCopies;
    facts.wideAsyncCopies += numberAt(operands, 2) == 16;
  } else if (opcode.starts_with("mma.sync")) {
    ++facts.mma;
  } else if (opcode.starts_with("ldmatrix")) {
    ++facts.ldmatrix;
  }
}

/// Bytes of `.local .align 16 .b8 __local_depot0[64];`.
static int localVariableBytes(llvm::StringRef line) {
  int bytes = 0;
  line.split('[').second.split(']').first.getAsInteger(10, bytes);
  return bytes;
}

llvm::SmallVector<PtxFunctionFacts> attn::readPtx(llvm::StringRef ptx) {
  llvm::SmallVector<PtxFunctionFacts> functions;
  for (llvm::StringRef line : llvm::split(ptx, '\n')) {
    line = line.trim();
    if (size_t at = line.find(".entry "); at != llvm::StringRef::npos) {
      functions.emplace_back();
      functions.back().name = line.substr(at + 7).split('(').first.trim().str();
    }
    if (functions.empty() || line.starts_with("//"))
      continue;
    PtxFunctionFacts &facts = functions.back();
    if (line.starts_with(".local"))
      facts.localBytes = std::max(facts.localBytes, localVariableBytes(line));
    countInstruction(facts, line);
  }
  return functions;
}

int64_t attn::bytesInFlight(const PtxFunctionFacts &facts, int64_t tileBytes,
                            int64_t ctasPerSM) {
  return ctasPerSM * (facts.pendingGroups + 1) * tileBytes;
}
