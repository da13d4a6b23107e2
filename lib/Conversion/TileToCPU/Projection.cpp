//===- Projection.cpp - A matrix per head, as one function ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Few rows are a stream of weights: each weight is read once and multiplied by
// vector FMA. Many rows are a product on AMX tiles: 32 columns of the weights,
// interleaved in pairs, stay in L1 while the rows pass.
//
// A projection that merges partial states calls the combine kernel that it
// names for one row of one head at a time, with the place where that row is
// multiplied from as the output: the merged row never leaves L1.

#include "Emitter.h"
#include "Kernel.h"
#include "Product.h"
#include "attn/Conversion/KernelFacts.h"
#include "attn/Conversion/TileToCPU/TileToCPU.h"
#include "attn_kernel_abi.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cstddef>
#include <optional>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {

class ProjectionLowering {
public:
  ProjectionLowering(tile::ProjectionOp op, bool bf16Convert)
      : builder(op), op(op), e(builder, op.getLoc(), bf16Convert) {}

  LogicalResult run();

private:
  LogicalResult findCombine();
  void startMerges();
  void emitHead(Value head);
  void multiplyFew(const Rows &in, const Rows &out, Value weight, Value rows);
  void multiplyBlock(const Rows &in, const Rows &out, Value weight, Value first,
                     int64_t height);
  void multiplyMany(const Rows &in, const Rows &out, Value weight, Value rows);
  void stageRow(const Rows &in, Value row, Value to);
  void packRows(const Rows &in, Value first, Value rows, const Rows &panel);
  void attachFacts(func::FuncOp func, int64_t scratchBytes);

  Value field(Value structure, int64_t offset) {
    return e.loadField(structure, offset, e.b.getI64Type());
  }
  Value pointerField(int64_t offset) {
    return e.loadField(args, offset, args.getType());
  }
  int64_t k() { return op.getK(); }
  int64_t n() { return op.getN(); }
  int64_t es() { return Emitter::bytes(op.getElement()); }
  bool wide() { return op.getWideInput() && !op.getElement().isF32(); }
  Type inElement() { return product->inElement(); }
  int64_t inBytes() { return Emitter::bytes(inElement()); }
  int64_t combineFact(StringRef name) {
    auto facts = combine->getAttrOfType<DictionaryAttr>(kKernelAttrName);
    return cast<IntegerAttr>(facts.get(name)).getInt();
  }
  bool isAmx() { return schedule.getEngine() == tile::Engine::Amx; }
  /// Whether any number of rows is multiplied by vector FMA.
  bool hasFew() { return !isAmx() || schedule.getFewRows() > 0; }
  int64_t reserve(int64_t bytes) {
    int64_t offset = scratchBytes;
    scratchBytes += llvm::alignTo(bytes, 64);
    return offset;
  }

  OpBuilder builder;
  tile::ProjectionOp op;
  Emitter e;
  tile::ProjectionScheduleAttr schedule;
  std::optional<Product> product;
  Value args, item, scratch;
  /// Of the current head; the first request and token of the item.
  Value head, batch, tokenBegin;
  /// What merges partial states; null: the input is read as it is.
  func::FuncOp combine;
  int64_t scratchBytes = 0;
  /// Offsets of scratch: rows for tiles, a strip of weights.
  int64_t panels = 0, strip = 0;
  /// Of a head's matrix that lies transposed, turned over.
  int64_t turned = 0;
  /// What the combine kernel is given, and its own scratch.
  int64_t combineArgs = 0, combineItem = 0, combineScratch = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// Input rows
//===----------------------------------------------------------------------===//

/// The kernel that `combine` names, which has been lowered before.
LogicalResult ProjectionLowering::findCombine() {
  FlatSymbolRefAttr name = op.getCombineAttr();
  if (!name)
    return success();
  combine = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, name);
  if (!combine || !combine->hasAttr(kKernelAttrName))
    return op.emitOpError("merges by ")
           << name << ", which is not lowered to a function of this module";
  combineArgs = reserve(sizeof(attn_kernel_args));
  combineItem = reserve(sizeof(attn_combine_item));
  combineScratch = reserve(combineFact("scratch_bytes"));
  return success();
}

