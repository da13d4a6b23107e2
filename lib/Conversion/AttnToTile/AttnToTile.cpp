//===- AttnToTile.cpp - Outline attention as tile kernels -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToTile/AttnToTile.h"
#include "Projections.h"
#include "attn/Dialect/Attn/Transforms/ScoreRest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attn {
#define GEN_PASS_DEF_CONVERTATTNTOTILE
#include "attn/Conversion/AttnToTile/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// What a schedule, whichever target's, decides at this level.
struct Strategy {
  tile::ScheduleAttr cpu;
  tile::GPUScheduleAttr gpu;

  static Strategy of(Operation *op) {
    Attribute schedule = op->getAttr("tile.schedule");
    return {dyn_cast_or_null<tile::ScheduleAttr>(schedule),
            dyn_cast_or_null<tile::GPUScheduleAttr>(schedule)};
  }
  explicit operator bool() const { return cpu || gpu; }
  int64_t kvTile() const { return gpu ? gpu.getKvTile() : cpu.getKvTile(); }
  /// Elements of the softmax weights that multiply V: those that the engine
  /// takes, which is 16 bits wide where it multiplies 16 bits.
  Type weight(Type element) const {
    MLIRContext *ctx = element.getContext();
    if (gpu)
      return element;
    return cpu.getEngine() == tile::Engine::Fma ? Type(Float32Type::get(ctx))
                                                : Type(BFloat16Type::get(ctx));
  }
};

/// Builds the body of one kernel; holds the types that its ops share.
struct KernelBuilder {
  KernelBuilder(OpBuilder &b, Location loc, tile::KernelOp kernel)
      : b(b), loc(loc), kernel(kernel),
        strategy{kernel.getScheduleAttr(), kernel.getGpuScheduleAttr()},
        cache(kernel.getCache()), rows(kernel.getRows()) {
    b.setInsertionPointToStart(&kernel.getBody().emplaceBlock());
  }

  tile::TileType tileOf(int64_t r, int64_t c, Type element = {}) {
    return tile::TileType::get(b.getContext(), r, c,
                               element ? element : b.getF32Type());
  }
  Value constant(float value, tile::TileType type) {
    return tile::ConstantOp::create(b, loc, type, b.getF32FloatAttr(value));
  }
  SmallVector<Value> initialState() {
    return {constant(tile::kInitialMax, tileOf(rows, 1)),
            constant(0, tileOf(rows, 1)),
            constant(0, tileOf(rows, kernel.getValueWidth()))};
  }

  /// Starts a stream-like op over two tiles and the running (m, l, acc), leaves
  /// the builder inside, and returns the block.
  template <typename StreamT>
  std::pair<StreamT, Block *> startStream(Type first, Type second) {
    SmallVector<Value> inits = initialState();
    auto stream = StreamT::create(b, loc, TypeRange(ValueRange(inits)), inits);
    SmallVector<Type> types = {first, second};
    llvm::append_range(types, TypeRange(ValueRange(inits)));
    Block *body = b.createBlock(&stream.getBody(), {}, types,
                                SmallVector<Location>(types.size(), loc));
    return {stream, body};
  }

  /// The matrix that decompresses `part`, of `columns` columns.
  Value weight(tile::UpPart part, int64_t columns, bool transposed) {
    return tile::WeightOp::create(
        b, loc, tileOf(cache.getV(), columns, cache.getElement()), part,
        transposed);
  }
  /// What `weight` makes of latent rows; as they are without one.
  Value decompress(Value rows, Value weight, int64_t columns, bool rest) {
    if (!weight)
      return rows;
    int64_t tokens = cast<tile::TileType>(rows.getType()).getRows();
    return tile::DecompressOp::create(
        b, loc, tileOf(tokens, columns, cache.getElement()), rows, weight,
        rest);
  }

  /// `p, m, l, alpha` of one softmax step over `score`; the maximum may lag
  /// behind where weights are rounded.
  tile::OnlineSoftmaxOp softmaxStep(Value score, Block *body, bool mayLag) {
    auto type = cast<tile::TileType>(score.getType());
    // The weights of partial states multiply nothing but themselves.
    Type weight = type.getCols() > 1 ? strategy.weight(cache.getElement())
                                     : Type(b.getF32Type());
    bool lags = mayLag && !weight.isF32();
    return tile::OnlineSoftmaxOp::create(
        b, loc, tileOf(rows, type.getCols(), weight), tileOf(rows, 1),
        tileOf(rows, 1), tileOf(rows, 1), score, body->getArgument(2),
        body->getArgument(3), b.getF32FloatAttr(lags ? 8.0f : 0.0f));
  }

