//===- SelectForm.cpp - Choose the form of latent attention -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FormChoice.h"
#include "LatentRewrite.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <limits>
#include <vector>

namespace attn {
#define GEN_PASS_DEF_ATTNSELECTFORM
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;
using cost::LatentForm;
using cost::LatentShape;
using llvm::formatv;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// The choice at run time
//===----------------------------------------------------------------------===//

namespace {
/// Writes the comparison of FormChoice as arith ops.
struct ChoiceWriter {
  OpBuilder &b;
  Location loc;

  Value number(double value) {
    return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value));
  }
  Value extent(Value tensor, int64_t dim) {
    if (int64_t extent = tensorType(tensor).getDimSize(dim);
        !ShapedType::isDynamic(extent))
      return number(double(extent));
    Value size = tensor::DimOp::create(b, loc, tensor, dim);
    size = arith::IndexCastOp::create(b, loc, b.getI64Type(), size);
    return arith::SIToFPOp::create(b, loc, b.getF64Type(), size);
  }
  /// x * factor + summand.
  Value linear(Value x, double factor, double summand) {
    Value product = arith::MulFOp::create(b, loc, x, number(factor));
    return summand == 0
               ? product
               : arith::AddFOp::create(b, loc, product, number(summand));
  }

  /// True (i1) where the absorbed form is the faster one.
  Value absorbs(const FormChoice &choice, Value query, Value latent);
  /// True where the form that `choice` decompresses in is no slower than
  /// `that` one's.
  Value prefers(const FormChoice &choice, const FormChoice &that, Value query,
                Value latent);
  /// T (m S + c), or the bytes, whichever takes longer.
  Value time(const FormChoice &choice, Value s, Value t);
};
} // namespace

Value ChoiceWriter::time(const FormChoice &choice, Value s, Value t) {
  Value flops = arith::MulFOp::create(b, loc, t, linear(s, choice.m, choice.c));
  return choice.k > 0 ? arith::MaximumFOp::create(b, loc, flops,
                                                  linear(t, choice.k, choice.w))
                            .getResult()
                      : flops;
}

Value ChoiceWriter::prefers(const FormChoice &choice, const FormChoice &that,
                            Value query, Value latent) {
  Value s = extent(query, 1), t = extent(latent, 1);
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE,
                               time(choice, s, t), time(that, s, t));
}

Value ChoiceWriter::absorbs(const FormChoice &choice, Value query,
                            Value latent) {
  int64_t tokens = tensorType(latent).getDimSize(1);
  if (!ShapedType::isDynamic(tokens)) {
    // An infinite bound becomes one that no extent reaches.
    int64_t limit = std::ceil(std::min(choice.threshold(double(tokens)), 1e15));
    Value size = tensor::DimOp::create(b, loc, query, 1);
    Value bound = arith::ConstantIndexOp::create(b, loc, limit);
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, size,
                                 bound);
  }
  Value s = extent(query, 1), t = extent(latent, 1);
  Value absorbed =
      arith::MulFOp::create(b, loc, s, linear(t, choice.a, choice.b));
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, absorbed,
                               time(choice, s, t));
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

static LatentResults buildFused(OpBuilder &builder, const LatentBlock &block) {
  return buildWithUpProjections(builder, block, Form::FusedDecompress);
}

namespace {
/// A form that decompresses, and its comparison with the absorbed one.
struct Alternative {
  LatentForm form;
  StringRef name;
  LatentResults (*build)(OpBuilder &, const LatentBlock &);
  FormChoice choice;
};

struct SelectForm : attn::impl::AttnSelectFormBase<SelectForm> {
  using Base::Base;

  void runOnOperation() override;
  LogicalResult readMachine();
  LogicalResult readEfficiency();
  LogicalResult select(AttendOp attend, PatternRewriter &rewriter);
  SmallVector<Alternative> alternatives(const LatentBlock &block,
                                        const LatentShape &shape,
                                        int64_t batch);
  void choose(LatentBlock &block, bool isAbsorbed, const LatentShape &shape,
              int64_t batch, PatternRewriter &rewriter);
  void writeBoth(LatentBlock &block, const LatentShape &shape, int64_t batch,
                 PatternRewriter &rewriter);
  void priceFolding(const LatentBlock &block);

  cost::Machine target;
};

struct SelectPattern : OpRewritePattern<AttendOp> {
  SelectPattern(MLIRContext *context, SelectForm &pass)
      : OpRewritePattern(context), pass(pass) {}
  LogicalResult matchAndRewrite(AttendOp attend,
                                PatternRewriter &rewriter) const override {
    return pass.select(attend, rewriter);
  }
  SelectForm &pass;
};
} // namespace

static remark::RemarkOpts remarkNamed(StringRef name) {
  return remark::RemarkOpts::name(name).category("attn");
}

