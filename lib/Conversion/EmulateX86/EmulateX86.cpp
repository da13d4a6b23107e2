//===-- EmulateX86.cpp - The pass emulate-x86 -----------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "attn/Conversion/EmulateX86/Passes.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace attn {
#define GEN_PASS_DEF_EMULATEX86PASS
#include "attn/Conversion/EmulateX86/Passes.h.inc"
} // namespace attn

namespace {

class EmulateX86Pass : public attn::impl::EmulateX86PassBase<EmulateX86Pass> {
public:
  using EmulateX86PassBase::EmulateX86PassBase;

  LogicalResult initialize(MLIRContext *context) override {
    amx = bf16 = false;
    for (const std::string &feature : features) {
      if (feature == "amx")
        amx = true;
      else if (feature == "avx512bf16")
        bf16 = true;
      else
        return emitError(UnknownLoc::get(context))
               << "emulate-x86 knows the features 'amx' and 'avx512bf16', not '"
               << feature << "'";
    }
    return success();
  }

  void runOnOperation() override {
    if (amx && failed(attn::emulation::checkTileUses(getOperation())))
      return signalPassFailure();
    getOperation()->walk([&](Operation *op) { report(op); });

    TypeConverter converter;
    RewritePatternSet patterns(&getContext());
    ConversionTarget target(getContext());
    if (amx)
      attn::emulation::populateAMXPatterns(converter, patterns, target);
    if (bf16)
      attn::emulation::populateAVX512BF16Patterns(patterns, target);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }

private:
  /// Counts an operation that is to be replaced, and remarks on it.
  void report(Operation *op) {
    Statistic *statistic =
        TypeSwitch<Operation *, Statistic *>(op)
            .Case<amx::TileZeroOp>([&](auto) { return &numTileZero; })
            .Case<amx::TileLoadOp>([&](auto) { return &numTileLoad; })
            .Case<amx::TileStoreOp>([&](auto) { return &numTileStore; })
            .Case<amx::TileMulFOp>([&](auto) { return &numTileMul; })
            .Case<x86vector::DotBF16Op>([&](auto) { return &numDot; })
            .Default([&](Operation *other) {
              return attn::emulation::isBF16Conversion(other) ? &numConvert
                                                              : nullptr;
            });
    bool isTileOp = isa<amx::AMXDialect>(op->getDialect());
    if (!statistic || !(isTileOp ? amx : bf16))
      return;
    ++*statistic;
    auto function = op->getParentOfType<FunctionOpInterface>();
    remark::passed(op->getLoc(),
                   remark::RemarkOpts::name("Emulated")
                       .category("emulate-x86")
                       .function(function ? function.getName() : ""))
        << op->getName().getStringRef();
  }

  bool amx = false;
  bool bf16 = false;
};

} // namespace