  /// Normalises the state and stores it.
  void finish(ValueRange state) {
    auto norm = tile::NormalizeOp::create(
        b, loc, tileOf(rows, kernel.getValueWidth()), tileOf(rows, 1), state[2],
        state[0], state[1]);
    Value out = norm.getOut();
    if (!kernel.getCombine())
      tile::StorePartialOp::create(b, loc, out, norm.getLse());
    if (kernel.getSinks()) {
      Value sink = tile::SinkOp::create(b, loc, tileOf(rows, 1));
      out = tile::ApplySinkOp::create(b, loc, out.getType(), out, norm.getLse(),
                                      sink);
    }
    tile::StoreOp::create(b, loc, out, norm.getLse());
  }

  OpBuilder &b;
  Location loc;
  tile::KernelOp kernel;
  Strategy strategy;
  tile::CacheAttr cache;
  int64_t rows;
};

void buildAttend(OpBuilder &b, tile::KernelOp kernel, AttendOp attend,
                 bool mayLag) {
  KernelBuilder k(b, attend.getLoc(), kernel);
  int64_t tokens = k.strategy.kvTile();
  Type element = k.cache.getElement();
  int64_t width = kernel.getValueWidth(), rest = kernel.getRest();
  Value q = tile::QueryOp::create(
      b, k.loc, k.tileOf(k.rows, kernel.getQueryColumns(), element));
  Value upKey, upValue;
  if (std::optional<tile::UpAttr> up = kernel.getUp()) {
    upKey =
        k.weight(tile::UpPart::Key, up->getNope(), attend.getUpTransposed());
    upValue = k.weight(tile::UpPart::Value, up->getV(), /*transposed=*/false);
  }
  auto [stream, body] =
      k.startStream<tile::StreamOp>(k.tileOf(tokens, k.cache.getK(), element),
                                    k.tileOf(tokens, k.cache.getV(), element));
  Value key = k.decompress(body->getArgument(0), upKey, kernel.getKeyColumns(),
                           rest > 0);
  Value value =
      k.decompress(body->getArgument(1), upValue, width, /*rest=*/false);
  tile::TileType scores = k.tileOf(k.rows, tokens);
  Value dot = tile::DotOp::create(b, k.loc, scores, q, key, rest);
  auto score = tile::ScoreOp::create(b, k.loc, scores, dot, attend.getScale(),
                                     kernel.getSoftcap(), kernel.getCausal(),
                                     kernel.getWindow(), /*no_mask=*/false);
  if (!attend.getScore().empty()) {
    IRMapping mapping;
    attend.getScore().cloneInto(&score.getRegion(), mapping);
    Operation *yield = score.getRegion().front().getTerminator();
    OpBuilder inner(yield);
    tile::YieldOp::create(inner, yield->getLoc(), yield->getOperands());
    yield->erase();
  }
  tile::OnlineSoftmaxOp step = k.softmaxStep(score, body, mayLag);
  Value acc = tile::DotAccOp::create(b, k.loc, body->getArgument(4).getType(),
                                     step.getP(), value, body->getArgument(4),
                                     step.getAlpha());
  tile::YieldOp::create(b, k.loc,
                        ValueRange{step.getMNext(), step.getLNext(), acc});
  b.setInsertionPointAfter(stream);
  k.finish(stream.getResults());
}

/// Merging is an online softmax over the partial states: the score of a state
/// is its log-sum-exp and its value its output.
void buildCombine(OpBuilder &b, tile::KernelOp kernel, Location loc) {
  KernelBuilder k(b, loc, kernel);
  tile::TileType out = k.tileOf(k.rows, kernel.getValueWidth());
  auto [partials, body] =
      k.startStream<tile::PartialsOp>(out, k.tileOf(k.rows, 1));
  auto score = tile::ScoreOp::create(
      b, loc, k.tileOf(k.rows, 1), body->getArgument(1), APFloat(1.0f),
      APFloat(0.0f), /*causal=*/false, /*window=*/0, /*no_mask=*/true);
  tile::OnlineSoftmaxOp step = k.softmaxStep(score, body, /*mayLag=*/false);
  auto acc =
      tile::MapOp::create(b, loc, TypeRange{out},
                          ValueRange{body->getArgument(4), step.getAlpha(),
                                     body->getArgument(0), step.getP()},
                          b.getArrayAttr({}));
  {
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Type> scalars(4, b.getF32Type());
    Block *block = b.createBlock(&acc.getBody(), {}, scalars,
                                 SmallVector<Location>(4, loc));
    Value old = arith::MulFOp::create(b, loc, block->getArgument(0),
                                      block->getArgument(1));
    Value add = arith::MulFOp::create(b, loc, block->getArgument(2),
                                      block->getArgument(3));
    // A state of weight 0 does not count, whatever its output holds.
    Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
    Value counts = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT,
                                         block->getArgument(3), zero);
    add = arith::SelectOp::create(b, loc, counts, add, zero);
    Value sum = arith::AddFOp::create(b, loc, old, add);
    tile::YieldOp::create(b, loc, sum);
  }
  tile::YieldOp::create(
      b, loc, ValueRange{step.getMNext(), step.getLNext(), acc.getResult(0)});
  b.setInsertionPointAfter(partials);
  k.finish(partials.getResults());
}