/// "FLOPs, bytes and time" of one form.
static std::string price(const cost::Machine &machine, LatentForm form,
                         const LatentShape &shape, int64_t batch) {
  cost::LatentCost cost = cost::latentCost(form, shape);
  double bytes = double(batch) * cost.kvBytes + cost.weightBytes;
  std::string text = formatv("{0:f3} GFLOP, {1:f3} MB",
                             double(batch) * cost.flops() * 1e-9, bytes * 1e-6);
  if (machine.ridge(cost::MathType::BF16) > 0)
    text += formatv(
        ", {0:f2} us",
        cost::latentRoofline(machine, form, shape, batch).seconds() * 1e6);
  return text;
}

/// The forms that decompress and that the target has, the ones with fewer bytes
/// first.
SmallVector<Alternative> SelectForm::alternatives(const LatentBlock &block,
                                                  const LatentShape &shape,
                                                  int64_t batch) {
  SmallVector<Alternative> forms;
  if (fused)
    forms.push_back({LatentForm::FusedDecompress,
                     "decompressed in the kernel",
                     buildFused,
                     {target, shape, batch, LatentForm::FusedDecompress}});
  forms.push_back({LatentForm::Materialized,
                   "decompressed",
                   buildDecompressed,
                   {target, shape, batch, LatentForm::Materialized}});
  return forms;
}

/// Both extents are static: the cheapest form, by a rewrite if the block has
/// another one.
void SelectForm::choose(LatentBlock &block, bool isAbsorbed,
                        const LatentShape &shape, int64_t batch,
                        PatternRewriter &rewriter) {
  auto seconds = [&](LatentForm form) {
    return cost::latentRoofline(target, form, shape, batch).seconds();
  };
  SmallVector<Alternative> others = alternatives(block, shape, batch);
  const Alternative &best =
      *llvm::min_element(others, [&](const auto &x, const auto &y) {
        return seconds(x.form) < seconds(y.form);
      });
  bool absorb = llvm::all_of(others, [&](const Alternative &other) {
    return other.choice.absorbs(double(shape.qLen), double(shape.context));
  });
  bool isThere = absorb ? isAbsorbed
                        : !isAbsorbed && best.form == LatentForm::Materialized;
  if (!isThere) {
    rewriter.setInsertionPoint(block.last);
    replaceBlock(rewriter, block,
                 absorb ? buildAbsorbed(rewriter, block)
                        : best.build(rewriter, block));
  }
  ++(absorb                                     ? numAbsorbed
     : best.form == LatentForm::FusedDecompress ? numFused
                                                : numMaterialized);
  std::string text =
      formatv("{0} ({1}): absorbed {2}", absorb ? "absorbed" : best.name,
              target.name, price(target, LatentForm::Absorbed, shape, batch));
  for (const Alternative &other : others)
    text += formatv("; {0} {1}", other.name,
                    price(target, other.form, shape, batch));
  remark::passed(block.attend.getLoc(), remarkNamed("select-form")) << text;
}

/// An extent is unknown: the absorbed form and one that decompresses, and the
/// comparison of their costs; the latter in both ways where neither is always
/// the better one.
void SelectForm::writeBoth(LatentBlock &block, const LatentShape &shape,
                           int64_t batch, PatternRewriter &rewriter) {
  Location loc = block.attend.getLoc();
  SmallVector<Alternative> others = alternatives(block, shape, batch);
  if (others.size() == 2 && others[0].choice.dominates(others[1].choice))
    others.pop_back();
  rewriter.setInsertionPoint(block.last);
  ChoiceWriter writer{rewriter, loc};
  Value query = resolveColumns(block.queryNope).source;
  Value latent = resolveColumns(block.latent).source;
  Value condition = writer.absorbs(others[0].choice, query, latent);
  if (others.size() == 2)
    condition =
        arith::AndIOp::create(rewriter, loc, condition,
                              writer.absorbs(others[1].choice, query, latent));
  auto branch = [&](auto build) {
    return [&, build](OpBuilder &builder, Location loc) {
      scf::YieldOp::create(builder, loc, build(builder, block));
    };
  };
  auto decompressed = [&](OpBuilder &builder,
                          const LatentBlock &block) -> LatentResults {
    if (others.size() == 1)
      return others[0].build(builder, block);
    Value first = ChoiceWriter{builder, loc}.prefers(
        others[0].choice, others[1].choice, query, latent);
    auto which = scf::IfOp::create(builder, loc, first, branch(others[0].build),
                                   branch(others[1].build));
    return LatentResults(which.getResults());
  };
  auto both = scf::IfOp::create(rewriter, loc, condition, branch(buildAbsorbed),
                                branch(decompressed));
  replaceBlock(rewriter, block, LatentResults(both.getResults()));
  ++numVersioned;
  int64_t tokens = tensorType(block.latent.source).getDimSize(1);
  bool unknown = ShapedType::isDynamic(tokens);
  double bound = std::numeric_limits<double>::infinity();
  for (const Alternative &other : others)
    bound = std::min(bound,
                     other.choice.threshold(unknown ? 1e15 : double(tokens)));
  remark::passed(loc, remarkNamed("select-form"))
      << formatv("both ({0}): absorbed below {1:f1} query tokens{2}",
                 target.name, bound, unknown ? " over long contexts" : "")
             .str();
}

