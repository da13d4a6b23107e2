//===- Store.cpp - Writing a head's output ----------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The maps between the accumulator and a store (normalising, the sink) are
// computed on the way: MLA's accumulator lies in L2, where each walk counts.

#include "Kernel.h"
#include "attn_kernel_abi.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

bool attn::cpu::isStored(tile::MapOp map) {
  if (map.getNumResults() != 1 || !map.getReductions().empty() ||
      map.getDomain().getCols() == 1 ||
      !isa<tile::KernelOp>(map->getParentOp()))
    return false;
  return llvm::all_of(map->getUsers(), [](Operation *user) {
    if (auto next = dyn_cast<tile::MapOp>(user))
      return isStored(next);
    return isa<tile::StoreOp, tile::StorePartialOp>(user);
  });
}

namespace {

/// Columns of one row of a tile, in the accumulator's order.
class StoredRow {
public:
  StoredRow(Kernel &k, const DenseMap<Value, Buffer> &buffers, Value tile,
            Value row)
      : k(k), buffers(buffers), tile(tile), row(row) {
    loadFactors(tile);
  }

  /// A vector of columns; null if a map has no vector form.
  Value load(Value column) { return load(tile, column); }

private:
  static tile::MapOp mapOf(Value value) {
    auto map = value.getDefiningOp<tile::MapOp>();
    return map && isStored(map) ? map : tile::MapOp();
  }

  /// Loads what is one value a row ahead of the walk over the columns.
  void loadFactors(Value value) {
    if (tile::MapOp map = mapOf(value)) {
      for (Value input : map.getInputs())
        loadFactors(input);
      return;
    }
    Buffer buffer = buffers.lookup(value);
    if (buffer.order == Order::RowVector && !factors.contains(value))
      factors[value] = k.e.broadcastLoad(k.e.ptr(buffer.base, k.e.mul(row, 4)),
                                         k.e.vec(k.lanes()));
  }

  Value load(Value value, Value column) {
    Emitter &e = k.e;
    if (Value factor = factors.lookup(value))
      return factor;
    if (tile::MapOp map = mapOf(value)) {
      SmallVector<Value> inputs;
      for (Value input : map.getInputs()) {
        inputs.push_back(load(input, column));
        if (!inputs.back())
          return {};
      }
      FailureOr<Value> result = emitMapVector(k, map, inputs, row);
      return succeeded(result) ? *result : Value();
    }
    Value index = e.add(e.mul(row, k.vDim()), column);
    return e.load(e.ptr(buffers.lookup(value).base, e.mul(index, 4)),
                  e.vec(k.lanes()), 4);
  }

  Kernel &k;
  const DenseMap<Value, Buffer> &buffers;
  DenseMap<Value, Value> factors;
  Value tile, row;
};

} // namespace

/// Of two vectors of the accumulator's columns, the shuffles that bring them in
/// order; empty where they are.
static std::pair<SmallVector<int64_t>, SmallVector<int64_t>>
columnOrder(Kernel &k) {
  SmallVector<int64_t> low, high;
  if (k.op.getCombine())
    return {low, high};
  int64_t lanes = k.lanes();
  for (int64_t i = 0; i < lanes; ++i) {
    if (amxPermutesColumns(k)) {
      int64_t source = i / 4 % 2 * 16 + i / 8 * 4 + i % 4;
      low.push_back(source);
      high.push_back(source + 8);
    } else if (fmaSplitsColumns(k)) {
      int64_t source = i % 2 * lanes + i / 2;
      low.push_back(source);
      high.push_back(source + lanes / 2);
    }
  }
  return {low, high};
}

LogicalResult attn::cpu::emitStore(Kernel &k,
                                   const DenseMap<Value, Buffer> &buffers,
                                   Value out, Value lse, bool partial) {
  Emitter &e = k.e;
  Type i64 = e.b.getI64Type(), pointer = k.scratch.getType();
  Buffer lseSource = buffers.lookup(lse);
  bool ok = true;
  auto field = [&](int64_t offset) { return e.loadField(k.args, offset, i64); };
  auto body = [&] {
    Value base = e.loadField(k.args,
                             partial ? offsetof(attn_kernel_args, partial_out)
                                     : offsetof(attn_kernel_args, out),
                             pointer);
    Value lseBase =
        e.loadField(k.args,
                    partial ? offsetof(attn_kernel_args, partial_lse)
                            : offsetof(attn_kernel_args, lse),
                    pointer);
    Type stored = partial || k.op.getWideOutput() ? e.f32() : k.element();
    int64_t heads = k.heads() * k.group();
    k.forEachRow([&](Value token, Value groupHead, Value row) {
      Value head = e.add(e.mul(k.head, k.group()), groupHead);
      Value index, lseIndex;
      if (partial) {
        lseIndex =
            e.add(e.mul(e.add(e.mul(k.slot, k.qLen()), token), heads), head);
        index = e.mul(lseIndex, k.vDim());
      } else {
        auto at = [&](int64_t b, int64_t t, int64_t h) {
          return e.add(e.add(e.mul(k.batch, field(b)), e.mul(token, field(t))),
                       e.mul(head, field(h)));
        };
        index = at(offsetof(attn_kernel_args, out_stride_batch),
                   offsetof(attn_kernel_args, out_stride_token),
                   offsetof(attn_kernel_args, out_stride_head));
        lseIndex = at(offsetof(attn_kernel_args, lse_stride_batch),
                      offsetof(attn_kernel_args, lse_stride_token),
                      offsetof(attn_kernel_args, lse_stride_head));
      }
      StoredRow source(k, buffers, out, row);
      Value to = e.ptr(base, e.mul(index, Emitter::bytes(stored)));
      int64_t lanes = k.lanes();
      auto loadColumns = [&](Value column) {
        Value x = source.load(column);
        ok &= bool(x);
        return x ? x : e.zeros(e.vec(lanes));
      };
      auto storeColumns = [&](Value x, Value column) {
        e.store(e.roundTo(x, stored),
                e.ptr(to, e.mul(column, Emitter::bytes(stored))));
      };
      // Partial states are in order: the combine kernel's are.
      auto [low, high] = columnOrder(k);
      int64_t grouped = low.empty() ? 0 : k.vDim() / (2 * lanes) * 2 * lanes;
      if (grouped)
        e.loop(grouped, 2 * lanes, [&, low = low, high = high](Value column) {
          Value next = e.add(column, lanes);
          Value first = loadColumns(column), second = loadColumns(next);
          storeColumns(e.shuffle(first, second, low), column);
          storeColumns(e.shuffle(first, second, high), next);
        });
      e.loop(e.i64(grouped), e.i64(k.vDim()), lanes,
             [&](Value column) { storeColumns(loadColumns(column), column); });
      auto storeLse = [&] {
        e.store(e.load(e.ptr(lseSource.base, e.mul(row, 4)), e.f32(), 4),
                e.ptr(lseBase, e.mul(lseIndex, 4)), 4);
      };
      if (partial) {
        storeLse();
        return;
      }
      Value wanted = arith::XOrIOp::create(
          e.b, e.loc, e.isNull(lseBase),
          arith::ConstantOp::create(e.b, e.loc, e.b.getBoolAttr(true)));
      e.ifThen(wanted, storeLse);
    });
  };
  if (k.op.getCombine()) {
    body();
    return success(ok);
  }
  Value direct = e.lessThan(k.slot, e.i64(0));
  if (partial)
    direct = e.lessEqual(e.i64(0), k.slot);
  e.ifThen(direct, body);
  return success(ok);
}
