//===- Decode.cpp - The decode kernel, form mma_sync ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decompress.h"
#include "TileStream.h"
#include "Work.h"
#include "attn/Conversion/KernelFacts.h"
#include "attn/Conversion/Meetings.h"
#include "attn/Conversion/TileToNVVM/TileToNVVM.h"

#include <cstddef>
#include <optional>

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

namespace {

struct DecodeKernel {
  DecodeKernel(Kernel &k)
      : k(k), e(k.e), layout(k.decodeShape()),
        shared(emitSharedMemory(k.e, k.op)), geometry(k) {}

  /// Stores of `rows` fragments by (row of the KV head, column) of an element.
  void forEachRow(function_ref<void(int64_t, Value)> body) {
    for (int64_t r = 0; r < geometry.threadRows(); ++r) {
      Value row = geometry.rowIndex(r);
      e.ifThen(e.less(row, k.rows()), [&] { body(r, row); });
    }
  }

  LogicalResult emitMapOp(tile::MapOp map) {
    SmallVector<Fragment> inputs;
    for (Value input : map.getInputs())
      inputs.push_back(fragments.lookup(input));
    auto results = emitMap(k, geometry, map, inputs);
    if (failed(results))
      return failure();
    for (auto [result, fragment] : llvm::zip(map.getResults(), *results))
      fragments[result] = fragment;
    unsigned numElementwise = map.getNumElementwise();
    for (Value result : map.getResults().take_front(numElementwise)) {
      auto type = cast<tile::TileType>(result.getType());
      if (type.getElementType().isF32())
        continue;
      if (type.getCols() != k.kvTile())
        return map.emitOpError("makes a tile of ")
               << type << "; only weights of " << k.kvTile()
               << " tokens are 16 bits wide";
      storeWeights(fragments[result]);
    }
    // What there is one of a row, every thread of the row holds already.
    if (map.getDomain().getCols() == 1)
      return success();
    for (auto [i, result] :
         llvm::enumerate(map.getResults().drop_front(numElementwise)))
      reduce(fragments[result],
             cast<tile::ReductionAttr>(map.getReductions()[i]).getValue());
    return success();
  }

  /// Weights go where all warps find them: as A operand of the second product.
  void storeWeights(const Fragment &weights) {
    int64_t elements = weights.size();
    Value base = e.ptr(shared, layout.weightsOffset);
    // Several warps have met since K was read, to find the rows' maxima.
    if (layout.weightsInKeys && k.warps() == 1)
      e.barrier();
    for (int64_t i = 0; i < elements; i += 2) {
      Value row = geometry.localRow(geometry.rowOf(i, elements));
      Value column = geometry.scoreColumn(i, elements);
      Value at = emitChunk(e, layout.weights, base, row, e.div(column, kChunk));
      e.store(e.roundPair(weights[i], weights[i + 1], k.element()),
              e.ptr(at, e.mul(e.rem(column, kChunk), 2)), 4);
    }
    weightsPending = true;
  }

  /// Folds rows over the four lanes that share one and over the warps. Ends
  /// after a barrier.
  void reduce(Fragment &rows, tile::Reduction kind) {
    for (Value &value : rows)
      for (int64_t distance : {1, 2})
        value = emitReduction(e, kind, value, e.shuffleXor(value, distance));
    if (k.warps() == 1)
      return;
    Value array =
        e.ptr(shared, kind == tile::Reduction::Max ? layout.maximaOffset
                                                   : layout.sumsOffset);
    int64_t perWarp = k.schedule.getRows() * 4;
    e.ifThen(e.equal(e.rem(k.lane, 4), 0), [&] {
      Value mine = e.ptr(array, e.mul(k.warp, perWarp));
      for (auto [r, value] : llvm::enumerate(rows))
        e.store(value, e.ptr(mine, e.mul(geometry.localRow(r), 4)), 4);
    });
    e.barrier();
    weightsPending = false;
    for (auto [r, value] : llvm::enumerate(rows)) {
      Value at = e.ptr(array, e.mul(geometry.localRow(r), 4));
      value = e.load(at, e.f32(), 4);
      for (int64_t w = 1; w < k.warps(); ++w)
        value = emitReduction(e, kind, value,
                              e.load(e.ptr(at, w * perWarp), e.f32(), 4));
    }
  }

