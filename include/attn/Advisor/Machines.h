//===- Machines.h - Peaks and their sources ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the peaks of a machine come from: a vendor's data sheet (lib/Cost), a
// file, or a measurement made here and now.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ADVISOR_MACHINES_H
#define ATTN_ADVISOR_MACHINES_H

#include "attn/Cost/Machine.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace attn::advisor {

struct MachineChoice {
  cost::Machine machine;
  std::string source; ///< of the peaks, for people
};

/// `name` is one of cost::knownMachines(), `cpu:this`, or the path of a file:
/// see `machineFromJSON`. Refuses what it does not know, naming what it does.
llvm::Expected<MachineChoice> findMachine(llvm::StringRef name);

/// Either {"name", "memory_gb", "read_gbps", "bf16_tflops", "fp8_tflops"} with
/// decimal units, the last one optional and no other key; or what attn-bench
/// --json writes: the best undisturbed read and bf16 compute ceilings among the
/// records, with no memory size (0).
llvm::Expected<MachineChoice> machineFromJSON(const llvm::json::Value &json,
                                              llvm::StringRef path);

/// Measures the host with all cores that this process may use (about 3 s): read
/// ceiling over a set beyond the caches, bf16 compute peak, installed memory.
llvm::Expected<MachineChoice> measureHost();

} // namespace attn::advisor

#endif // ATTN_ADVISOR_MACHINES_H