/// Sets what is the same for all merges. An output of strides 0 is one row; the
/// log-sum-exps go where the caller wants them.
void ProjectionLowering::startMerges() {
  Value to = e.ptr(scratch, combineArgs);
  Value from = pointerField(offsetof(attn_project_merge_args, attention));
  Type i64 = e.b.getI64Type();
  auto set = [&](Value structure, int64_t offset, Value value) {
    e.store(value, e.ptr(structure, offset), 8);
  };
  e.loop(sizeof(attn_kernel_args), 8, [&](Value at) {
    e.store(e.load(e.ptr(from, at), i64, 8), e.ptr(to, at), 8);
  });
  for (size_t at : {offsetof(attn_kernel_args, out_stride_batch),
                    offsetof(attn_kernel_args, out_stride_token),
                    offsetof(attn_kernel_args, out_stride_head)})
    set(to, at, e.i64(0));
}

/// Makes row `row` of the current head as f32 at `to`: reads it, or merges it
/// where its request was split.
void ProjectionLowering::stageRow(const Rows &in, Value row, Value to) {
  auto read = [&] { product->stageRow(in.at(e, row), to); };
  if (!combine)
    return read();
  // Tokens of joined batch entries count on from request to request.
  int64_t qLen = combineFact("q_len");
  Value token = e.add(tokenBegin, row);
  Value request = e.divU(token, e.i64(qLen));
  token = e.sub(token, e.mul(request, qLen));
  request = e.add(batch, request);
  Value merge = e.ptr(pointerField(offsetof(attn_project_merge_args, merges)),
                      e.mul(request, sizeof(attn_combine_item)));
  Value parts = field(merge, offsetof(attn_combine_item, slot_count));
  e.ifThen(e.equal(parts, e.i64(0)), read);
  e.ifThen(e.lessThan(e.i64(0), parts), [&] {
    Value mergeArgs = e.ptr(scratch, combineArgs);
    Value mergeItem = e.ptr(scratch, combineItem);
    e.store(to, e.ptr(mergeArgs, offsetof(attn_kernel_args, out)), 8);
    auto set = [&](int64_t offset, Value value) {
      e.store(value, e.ptr(mergeItem, offset), 8);
    };
    for (size_t at : {offsetof(attn_combine_item, batch),
                      offsetof(attn_combine_item, slot_begin),
                      offsetof(attn_combine_item, slot_stride)})
      set(at, field(merge, at));
    set(offsetof(attn_combine_item, slot_count), parts);
    // The row within its KV head.
    int64_t group = op.getHeads() / combineFact("kv_heads");
    Value kvHead = e.divU(head, e.i64(group));
    Value within = e.sub(head, e.mul(kvHead, group));
    Value first = e.add(e.mul(token, group), within);
    set(offsetof(attn_combine_item, head_begin), kvHead);
    set(offsetof(attn_combine_item, head_end), e.add(kvHead, 1));
    set(offsetof(attn_combine_item, row_begin), first);
    set(offsetof(attn_combine_item, row_end), e.add(first, 1));
    func::CallOp::create(
        e.b, e.loc, combine,
        ValueRange{mergeArgs, mergeItem, e.ptr(scratch, combineScratch)});
  });
}

//===----------------------------------------------------------------------===//
// Few rows
//===----------------------------------------------------------------------===//

void ProjectionLowering::multiplyFew(const Rows &in, const Rows &out,
                                     Value weight, Value rows) {
  if (op.getTransposed()) {
    product->transpose(weight, e.ptr(scratch, turned));
    weight = e.ptr(scratch, turned);
  }
  Value four = e.mul(e.divU(rows, e.i64(4)), 4);
  e.loop(e.i64(0), four, 4,
         [&](Value row) { multiplyBlock(in, out, weight, row, 4); });
  Value rest = e.sub(rows, four);
  e.ifThen(e.lessEqual(e.i64(2), rest),
           [&] { multiplyBlock(in, out, weight, four, 2); });
  Value odd = arith::AndIOp::create(e.b, e.loc, rest, e.i64(1));
  e.ifThen(e.lessThan(e.i64(0), odd),
           [&] { multiplyBlock(in, out, weight, e.sub(rows, e.i64(1)), 1); });
}