  void emitSink(tile::SinkOp sink) {
    Value base = k.globalField(offsetof(attn_kernel_args, sinks));
    Fragment values;
    for (int64_t r = 0; r < geometry.threadRows(); ++r) {
      // Rows past the last stand for none; they read the last one's.
      Value row = e.min(geometry.rowIndex(r), e.i32(k.rows() - 1));
      Value at = e.ptr(base, e.mul(e.toI64(emitQueryHead(k, row)), 4));
      values.push_back(e.load(at, e.f32(), 4));
    }
    fragments[sink] = values;
  }

  void emitStore(const Fragment &out, const Fragment &lse, bool partial) {
    Value wanted = e.less(slot, 0);
    if (partial)
      wanted = e.negate(wanted);
    e.ifThen(wanted, [&] {
      Value base =
          k.globalField(partial ? offsetof(attn_kernel_args, partial_out)
                                : offsetof(attn_kernel_args, out));
      Value lseBase =
          k.globalField(partial ? offsetof(attn_kernel_args, partial_lse)
                                : offsetof(attn_kernel_args, lse));
      bool wide = partial || k.op.getWideOutput();
      int64_t elements = out.size(), bytes = wide ? 4 : 2;
      forEachRow([&](int64_t r, Value row) {
        RowAddress at =
            partial ? emitPartialRow(k, row, slot) : emitOutputRow(k, row);
        for (int64_t i = 0; i < elements; i += 2) {
          if (geometry.rowOf(i, elements) != r)
            continue;
          Value column = e.toI64(geometry.outputColumn(i, elements));
          Value to = e.ptr(base, e.mul(e.add(at.out, column), bytes));
          Value both = wide ? e.pair(out[i], out[i + 1])
                            : e.roundPair(out[i], out[i + 1], k.element());
          e.store(both, to, 2 * bytes);
        }
        Value one = e.both(e.equal(k.warp, 0), e.equal(e.rem(k.lane, 4), 0));
        if (!partial)
          one = e.both(one, e.negate(e.isNull(lseBase)));
        e.ifThen(one,
                 [&] { e.store(lse[r], e.ptr(lseBase, e.mul(at.lse, 4)), 4); });
      });
    });
  }

  /// Whether a product's operand is the stream's K or V, or what the kernel
  /// makes of it.
  bool isOfStream(Value operand, tile::UpPart part) {
    Value rows = body->getArgument(part == tile::UpPart::Key ? 0 : 1);
    if (!decompression)
      return operand == rows;
    auto made = operand.getDefiningOp<tile::DecompressOp>();
    if (!made || made.getRows() != rows)
      return false;
    auto weight = made.getWeight().getDefiningOp<tile::WeightOp>();
    return weight && weight.getPart() == part;
  }

