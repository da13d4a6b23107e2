//===- Kernel.cpp - One tile kernel to one function -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The loops around a kernel's body:
//
//   for each KV head: pack the query, start the state
//   for each tile of tokens (or partial state): for each KV head: the body
//   for each KV head: finish and store
//
// Tokens are outermost so that a page is streamed once, whatever its layout;
// the state of each head (maximum, sum, accumulator) stays in scratch.
//
// A kernel that decompresses has heads outermost: a head's matrices stay near
// while all tokens pass, and one state is kept.

#include "Kernel.h"
#include "Decompress.h"
#include "attn/Conversion/TileToCPU/TileToCPU.h"
#include "attn_kernel_abi.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cstddef>
#include <optional>
#include <tuple>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

void Kernel::forEachRow(function_ref<void(Value, Value, Value)> body) {
  e.loop(rowBegin, rowEnd, 1, [&](Value row) {
    Value token = e.divU(row, e.i64(group()));
    body(token, e.sub(row, e.mul(token, group())), row);
  });
}

Value attn::cpu::emitQueryRow(Kernel &k, Value token, Value groupHead) {
  Emitter &e = k.e;
  Type i64 = e.b.getI64Type();
  auto stride = [&](int64_t offset) {
    return e.loadField(k.args, offset, i64);
  };
  Value head = e.add(e.mul(k.head, k.group()), groupHead);
  Value index = e.add(
      e.add(e.mul(k.batch, stride(offsetof(attn_kernel_args, q_stride_batch))),
            e.mul(token, stride(offsetof(attn_kernel_args, q_stride_token)))),
      e.mul(head, stride(offsetof(attn_kernel_args, q_stride_head))));
  Value base =
      e.loadField(k.args, offsetof(attn_kernel_args, q), k.scratch.getType());
  return e.ptr(base, e.mul(index, Emitter::bytes(k.element())));
}

namespace {

class KernelLowering {
public:
  KernelLowering(tile::KernelOp op, bool bf16Convert)
      : builder(op), op(op), k(builder, op, bf16Convert) {}

  LogicalResult run();

private:
  LogicalResult check();
  LogicalResult checkDecompressedTiles();
  LogicalResult checkDecompression();
  void loadItem();
  LogicalResult emitBody();
  LogicalResult emitLoops(Operation *stream);
  LogicalResult emitStep(Operation *stream);
  LogicalResult emitTiles(Operation *stream, TileReader &reader);
  LogicalResult emitPartials(Operation *stream);
  LogicalResult finishHead(Operation *stream);
  LogicalResult forEachHead(function_ref<LogicalResult()> body);
  LogicalResult emitOp(Operation &inner);
  LogicalResult emitMapOp(tile::MapOp map);
  void emitSink(tile::SinkOp sink);
  void loadPartial(Buffer &out, const Buffer &lse);
  void startHead(Operation *stream);
  void emitYield(tile::YieldOp yield, ArrayRef<Buffer> state);
  void attachFacts(func::FuncOp func);

  bool isAmx() const { return k.engine() == tile::Engine::Amx; }
  int64_t queryBytes() { return isAmx() ? amxQueryBytes(k) : fmaQueryBytes(k); }
  int64_t stateBytes(Type type) {
    return llvm::alignTo(
        k.blocks.padded * cast<tile::TileType>(type).getCols() * 4, 64);
  }
  static Order orderOf(Type type) {
    return cast<tile::TileType>(type).getCols() == 1 ? Order::RowVector
                                                     : Order::RowMajor;
  }
  /// Storage of a value made in a body: fresh scratch.
  Buffer fresh(Type type, Order order) {
    auto tileType = cast<tile::TileType>(type);
    int64_t size = order == Order::PairScore ? 2 : 4;
    int64_t offset = k.reserve(k.blocks.padded * tileType.getCols() * size);
    return {k.scratchAt(offset), order, tileType.getCols()};
  }
  /// Storage of the current head's state.
  SmallVector<Buffer> headState(Operation *stream) {
    SmallVector<Buffer> state;
    for (auto [type, offset] :
         llvm::zip(stream->getResultTypes(), stateOffsets)) {
      Value at = k.e.ptr(k.scratchAt(offset), perHead(stateBytes(type)));
      state.push_back(
          {at, orderOf(type), cast<tile::TileType>(type).getCols()});
    }
    return state;
  }
  Value packedQuery() {
    return k.e.ptr(k.scratchAt(queryOffset), perHead(queryStride));
  }
  /// Heads whose query and state are kept at a time.
  int64_t keptHeads() { return k.decompresses() ? 1 : k.heads(); }
  /// Where the current head's share of something kept starts.
  Value perHead(int64_t bytes) {
    return k.decompresses() ? k.e.i64(0) : k.e.mul(k.head, bytes);
  }