void ProjectionLowering::multiplyBlock(const Rows &in, const Rows &out,
                                       Value weight, Value first,
                                       int64_t height) {
  e.loop(height, 1, [&](Value row) {
    stageRow(in, e.add(first, row),
             e.ptr(product->staged(), e.mul(row, k() * 4)));
  });
  SmallVector<Value> targets;
  for (int64_t row = 0; row < height; ++row)
    targets.push_back(out.at(e, e.add(first, row)));
  product->multiplyStaged(weight, height, targets);
}

//===----------------------------------------------------------------------===//
// Many rows
//===----------------------------------------------------------------------===//

/// Copies rows from `first` on, up to 32, to `panel` as bf16; f32 as a number
/// of 16 bits and what it leaves over. What the panel holds past the last row
/// is multiplied and never stored.
void ProjectionLowering::packRows(const Rows &in, Value first, Value rows,
                                  const Rows &panel) {
  Value count = e.min(e.sub(rows, first), e.i64(kTileRows));
  e.loop(e.i64(0), count, 1, [&](Value row) {
    Value source = in.at(e, e.add(first, row));
    if (combine) {
      source = product->staged();
      stageRow(in, e.add(first, row), source);
    }
    Value target = panel.at(e, row);
    e.loop(k(), 16, [&](Value i) {
      Value to = e.ptr(target, e.mul(i, 2));
      if (!wide()) {
        e.store(e.load(e.ptr(source, e.mul(i, 2)), e.vec(16, e.bf16()), 2), to,
                2);
        return;
      }
      Value x = e.load(e.ptr(source, e.mul(i, 4)), e.vec(16), 4);
      auto [high, rest] = e.roundBF16Parts(x);
      e.store(high, to, 2);
      e.store(rest, e.ptr(to, k() * 2), 2);
    });
  });
}