  LogicalResult emitOp(Operation &op) {
    // K and V are made where they are multiplied: in one place, in turn.
    if (isa<arith::ConstantOp, tile::ConstantOp, tile::QueryOp, tile::WeightOp,
            tile::DecompressOp>(op))
      return success();
    if (auto map = dyn_cast<tile::MapOp>(op))
      return emitMapOp(map);
    if (auto dot = dyn_cast<tile::DotOp>(op)) {
      if (!isOfStream(dot.getK(), tile::UpPart::Key) ||
          !dot.getQ().getDefiningOp<tile::QueryOp>())
        return dot.emitOpError("multiplies something else than the query and "
                               "the stream's K");
      if (decompression)
        decompression->run(tile::UpPart::Key, tile, stage);
      fragments[dot] =
          emitDot(geometry, layout, shared,
                  decompression ? decompression->keys(stage) : cachedKeys());
      return success();
    }
    if (auto dot = dyn_cast<tile::DotAccOp>(op)) {
      auto weights = cast<tile::TileType>(dot.getP().getType());
      if (weights.getElementType() != k.element())
        return dot.emitOpError("multiplies weights of ")
               << weights.getElementType()
               << "; mma.sync takes those of the cache's type";
      if (!isOfStream(dot.getV(), tile::UpPart::Value))
        return dot.emitOpError("multiplies something else than the stream's V");
      const SharedLayout *values = &layout.value;
      Value at = e.ptr(stage, layout.valueInStage);
      if (decompression) {
        decompression->run(tile::UpPart::Value, tile, stage);
        values = &layout.madeValue;
        at = decompression->made();
      } else if (weightsPending) {
        e.barrier();
      }
      weightsPending = false;
      fragments[dot] = emitDotAcc(geometry, layout, shared, *values, at,
                                  fragments.lookup(dot.getAcc()),
                                  fragments.lookup(dot.getAlpha()));
      return success();
    }
    if (auto sink = dyn_cast<tile::SinkOp>(op)) {
      emitSink(sink);
      return success();
    }
    if (auto store = dyn_cast<tile::StorePartialOp>(op)) {
      emitStore(fragments.lookup(store.getOut()),
                fragments.lookup(store.getLse()), /*partial=*/true);
      return success();
    }
    if (auto store = dyn_cast<tile::StoreOp>(op)) {
      emitStore(fragments.lookup(store.getOut()),
                fragments.lookup(store.getLse()), /*partial=*/false);
      return success();
    }
    return op.emitOpError("has no NVVM lowering; run tile-expand first");
  }

  /// The columns of K that lie in the stage.
  SmallVector<Columns> cachedKeys() {
    SmallVector<Columns> keys;
    for (const Meeting &m :
         getMeetings(k.op.getQueryColumns(), k.op.getKeyColumns()))
      keys.push_back({&layout.key, stage, m.key / 16, m.count / 16,
                      m.query / 16, m.queryRest / 16, m.keyRest / 16});
    return keys;
  }

  /// The query rows of this CTA, zeros past the last one.
  void loadQuery() {
    int64_t width = k.op.getQueryColumns();
    int64_t rope = decompression ? k.cache.getK() - k.cache.getV() : 0;
    copyQuery(offsetof(attn_kernel_args, q),
              offsetof(attn_kernel_args, q_stride_batch), width - rope, 0);
    constexpr int64_t project = offsetof(attn_gpu_args, project);
    if (rope)
      copyQuery(project + offsetof(attn_gpu_project, tail),
                project + offsetof(attn_gpu_project, tail_stride_batch), rope,
                width - rope);
    e.commitCopies();
  }

  /// `columns` of the rows that the pointer at `base` leads to, from
  /// `firstColumn` on; its strides of batch, token and head follow each other
  /// from `strides` on.
  void copyQuery(int64_t base, int64_t strides, int64_t columns,
                 int64_t firstColumn) {
    Value from = k.globalField(base);
    Value start = e.mul(e.toI64(k.request), k.i64Field(strides));
    Value perToken = k.i64Field(strides + 8);
    Value perHead = k.i64Field(strides + 16);
    auto source = [&](Value local) {
      Value row = e.add(k.firstRow, local);
      Value valid = e.less(row, k.rows());
      row = e.select(valid, row, e.i32(0));
      Value token = e.toI64(e.div(row, k.group()));
      Value head = e.toI64(emitQueryHead(k, row));
      Value offset =
          e.add(start, e.add(e.mul(token, perToken), e.mul(head, perHead)));
      return std::pair(e.ptr(from, e.mul(offset, 2)), valid);
    };
    emitCopyRows(e, k.cta(), layout.query, e.ptr(shared, layout.queryOffset),
                 k.schedule.getRows(), columns, source, firstColumn);
  }