/// The query's up-projection W_UQ and W_UK are both matrices per head, and
/// could be one. It is rank(q) by rank wide: usually more bytes than both.
void SelectForm::priceFolding(const LatentBlock &block) {
  auto up =
      resolveColumns(block.queryNope).source.getDefiningOp<DecompressOp>();
  if (!up)
    return;
  double queryRank = double(tensorType(up.getWeight()).getDimSize(1));
  double heads = double(AttendOp(block.attend).getHeads().getQ());
  double nope = block.dims.getNope(), rank = block.dims.getRank();
  if (queryRank < 0)
    return;
  double apart = heads * nope * (queryRank + rank);
  double folded = heads * queryRank * rank;
  ++numUnfolded;
  remark::missed(up.getLoc(), remarkNamed("fold-weights")) << remark::reason(
      "{0}", formatv("W_UQ W_UK in one would be {0:f1} M weights instead of "
                     "{1:f1} M ({2:f2} times the bytes){3}",
                     folded * 1e-6, apart * 1e-6, folded / apart,
                     folded < apart
                         ? ": it would pay, but the product of weights is the "
                           "loader's to compute"
                         : "")
                 .str());
}

LogicalResult SelectForm::select(AttendOp attend, PatternRewriter &rewriter) {
  std::string reason;
  bool isAbsorbed = static_cast<bool>(attend.getLatentAttr());
  FailureOr<LatentBlock> block = isAbsorbed ? matchAbsorbed(attend, reason)
                                            : matchDecompressed(attend, reason);
  if (failed(block)) {
    if (!reason.empty())
      remarkMissed(attend, "select-form", reason);
    return rewriter.notifyMatchFailure(attend, reason);
  }
  priceFolding(*block);
  RankedTensorType query = attend.getQuery().getType();
  RankedTensorType latent = tensorType(block->latent.source);
  LatentShape shape{
      attend.getHeads().getQ(), block->dims.getRank(),
      block->dims.getRope(),    block->dims.getNope(),
      block->dims.getV(),       query.getDimSize(1),
      latent.getDimSize(1),     query.getElementTypeBitWidth() / 8,
      block->dims.getGroups()};
  shape.scoreRest =
      query.getElementType().isBF16() &&
      cost::keepsScoreRest(shape, attend.getScale().convertToFloat());
  int64_t batch = query.isDynamicDim(0) ? 1 : query.getDimSize(0);
  if (!query.isDynamicDim(1) && !latent.isDynamicDim(1))
    choose(*block, isAbsorbed, shape, batch, rewriter);
  else
    writeBoth(*block, shape, batch, rewriter);
  return success();
}

/// What kernels reach of the peak, where the options say it.
LogicalResult SelectForm::readEfficiency() {
  if (efficiency.empty())
    return success();
  if (efficiency.size() != 6 ||
      !llvm::all_of(efficiency, [](double x) { return x > 0 && x <= 1; }))
    return getOperation()->emitError(
        "efficiency takes six shares above 0 and up to 1: attention and "
        "projection of absorbed, materialized and fused_decompress");
  ArrayRef<double> e(efficiency);
  target.latent = {{e[0], e[1]}, {e[2], e[3]}, {e[4], e[5]}};
  return success();
}

/// The machine that the options name or give.
LogicalResult SelectForm::readMachine() {
  target = flopsOnly();
  if (!machine.empty()) {
    std::vector<cost::Machine> known = cost::knownMachines();
    llvm::append_range(known, cost::measuredMachines());
    auto found = llvm::find_if(
        known, [&](const cost::Machine &m) { return m.name == machine; });
    if (found == known.end()) {
      InFlightDiagnostic diag = getOperation()->emitError("unknown machine '")
                                << machine << "': expected one of ";
      llvm::interleaveComma(known, diag,
                            [&](const cost::Machine &m) { diag << m.name; });
      return diag;
    }
    target = *found;
  }
  if (failed(readEfficiency()))
    return failure();
  if (readGBps == 0 && tflops == 0)
    return success();
  if (machine.empty() && (readGBps == 0 || tflops == 0))
    return getOperation()->emitError(
        "read-gbps and tflops describe a machine together");
  if (!(readGBps >= 0) || !(tflops >= 0))
    return getOperation()->emitError("read-gbps and tflops must be positive");
  target.name = machine.empty() ? "the given machine" : machine + ", changed";
  if (readGBps > 0)
    target.readGBps = readGBps;
  if (tflops > 0)
    target.bf16Flops = tflops * 1e12;
  return success();
}

void SelectForm::runOnOperation() {
  if (failed(readMachine()))
    return signalPassFailure();
  readExtentsOfLatents(getOperation());
  RewritePatternSet patterns(&getContext());
  patterns.add<SelectPattern>(&getContext(), *this);
  walkAndApplyPatterns(getOperation(), std::move(patterns));
  IRRewriter rewriter(&getContext());
  (void)runRegionDCE(rewriter, getOperation()->getRegions());
}