  OpBuilder builder;
  tile::KernelOp op;
  Kernel k;
  DenseMap<Value, Buffer> buffers;
  DenseMap<Value, View> views;
  std::optional<Decompression> decompression;
  SmallVector<int64_t> stateOffsets;
  int64_t queryOffset = 0, queryStride = 0, coordOffset = 0, packOffset = 0;
};

LogicalResult KernelLowering::check() {
  if (!op.getScheduleAttr())
    return op.emitOpError("has no schedule");
  if (k.kDim() % 16 || k.vDim() % 16)
    return op.emitOpError("widths of K and V must be multiples of 16, got ")
           << k.kDim() << " and " << k.vDim();
  if (failed(checkDecompressedTiles()) ||
      (k.decompresses() && failed(checkDecompression())))
    return failure();
  if (!op.getCombine() && k.engine() != tile::Engine::Fma && k.kDim() < 32)
    return op.emitOpError("K must be at least 32 wide for this engine");
  if (k.engine() != tile::Engine::Fma && !k.element().isBF16())
    return op.emitOpError("engine ")
           << tile::stringifyEngine(k.engine()) << " multiplies bf16 only";
  return success();
}

LogicalResult KernelLowering::checkDecompressedTiles() {
  WalkResult result = op.walk([](tile::DecompressOp inner) {
    auto rows = dyn_cast<BlockArgument>(inner.getRows());
    if (rows && rows.getArgNumber() < 2 &&
        inner.getWeight().getDefiningOp<tile::WeightOp>())
      return WalkResult::advance();
    inner.emitOpError("needs rows that the stream hands over, and a weight of "
                      "tile.weight");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult KernelLowering::checkDecompression() {
  tile::ProjectionScheduleAttr schedule = op.getUpScheduleAttr();
  if (!schedule)
    return op.emitOpError("decompresses, but has no up_schedule");
  int64_t rank = k.cache.getV(), nope = op.getUp()->getNope();
  if (rank % 16 || k.cache.getK() % 16 || nope % 16)
    return op.emitOpError("widths of latent rows must be multiples of 16");
  if (schedule.getEngine() == tile::Engine::Amx &&
      (!k.element().isBF16() || rank % 32 || nope % 32 || k.vDim() % 32 ||
       k.kvTile() % kTileRows))
    return op.emitOpError("decompresses on engine amx, which takes bf16, and "
                          "tiles, ranks and widths that are multiples of 32");
  return success();
}

void KernelLowering::loadItem() {
  Emitter &e = k.e;
  Type i64 = e.b.getI64Type();
  auto field = [&](int64_t offset) { return e.loadField(k.item, offset, i64); };
  if (op.getCombine()) {
    k.batch = field(offsetof(attn_combine_item, batch));
    k.headBegin = field(offsetof(attn_combine_item, head_begin));
    k.headEnd = field(offsetof(attn_combine_item, head_end));
    k.rowBegin = field(offsetof(attn_combine_item, row_begin));
    k.rowEnd = field(offsetof(attn_combine_item, row_end));
    return;
  }
  k.rowBegin = e.i64(0);
  k.rowEnd = e.i64(op.getRows());
  k.batch = field(offsetof(attn_work_item, batch));
  k.seqLen = field(offsetof(attn_work_item, seq_len));
  k.tokenBegin = field(offsetof(attn_work_item, token_begin));
  k.tokenEnd = field(offsetof(attn_work_item, token_end));
  k.headBegin = field(offsetof(attn_work_item, head_begin));
  k.headEnd = field(offsetof(attn_work_item, head_end));
  k.slot = field(offsetof(attn_work_item, slot));
}

/// Packs the query and sets the state of the current head.
void KernelLowering::startHead(Operation *stream) {
  Emitter &e = k.e;
  if (decompression)
    decompression->startHead();
  if (!op.getCombine()) {
    if (isAmx())
      amxPackQuery(k, packedQuery());
    else
      fmaPackQuery(k, packedQuery());
  }
  for (auto [init, state] :
       llvm::zip(stream->getOperands(), headState(stream))) {
    double value =
        init.getDefiningOp<tile::ConstantOp>().getValue().convertToFloat();
    VectorType type = e.vec(16);
    Value wide = e.splat(value, type);
    Value base = state.base;
    auto fill = [&](Value byte) { e.store(wide, e.ptr(base, byte), 4); };
    if (state.order == Order::RowMajor && op.getCombine())
      e.loop(e.mul(k.rowBegin, state.cols * 4), e.mul(k.rowEnd, state.cols * 4),
             64, fill);
    else
      e.loop(stateBytes(init.getType()), 64, fill);
  }
}

LogicalResult KernelLowering::emitMapOp(tile::MapOp map) {
  SmallVector<Buffer> inputs, results;
  for (Value input : map.getInputs())
    inputs.push_back(buffers.lookup(input));
  tile::TileType domain = map.getDomain();
  Order order = Order::RowVector;
  for (auto [input, buffer] : llvm::zip(map.getInputs(), inputs))
    if (cast<tile::TileType>(input.getType()).getCols() == domain.getCols())
      order = buffer.order;
  SmallVector<bool> taken(inputs.size());
  for (auto [i, result] : llvm::enumerate(map.getResults())) {
    auto type = cast<tile::TileType>(result.getType());
    bool elementwise = i < map.getNumElementwise();
    if (elementwise && type.getElementType().isBF16()) {
      results.push_back(fresh(type, Order::PairScore));
    } else {
      Order own = elementwise ? order : Order::RowVector;
      // An input that nobody else reads gives its place to the result.
      Buffer buffer;
      for (size_t j = 0; elementwise && !buffer.base && j < inputs.size(); ++j)
        if (!taken[j] && inputs[j].order == own &&
            map.getInputs()[j].hasOneUse()) {
          taken[j] = true;
          buffer = inputs[j];
        }
      results.push_back(buffer.base ? buffer : fresh(type, own));
    }
    buffers[result] = results.back();
  }
  return emitMap(k, map, inputs, results, k.scratchAt(coordOffset));
}

void KernelLowering::emitSink(tile::SinkOp sink) {
  Emitter &e = k.e;
  Buffer buffer = fresh(sink.getType(), Order::RowVector);
  buffers[sink] = buffer;
  Value base = e.loadField(k.args, offsetof(attn_kernel_args, sinks),
                           k.scratch.getType());
  e.loop(k.blocks.padded, 1, [&](Value row) {
    e.store(e.load(base, e.f32(), 4), e.ptr(buffer.base, e.mul(row, 4)), 4);
  });
  k.forEachRow([&](Value, Value groupHead, Value row) {
    Value head = e.add(e.mul(k.head, k.group()), groupHead);
    e.store(e.load(e.ptr(base, e.mul(head, 4)), e.f32(), 4),
            e.ptr(buffer.base, e.mul(row, 4)), 4);
  });
}

/// The partial state in `k.slot`, of the current head; padding rows do not
/// count. Its output is read where it is if the head's rows lie together there.
void KernelLowering::loadPartial(Buffer &out, const Buffer &lse) {
  Emitter &e = k.e;
  Value base = e.loadField(k.args, offsetof(attn_kernel_args, partial_out),
                           k.scratch.getType());
  Value lseBase = e.loadField(k.args, offsetof(attn_kernel_args, partial_lse),
                              k.scratch.getType());
  int64_t heads = k.heads() * k.group();
  bool together = k.qLen() == 1 || k.heads() == 1;
  if (together) {
    Value first =
        e.add(e.mul(k.slot, k.qLen() * heads), e.mul(k.head, k.group()));
    out.base = e.ptr(base, e.mul(first, k.vDim() * 4));
  }
  Value none =
      arith::ConstantOp::create(e.b, e.loc, e.b.getF32FloatAttr(-INFINITY));
  e.loop(e.i64(k.blocks.rows), e.i64(k.blocks.padded), 1,
         [&](Value row) { e.store(none, e.ptr(lse.base, e.mul(row, 4)), 4); });
  k.forEachRow([&](Value token, Value groupHead, Value row) {
    Value head = e.add(e.mul(k.head, k.group()), groupHead);
    Value index =
        e.add(e.mul(e.add(e.mul(k.slot, k.qLen()), token), heads), head);
    e.store(e.load(e.ptr(lseBase, e.mul(index, 4)), e.f32(), 4),
            e.ptr(lse.base, e.mul(row, 4)), 4);
    if (together)
      return;
    Value from = e.ptr(base, e.mul(index, k.vDim() * 4));
    Value to = e.ptr(out.base, e.mul(row, k.vDim() * 4));
    VectorType type = e.vec(k.lanes());
    e.loop(k.vDim() * 4, k.lanes() * 4, [&](Value byte) {
      e.store(e.load(e.ptr(from, byte), type, 4), e.ptr(to, byte), 4);
    });
  });
}

/// The carried tiles of the next step, copied where not made in place.
void KernelLowering::emitYield(tile::YieldOp yield, ArrayRef<Buffer> state) {
  Emitter &e = k.e;
  for (auto [value, target] : llvm::zip(yield.getOperands(), state)) {
    Buffer source = buffers.lookup(value);
    if (source.base == target.base)
      continue;
    Value to = target.base;
    // A merge's rows lie in order.
    Value first = e.i64(0), last = e.i64(k.blocks.padded * target.cols);
    if (op.getCombine()) {
      first = e.mul(k.rowBegin, target.cols);
      last = e.mul(k.rowEnd, target.cols);
    }
    e.loop(first, last, 1, [&](Value i) {
      Value at = e.mul(i, 4);
      e.store(e.load(e.ptr(source.base, at), e.f32(), 4), e.ptr(to, at), 4);
    });
  }
}

LogicalResult KernelLowering::emitOp(Operation &inner) {
  if (isa<tile::ConstantOp, tile::QueryOp, tile::WeightOp>(inner))
    return success();
  if (auto decompress = dyn_cast<tile::DecompressOp>(inner)) {
    View rows = views.lookup(decompress.getRows());
    views[decompress] = decompression->run(decompress, rows);
    return success();
  }
  if (auto map = dyn_cast<tile::MapOp>(inner))
    return isStored(map) ? success() : emitMapOp(map);
  if (auto dot = dyn_cast<tile::DotOp>(inner)) {
    Buffer scores = fresh(dot.getType(), Order::Score);
    buffers[dot] = scores;
    View key = views.lookup(dot.getK());
    if (isAmx())
      amxDot(k, packedQuery(), key, scores);
    else
      fmaDot(k, packedQuery(), key, scores);
    return success();
  }
  if (auto dot = dyn_cast<tile::DotAccOp>(inner)) {
    if (!dot.getAcc().hasOneUse())
      return dot.emitOpError("needs an accumulator that nothing else reads");
    Buffer acc = buffers.lookup(dot.getAcc());
    buffers[dot] = acc;
    Buffer p = buffers.lookup(dot.getP()),
           alpha = buffers.lookup(dot.getAlpha());
    View value = views.lookup(dot.getV());
    if (isAmx())
      amxDotAcc(k, p, value, alpha, acc, packOffset);
    else
      fmaDotAcc(k, p, value, alpha, acc);
    return success();
  }
  if (auto sink = dyn_cast<tile::SinkOp>(inner)) {
    emitSink(sink);
    return success();
  }
  if (auto store = dyn_cast<tile::StorePartialOp>(inner))
    return emitStore(k, buffers, store.getOut(), store.getLse(),
                     /*partial=*/true);
  if (auto store = dyn_cast<tile::StoreOp>(inner))
    return emitStore(k, buffers, store.getOut(), store.getLse(),
                     /*partial=*/false);
  if (auto constant = dyn_cast<arith::ConstantOp>(inner);
      constant && constant.getType().isIntOrFloat())
    return success(); // Each map that reads it makes a vector of it.
  return inner.emitOpError("has no CPU lowering; run tile-expand first");
}

LogicalResult KernelLowering::emitBody() {
  Operation *stream = nullptr;
  for (Operation &inner : op.getBody().front())
    if (isa<tile::StreamOp, tile::PartialsOp>(inner)) {
      if (stream)
        return inner.emitOpError("is the kernel's second stream");
      stream = &inner;
    }
  if (!stream)
    return op.emitOpError("streams nothing");
  for (Value init : stream->getOperands())
    if (!init.getDefiningOp<tile::ConstantOp>())
      return stream->emitOpError("starts from something else than constants");

  if (!op.getCombine()) {
    queryStride = llvm::alignTo(queryBytes(), 64);
    queryOffset = k.reserve(keptHeads() * queryStride);
    if (isAmx())
      packOffset = k.reserve(amxDotAccScratch(k));
  }
  for (Type type : stream->getResultTypes())
    stateOffsets.push_back(k.reserve(keptHeads() * stateBytes(type)));
  coordOffset = k.reserve(2 * k.blocks.padded * 4);
  // A merge of one row should not write the coordinates of all.
  if (op.walk([](tile::CoordOp) {
          return WalkResult::interrupt();
        }).wasInterrupted())
    emitRowCoords(k, k.scratchAt(coordOffset));
  if (k.decompresses())
    decompression.emplace(k);
  return emitLoops(stream);
}

LogicalResult KernelLowering::forEachHead(function_ref<LogicalResult()> body) {
  LogicalResult result = success();
  k.e.loop(k.headBegin, k.headEnd, 1, [&](Value head) {
    k.head = head;
    result = body();
  });
  return result;
}

LogicalResult KernelLowering::emitLoops(Operation *stream) {
  auto start = [&] {
    startHead(stream);
    return success();
  };
  auto finish = [&] { return finishHead(stream); };
  if (op.getCombine()) {
    (void)forEachHead(start);
    return failed(emitPartials(stream)) ? failure() : forEachHead(finish);
  }
  if (k.decompresses()) {
    TileReader reader(k);
    return forEachHead([&] {
      startHead(stream);
      return failed(emitTiles(stream, reader)) ? failure() : finish();
    });
  }
  (void)forEachHead(start);
  TileReader reader(k);
  return failed(emitTiles(stream, reader)) ? failure() : forEachHead(finish);
}

/// The body of the stream, for the current head.
LogicalResult KernelLowering::emitStep(Operation *stream) {
  Block &body = stream->getRegion(0).front();
  SmallVector<Buffer> state = headState(stream);
  for (auto [arg, buffer] : llvm::zip(body.getArguments().drop_front(2), state))
    buffers[arg] = buffer;
  for (Operation &inner : body.without_terminator())
    if (failed(emitOp(inner)))
      return failure();
  emitYield(cast<tile::YieldOp>(body.getTerminator()), state);
  return success();
}

/// Walks the tiles of tokens, of each for all heads or the current one.
LogicalResult KernelLowering::emitTiles(Operation *stream, TileReader &reader) {
  Block &body = stream->getRegion(0).front();
  LogicalResult result = success();
  auto step = [&] {
    std::tie(views[body.getArgument(0)], views[body.getArgument(1)]) =
        reader.views();
    return emitStep(stream);
  };
  k.e.loop(k.tokenBegin, k.tokenEnd, k.kvTile(), [&](Value tileStart) {
    k.tileStart = tileStart;
    reader.startTile();
    result = k.decompresses() ? step() : forEachHead(step);
  });
  return result;
}

LogicalResult KernelLowering::emitPartials(Operation *stream) {
  Emitter &e = k.e;
  Block &body = stream->getRegion(0).front();
  auto field = [&](int64_t offset) {
    return e.loadField(k.item, offset, e.b.getI64Type());
  };
  Value begin = field(offsetof(attn_combine_item, slot_begin));
  Value count = field(offsetof(attn_combine_item, slot_count));
  Value stride = field(offsetof(attn_combine_item, slot_stride));
  Buffer out = fresh(body.getArgument(0).getType(), Order::RowMajor);
  Buffer lse = fresh(body.getArgument(1).getType(), Order::RowVector);
  buffers[body.getArgument(1)] = lse;
  LogicalResult result = success();
  e.loop(e.i64(0), count, 1, [&](Value i) {
    k.slot = e.add(begin, e.mul(i, stride));
    result = forEachHead([&]() {
      loadPartial(out, lse);
      buffers[body.getArgument(0)] = out;
      return emitStep(stream);
    });
  });
  return result;
}

/// Normalises the current head's state and stores it.
LogicalResult KernelLowering::finishHead(Operation *stream) {
  for (auto [value, buffer] :
       llvm::zip(stream->getResults(), headState(stream)))
    buffers[value] = buffer;
  for (Operation &inner : op.getBody().front())
    if (&inner != stream && failed(emitOp(inner)))
      return failure();
  return success();
}

/// What the kernel table needs, as a dictionary on the function.
void KernelLowering::attachFacts(func::FuncOp func) {
  Builder b(op.getContext());
  auto set = [&](SmallVectorImpl<NamedAttribute> &list, StringRef name,
                 int64_t value) {
    list.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(value)));
  };
  bool own = k.cache.getLayout() == tile::CacheLayout::Own;
  SmallVector<NamedAttribute> list;
  set(list, "combine", op.getCombine());
  set(list, "dtype", dtypeOf(k.element()));
  set(list, "flags", flagsOf(op));
  set(list, "k_dim", k.cache.getK());
  set(list, "kv_heads", k.cache.getHeads());
  set(list, "kv_tile", k.kvTile());
  set(list, "layout", own ? ATTN_LAYOUT_OWN : ATTN_LAYOUT_ROW);
  // Tiles of rows may span pages, tiles of interleaved V may not.
  set(list, "page_multiple", k.pairsValues() ? k.kvTile() : 1);
  if (std::optional<tile::UpAttr> up = op.getUp()) {
    set(list, "nope", up->getNope());
    set(list, "v", up->getV());
  } else {
    set(list, "nope", op.getKeyRest());
    set(list, "v", 0);
  }
  set(list, "q_heads", k.heads() * k.group());
  set(list, "q_len", k.qLen());
  set(list, "scratch_bytes", k.scratchBytes);
  set(list, "v_dim", k.cache.getV());
  set(list, "window", op.getWindow());
  list.push_back(b.getNamedAttr("scale", op.getScaleAttr()));
  list.push_back(b.getNamedAttr("softcap", op.getSoftcapAttr()));
  func->setAttr(kKernelAttrName, b.getDictionaryAttr(list));
}

LogicalResult KernelLowering::run() {
  if (failed(check()))
    return failure();
  // Tiles of one shape: decompression leaves no register for others.
  int64_t leastHeight = k.decompresses() ? 16 : 1;
  k.blocks = k.engine() == tile::Engine::Fma
                 // Blocks of 4 rows x 2 tokens load least where there are 16
                 // registers; with 32, 16 rows convert each key once.
                 ? blockRowsFma(op.getRows(), k.lanes() == 8 ? 4 : 16)
                 : blockRowsUniform(op.getRows(), leastHeight);
  Type pointer = LLVM::LLVMPointerType::get(op.getContext());
  auto func = func::FuncOp::create(
      builder, op.getLoc(), op.getSymName(),
      builder.getFunctionType({pointer, pointer, pointer}, {}));
  Block *entry = func.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  k.args = entry->getArgument(0);
  k.item = entry->getArgument(1);
  k.scratch = entry->getArgument(2);
  loadItem();
  if (failed(emitBody())) {
    func.erase();
    return failure();
  }
  func::ReturnOp::create(builder, op.getLoc());
  attachFacts(func);
  op.erase();
  return success();
}
} // namespace

LogicalResult attn::cpu::lowerKernel(tile::KernelOp op, bool bf16Convert) {
  return KernelLowering(op, bf16Convert).run();
}