  /// Attention over `count` tiles from `firstTile` on, and its stores.
  LogicalResult emitPiece(tile::StreamOp stream, TileStream &tiles,
                          Value firstTile, Value count, Value firstToken) {
    loadQuery();
    CarriedTiles state(stream.getInits(), geometry.outputElements(),
                       geometry.threadRows());
    SmallVector<Value> carried = {tiles.start(firstTile, count, firstToken)};
    if (decompression)
      decompression->start();
    llvm::append_range(carried, state.initialValues(e));
    LogicalResult result = success();
    body = &stream.getBody().front();
    ValueRange last =
        e.loop(e.i32(0), count, e.i32(1), carried,
               [&](Value i, ValueRange values) -> SmallVector<Value> {
                 SmallVector<Value> next = {values[0]};
                 state.spread(values.drop_front(),
                              body->getArguments().drop_front(2), fragments);
                 tile = i;
                 stage = tiles.next(i, next[0]);
                 geometry.tileStart = e.mul(e.add(firstTile, i), k.kvTile());
                 for (Operation &op : body->without_terminator())
                   if (failed(emitOp(op))) {
                     result = failure();
                     return SmallVector<Value>(values);
                   }
                 for (Value value : body->getTerminator()->getOperands())
                   llvm::append_range(next, fragments.lookup(value));
                 return next;
               });
    state.spread(last.drop_front(), stream.getResults(), fragments);
    if (failed(result))
      return failure();
    for (Operation &op : k.op.getBody().front())
      if (&op != stream && failed(emitOp(op)))
        return failure();
    // The next piece overwrites what the last tile reads, and an empty piece
    // has left its query on the way.
    e.waitCopies(0);
    e.barrier();
    return success();
  }

  /// The pieces of this CTA's part, one after the other.
  LogicalResult run(tile::StreamOp stream) {
    k.identifyThread();
    Value part = e.special(Register::BlockX);
    k.head = e.special(Register::BlockY);
    k.firstRow = e.mul(e.special(Register::BlockZ), k.schedule.getRows());
    TileStream tiles(k, layout, shared);
    if (k.decompresses())
      decompression.emplace(geometry, layout, shared);
    Value perPart = k.planEntry(e.i32(0)), total = k.planEntry(e.i32(1));
    Value begin = e.mul(part, perPart);
    Value end = e.min(e.add(begin, perPart), total);
    Value first =
        e.add(k.smallField(offsetof(attn_gpu_args, max_batch)), e.add(part, 3));
    // A part past the last unit has no first request.
    Value has = e.less(begin, end);
    Value firstRequest = e.choose(
        has, e.i32Type(),
        [&]() -> SmallVector<Value> { return {k.planEntry(first)}; },
        [&]() -> SmallVector<Value> { return {e.i32(0)}; })[0];
    LogicalResult result = success();
    SmallVector<Type> types(2, e.i32Type());
    auto loop = scf::WhileOp::create(e.b, e.loc, types,
                                     ValueRange{begin, firstRequest});
    OpBuilder::InsertionGuard guard(e.b);
    Block *before = e.b.createBlock(&loop.getBefore(), {}, types,
                                    SmallVector<Location>(2, e.loc));
    scf::ConditionOp::create(e.b, e.loc, e.less(before->getArgument(0), end),
                             before->getArguments());
    Block *after = e.b.createBlock(&loop.getAfter(), {}, types,
                                   SmallVector<Location>(2, e.loc));
    Value unit = after->getArgument(0);
    k.request = after->getArgument(1);
    Split split = emitSplit(k, k.request);
    Value unitEnd =
        e.select(split.balanced, e.min(end, split.end), e.add(unit, 1));
    Value direct = e.equal(split.count, 1);
    Value piece = e.select(split.balanced, e.sub(part, split.firstPart),
                           e.sub(unit, split.begin));
    slot = e.select(direct, e.i32(-1), emitSlot(k, split, piece));

    Request tokens = k.readRequest(k.request);
    Value perUnit = k.tilesPerUnit();
    Value skipped = e.mul(e.sub(unit, split.begin), perUnit);
    Value count = e.min(e.mul(e.sub(unitEnd, unit), perUnit),
                        e.sub(tokens.tiles, skipped));
    Value firstTile = e.add(tokens.firstTile, skipped);
    Value isLast = e.equal(unitEnd, split.end);
    k.firstQuery = e.add(tokens.length, -int64_t(k.op.getQLen()));
    // Of the last piece not the end of its last tile, which an i32 may not
    // hold.
    k.keyEnd = e.select(isLast, tokens.length,
                        e.mul(e.add(firstTile, count), k.kvTile()));
    result = emitPiece(stream, tiles, firstTile, count, tokens.firstToken);
    Value next = e.select(isLast, e.add(k.request, 1), k.request);
    scf::YieldOp::create(e.b, e.loc, ValueRange{unitEnd, next});
    return result;
  }