struct ConvertAttnToTilePass
    : attn::impl::ConvertAttnToTileBase<ConvertAttnToTilePass> {
  using Base::Base;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto func :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (func.isExternal())
        continue;
      if (failed(convert(func, symbols)))
        return signalPassFailure();
    }
  }

  LogicalResult convert(func::FuncOp func, SymbolTable &symbols) {
    if (!func.getBody().hasOneBlock())
      return func.emitOpError("has control flow; kernels are outlined from "
                              "straight-line functions");
    SmallVector<AttendOp> attends;
    SmallVector<MergeOp> merges;
    SmallVector<ProjectOp> projects;
    for (Operation &op : func.getBody().front()) {
      if (auto attend = dyn_cast<AttendOp>(op))
        attends.push_back(attend);
      else if (auto merge = dyn_cast<MergeOp>(op))
        merges.push_back(merge);
      else if (auto project = dyn_cast<ProjectOp>(op))
        projects.push_back(project);
      // Appends are the runtime's; constants are sunk into score regions.
      else if (!isa<CacheAppendOp, arith::ConstantOp, func::ReturnOp>(op))
        return op.emitOpError("is computed by no kernel; only attn.attend, "
                              "attn.merge, attn.project and attn.cache_append "
                              "compile");
    }
    symbols.remove(func); // frees the name for the kernel
    func->remove();
    LogicalResult result = success();
    bool several = attends.size() + merges.size() + projects.size() > 1;
    unsigned index = 0;
    auto name = [&] {
      std::string base = func.getName().str();
      return several ? base + "_" + std::to_string(index++) : base;
    };
    for (AttendOp attend : attends)
      if (failed(convertAttend(attend, name(), symbols)))
        result = failure();
    for (MergeOp merge : merges)
      if (failed(convertMerge(merge, name(), symbols)))
        result = failure();
    for (ProjectOp project : projects)
      if (failed(convertProject(project, name(), symbols)))
        result = failure();
    if (failed(result)) {
      getOperation().push_back(func);
      return failure();
    }
    func->destroy();
    return success();
  }

  /// An empty kernel of the given facts at the end of the module.
  tile::KernelOp addKernel(Location loc, StringRef name, int64_t group,
                           int64_t qLen, tile::CacheAttr cache,
                           Strategy strategy, bool combine) {
    OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
    return tile::KernelOp::create(
        b, loc, name, group, qLen, cache, strategy.cpu, strategy.gpu, combine,
        APFloat(1.0f), APFloat(0.0f), /*window=*/0, /*causal=*/false,
        /*sinks=*/false, /*score_mod=*/false, /*wide_output=*/false,
        /*up=*/tile::UpAttr(), /*up_schedule=*/tile::ProjectionScheduleAttr(),
        /*gpu_up_schedule=*/tile::GPUUpScheduleAttr(), /*rest=*/0);
  }

  /// Brings what a score region takes from outside into it: constants, which
  /// canonicalisation hoists. Anything else is no part of the kernel.
  static LogicalResult sinkCaptures(AttendOp attend) {
    llvm::SetVector<Value> captures;
    getUsedValuesDefinedAbove(attend.getScore(), captures);
    for (Value capture : captures) {
      auto constant = capture.getDefiningOp<arith::ConstantOp>();
      if (!constant)
        return attend.emitOpError("has a score region that reads a value from "
                                  "outside, which no kernel is given");
      OpBuilder b = OpBuilder::atBlockBegin(&attend.getScore().front());
      replaceAllUsesInRegionWith(capture, b.clone(*constant)->getResult(0),
                                 attend.getScore());
    }
    return success();
  }

  LogicalResult convertAttend(AttendOp attend, StringRef name,
                              SymbolTable &symbols) {
    if (failed(sinkCaptures(attend)))
      return failure();
    // What a projection reads next is not rounded in between.
    bool wide = attend.getForm() == Form::Absorbed;
    bool fused = attend.getForm() == Form::FusedDecompress;
    if (fused && failed(checkFused(attend)))
      return failure();
    int64_t rest = getScoreRest(attend);
    // A maximum that lags behind saves rescaling, but has the largest weight
    // rounded, which is else exactly 1. That counts where few tokens have most
    // of the weight, as with scores so large that a rest is kept, and where
    // decompressed values are rounded besides.
    bool mayLag = rest == 0 && (!attend.hasUpProjections() || wide);
    if (attend.hasUpProjections() && !fused) {
      FailureOr<AttendOp> core = separateProjections(attend, name, symbols);
      if (failed(core))
        return failure();
      attend = *core;
    }
    KVCacheType cache = attend.getCacheType();
    if (!cache)
      return attend.emitOpError("reads key tensors; kernels read caches");
    RankedTensorType query = attend.getQuery().getType();
    if (query.isDynamicDim(1) || query.isDynamicDim(2) || query.isDynamicDim(3))
      return attend.emitOpError("needs static query tokens, heads and width");
    Strategy strategy = Strategy::of(attend);
    if (!strategy)
      return attend.emitOpError("has no tile.schedule; run "
                                "attn-select-cpu-schedule or "
                                "attn-select-gpu-schedule first");
    // Keys that lie in memory have their rest there.
    int64_t keyRest = cache.isLatent() ? 0 : rest;
    auto facts = tile::CacheAttr::get(
        attend.getContext(), cache.getHeads(), cache.getKDim() + keyRest,
        cache.getVDim(), cache.getElementType(),
        static_cast<tile::CacheLayout>(cache.getLayout()), cache.isLatent());
    OpBuilder b(attend.getContext());
    for (bool combine : {false, true}) {
      int64_t group = attend.getHeads().getGroup();
      if (fused && combine) { // Partial states are of the query heads.
        facts = decompressedCache(attend);
        group = 1;
      }
      tile::KernelOp kernel = addKernel(
          attend.getLoc(), combine ? (name + "_combine").str() : name.str(),
          group, query.getDimSize(1), facts, strategy, combine);
      if (fused && !combine) {
        LatentAttr dims = *attend.getLatent();
        kernel.setUpAttr(
            tile::UpAttr::get(b.getContext(), dims.getNope(), dims.getV()));
        kernel.setUpScheduleAttr(
            attend->getAttrOfType<tile::ProjectionScheduleAttr>(
                tile::ProjectionScheduleAttr::name));
        kernel.setGpuUpScheduleAttr(
            attend->getAttrOfType<tile::GPUUpScheduleAttr>(
                tile::GPUUpScheduleAttr::name));
      }
      if (!combine)
        kernel.setRest(rest);
      kernel.setScaleAttr(attend.getScaleAttr());
      if (attend.getSoftcap())
        kernel.setSoftcapAttr(attend.getSoftcapAttr());
      kernel.setCausal(attend.isCausal());
      kernel.setWindow(attend.getWindow());
      kernel.setSinks(static_cast<bool>(attend.getSinks()));
      kernel.setScoreMod(!attend.getScore().empty());
      kernel.setWideOutput(wide);
      if (combine) {
        buildCombine(b, kernel, attend.getLoc());
        ++numCombines;
      } else {
        buildAttend(b, kernel, attend, mayLag);
        ++numKernels;
      }
      symbols.insert(kernel);
    }
    return success();
  }

  /// What a cache of K and V of every query head would be.
  static tile::CacheAttr decompressedCache(AttendOp attend) {
    LatentAttr dims = *attend.getLatent();
    return tile::CacheAttr::get(attend.getContext(), attend.getHeads().getQ(),
                                dims.getNope() + dims.getRope(), dims.getV(),
                                attend.getCacheType().getElementType(),
                                tile::CacheLayout::Row, false);
  }

  LogicalResult convertMerge(MergeOp merge, StringRef name,
                             SymbolTable &symbols) {
    RankedTensorType out = merge.getOutput().getType();
    if (out.isDynamicDim(1) || out.isDynamicDim(2) || out.isDynamicDim(3))
      return merge.emitOpError("needs static query tokens, heads and width");
    Strategy strategy = Strategy::of(merge);
    if (!strategy)
      return merge.emitOpError("has no tile.schedule; run "
                               "attn-select-cpu-schedule first");
    auto facts = tile::CacheAttr::get(
        merge.getContext(), out.getDimSize(2), out.getDimSize(3),
        out.getDimSize(3), out.getElementType(), tile::CacheLayout::Row, false);
    tile::KernelOp kernel = addKernel(merge.getLoc(), name, 1,
                                      out.getDimSize(1), facts, strategy, true);
    OpBuilder b(merge.getContext());
    buildCombine(b, kernel, merge.getLoc());
    symbols.insert(kernel);
    ++numCombines;
    return success();
  }
};
} // namespace