void ProjectionLowering::multiplyMany(const Rows &in, const Rows &out,
                                      Value weight, Value rows) {
  Value whole = e.mul(e.divU(rows, e.i64(kTileRows)), kTileRows);
  Value left = e.sub(rows, whole);
  Value packed = e.ptr(scratch, strip);
  Rows panel{e.ptr(scratch, panels), e.i64(product->parts() * k() * 2)};
  // Panels of f32 rows are all kept; of others, the last one alone is made.
  Value last = wide() ? whole : e.i64(0);
  Value hasLast = e.lessThan(e.i64(0), left);
  auto pack = [&](Value row, Value panelRow) {
    packRows(in, row, rows, {panel.at(e, panelRow), panel.stride});
  };
  if (wide())
    e.loop(e.i64(0), whole, kTileRows, [&](Value row) { pack(row, row); });
  e.ifThen(hasLast, [&] { pack(whole, last); });
  e.loop(n(), kTileColumns, [&](Value column) {
    if (op.getTransposed())
      product->packStripTransposed(weight, column, packed);
    else
      product->packStrip(weight, column, packed);
    e.loop(e.i64(0), whole, kTileRows, [&](Value row) {
      product->multiplyTiles(wide() ? panel : in, row, packed, out, row, column,
                             e.i64(kTileRows));
    });
    e.ifThen(hasLast, [&] {
      product->multiplyTiles(panel, last, packed, out, whole, column, left);
    });
  });
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

void ProjectionLowering::emitHead(Value current) {
  head = current;
  batch = field(item, offsetof(attn_project_item, batch));
  tokenBegin = field(item, offsetof(attn_project_item, token_begin));
  Value end = field(item, offsetof(attn_project_item, token_end));
  auto side = [&](int64_t base, int64_t batchStride, int64_t tokenStride,
                  int64_t headStride, int64_t bytes) -> Rows {
    Value token = field(args, tokenStride);
    Value first = e.add(
        e.add(e.mul(batch, field(args, batchStride)), e.mul(tokenBegin, token)),
        e.mul(head, field(args, headStride)));
    return {e.ptr(pointerField(base), e.mul(first, bytes)),
            e.mul(token, bytes)};
  };
  Rows in = side(offsetof(attn_project_args, in),
                 offsetof(attn_project_args, in_stride_batch),
                 offsetof(attn_project_args, in_stride_token),
                 offsetof(attn_project_args, in_stride_head), inBytes());
  Rows out = side(offsetof(attn_project_args, out),
                  offsetof(attn_project_args, out_stride_batch),
                  offsetof(attn_project_args, out_stride_token),
                  offsetof(attn_project_args, out_stride_head), es());
  Value weight = e.ptr(pointerField(offsetof(attn_project_args, weight)),
                       e.mul(head, k() * n() * es()));
  Value rows = e.sub(end, tokenBegin);
  if (!isAmx())
    return multiplyFew(in, out, weight, rows);
  if (!hasFew())
    return multiplyMany(in, out, weight, rows);
  Value limit = e.i64(schedule.getFewRows());
  e.ifThen(e.lessEqual(rows, limit),
           [&] { multiplyFew(in, out, weight, rows); });
  e.ifThen(e.lessThan(limit, rows),
           [&] { multiplyMany(in, out, weight, rows); });
}

/// What the kernel table needs, as a dictionary on the function.
void ProjectionLowering::attachFacts(func::FuncOp func, int64_t scratchBytes) {
  Builder b(op.getContext());
  SmallVector<NamedAttribute> list;
  auto set = [&](StringRef name, int64_t value) {
    list.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(value)));
  };
  set("dtype", dtypeOf(op.getElement()));
  set("in_dtype", dtypeOf(inElement()));
  set("heads", op.getHeads());
  set("k_dim", k());
  set("n_dim", n());
  set("q_len", combine ? combineFact("q_len") : 0);
  int64_t sinks = combine ? combineFact("flags") & ATTN_KERNEL_SINKS : 0;
  set("flags", sinks | flagsOf(op));
  set("scratch_bytes", scratchBytes);
  func->setAttr(kProjectionAttrName, b.getDictionaryAttr(list));
}

LogicalResult ProjectionLowering::run() {
  schedule = op.getScheduleAttr();
  if (!schedule)
    return op.emitOpError("has no schedule");
  if (op.getLatentRows())
    return op.emitOpError("reads latent rows where a cache has them, which GPU "
                          "kernels do; the CPU's runtime brings them together");
  if (k() % 16 || n() % 16)
    return op.emitOpError("k and n must be multiples of 16, got ")
           << k() << " and " << n();
  if (failed(findCombine()))
    return failure();
  product.emplace(e, op.getElement(), k(), n(), op.getWideInput(), schedule,
                  [&](int64_t bytes) { return reserve(bytes); });
  if (op.getRest())
    product->keepRest();
  if (op.getTransposed() && hasFew())
    turned = reserve(k() * n() * es());
  if (isAmx()) {
    panels = reserve((wide() ? ATTN_PROJECT_TOKENS : kTileRows) *
                     product->parts() * k() * 2);
    strip = reserve(product->stripBytes());
  }
  Type pointer = LLVM::LLVMPointerType::get(op.getContext());
  auto func = func::FuncOp::create(
      builder, op.getLoc(), op.getSymName(),
      builder.getFunctionType({pointer, pointer, pointer}, {}));
  Block *entry = func.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  args = entry->getArgument(0);
  item = entry->getArgument(1);
  scratch = entry->getArgument(2);
  product->setScratch(scratch);
  if (combine)
    startMerges();
  e.loop(field(item, offsetof(attn_project_item, head_begin)),
         field(item, offsetof(attn_project_item, head_end)), 1,
         [&](Value head) { emitHead(head); });
  func::ReturnOp::create(builder, op.getLoc());
  attachFacts(func, scratchBytes);
  op.erase();
  return success();
}

LogicalResult attn::cpu::lowerProjection(tile::ProjectionOp op,
                                         bool bf16Convert) {
  return ProjectionLowering(op, bf16Convert).run();
}