  Kernel &k;
  Emitter &e;
  DecodeSharedMemory layout;
  Value shared;
  MmaGeometry geometry;
  Fragments fragments;
  std::optional<Decompression> decompression;
  Block *body = nullptr; ///< of the stream
  Value tile, stage, slot;
  /// Weights have been stored that not every warp may see yet.
  bool weightsPending = false;
};

/// What the kernel table needs, as a dictionary on the function.
void attachFacts(LLVM::LLVMFuncOp func, Kernel &k, int64_t sharedBytes) {
  Builder b(func.getContext());
  tile::KernelOp op = k.op;
  UpShape up = k.decodeShape().up;
  int64_t nope = op.getUp() ? up.nope : op.getKeyRest();
  SmallVector<NamedAttribute> list;
  auto set = [&](StringRef name, int64_t value) {
    list.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(value)));
  };
  set("combine_blocks", k.heads() * llvm::divideCeil(k.rows(), kCombineRows));
  set("combine_threads", kCombineRows * kWarp);
  set("ctas_per_sm", k.schedule.getCtasPerSm());
  set("dtype", dtypeOf(k.element()));
  set("flags", flagsOf(op));
  set("k_dim", k.cache.getK());
  set("kv_heads", k.cache.getHeads());
  set("kv_tile", k.kvTile());
  set("nope", nope);
  set("plan_threads", kPlanThreads);
  set("q_heads", k.queryHeads());
  set("q_len", op.getQLen());
  set("row_blocks", llvm::divideCeil(k.rows(), k.schedule.getRows()));
  set("shared_bytes", sharedBytes);
  set("threads", k.threads());
  set("v", up.v);
  set("v_dim", k.cache.getV());
  set("window", op.getWindow());
  list.push_back(b.getNamedAttr("scale", op.getScaleAttr()));
  list.push_back(b.getNamedAttr("softcap", op.getSoftcapAttr()));
  func->setAttr(kGPUKernelAttrName, b.getDictionaryAttr(list));
}

/// The one stream of a decode kernel; null, after an error, without it.
tile::StreamOp findStream(tile::KernelOp op) {
  tile::StreamOp stream;
  for (Operation &inner : op.getBody().front()) {
    if (!isa<tile::StreamOp, tile::PartialsOp>(inner))
      continue;
    if (stream || isa<tile::PartialsOp>(inner))
      return inner.emitOpError("is not the one stream that a decode kernel "
                               "has"),
             nullptr;
    stream = cast<tile::StreamOp>(inner);
  }
  if (!stream)
    return op.emitOpError("streams nothing"), nullptr;
  return succeeded(checkInits(stream)) ? stream : nullptr;
}
} // namespace

LogicalResult attn::nvvm::lowerDecode(tile::KernelOp decode,
                                      bool dependentLaunch) {
  tile::StreamOp stream = findStream(decode);
  if (!stream)
    return failure();
  OpBuilder b(decode);
  Kernel k(b, decode);
  auto [func, args] = createKernel(b, decode.getLoc(), decode.getSymName(),
                                   sizeof(attn_gpu_args), k.threads(),
                                   k.schedule.getCtasPerSm());
  k.args = args;
  if (dependentLaunch) {
    k.e.launchDependents();
    k.e.waitForPredecessor();
  }
  DecodeKernel kernel(k);
  {
    OpBuilder::InsertionGuard guard(b);
    if (failed(kernel.run(stream))) {
      func.erase();
      return failure();
    }
  }
  LLVM::ReturnOp::create(b, decode.getLoc(), ValueRange{});
  attachFacts(func, k, kernel.layout.bytes);
  return success();
}
