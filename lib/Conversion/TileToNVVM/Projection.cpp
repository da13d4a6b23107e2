//===- Projection.cpp - A matrix per head, on a GPU -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Few rows are a stream of weights, which is what the kernel is made for: a CTA
// sends for all rows of its columns at once, before it waits for the kernel
// whose results it multiplies, and reads them once, however many rows come by.

#include "ProjectionKernel.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvvm;

namespace {

/// Rows that the tail of a call is multiplied as.
constexpr int64_t kFewRows = 16;

struct DenseProjection : ProjectionKernel {
  using ProjectionKernel::ProjectionKernel;

  /// Numbers of 16 bits that an element of the input is the sum of.
  int64_t parts() { return wide() ? 2 : 1; }
  int64_t inBytes() { return wide() ? 4 : 2; }

  /// A tensor of rows [batch, tokens, heads, columns], of this CTA's head.
  struct Rows {
    Value base, batch, token;
    int64_t bytes; ///< of an element
  };
  /// From the offsets of its fields in attn_gpu_project.
  Rows rowsOf(int64_t base, int64_t batch, int64_t token, int64_t perHead,
              int64_t bytes) {
    Value start = e.mul(e.toI64(head), i64Field(perHead));
    return {e.ptr(pointerField(base), e.mul(start, bytes)), i64Field(batch),
            i64Field(token), bytes};
  }
  /// Where row `row` (i32) of all tokens starts.
  Value at(const Rows &rows, Value row) {
    Value offset = e.add(e.mul(e.toI64(e.div(row, tokens)), rows.batch),
                         e.mul(e.toI64(e.rem(row, tokens)), rows.token));
    return e.ptr(rows.base, e.mul(offset, rows.bytes));
  }

  void copyTail(const Rows &out);
  void loadInput(const Rows &in, Value first, int64_t rows);
  void splitChunk(Value to, Value from);
  void multiplyBlock(const Rows &in, const Rows &out, Value first,
                     int64_t rows);
  void run(bool dependentLaunch);

  Value tokens, total; ///< of a batch entry, and of all
};
} // namespace

/// What the caller wants behind each row of the output, in 16-byte chunks; the
/// CTA of the first columns copies it.
void DenseProjection::copyTail(const Rows &out) {
  Value pointer = pointerField(offsetof(attn_gpu_project, tail));
  Value wanted = e.both(e.equal(firstColumn, 0), e.negate(e.isNull(pointer)));
  e.ifThen(wanted, [&] {
    Rows tail = rowsOf(offsetof(attn_gpu_project, tail),
                       offsetof(attn_gpu_project, tail_stride_batch),
                       offsetof(attn_gpu_project, tail_stride_token),
                       offsetof(attn_gpu_project, tail_stride_head), 2);
    Value chunks =
        e.div(smallField(offsetof(attn_gpu_project, tail_dim)), kChunk);
    e.loop(thread, e.mul(total, chunks), e.i32(threads()), {},
           [&](Value i, ValueRange) -> SmallVector<Value> {
             Value row = e.div(i, chunks);
             Value offset = e.mul(e.rem(i, chunks), 16);
             Value to = e.ptr(at(out, row), outColumns() * 2);
             auto type = VectorType::get({4}, e.i32Type());
             e.store(e.load(e.ptr(at(tail, row), offset), type, 16),
                     e.ptr(to, offset), 16);
             return {};
           });
  });
}

/// Stores a chunk of eight f32 as two of 16 bits, a part each.
void DenseProjection::splitChunk(Value to, Value from) {
  SmallVector<Value> numbers, rounded, rest;
  for (int64_t i : {0, 1}) {
    Value four = e.load(e.ptr(from, 16 * i), VectorType::get({4}, e.f32()), 16);
    for (int64_t j = 0; j < 4; ++j)
      numbers.push_back(
          LLVM::ExtractElementOp::create(e.b, e.loc, four, e.i32(j)));
  }
  for (int64_t i = 0; i < 8; i += 2) {
    rounded.push_back(e.roundPair(numbers[i], numbers[i + 1], element()));
    rest.push_back(e.roundRest(numbers[i], numbers[i + 1], rounded.back()));
  }
  auto type = VectorType::get({4}, e.i32Type());
  auto storePairs = [&](ArrayRef<Value> pairs, Value at) {
    Value chunk = LLVM::PoisonOp::create(e.b, e.loc, type);
    for (auto [i, pair] : llvm::enumerate(pairs)) {
      Value bits = LLVM::BitcastOp::create(e.b, e.loc, e.i32Type(), pair);
      chunk = LLVM::InsertElementOp::create(e.b, e.loc, chunk, bits, e.i32(i));
    }
    e.store(chunk, at, 16);
  };
  storePairs(rounded, to);
  storePairs(rest, e.ptr(to, layout.partBytes));
}

/// Rows `first` to `first + rows` of the input, the last of all in the place of
/// those past it: what they make is not stored.
void DenseProjection::loadInput(const Rows &in, Value first, int64_t rows) {
  auto source = [&](Value local) {
    Value row = e.min(e.add(first, local), e.add(total, -1));
    return std::pair(at(in, row), Value());
  };
  auto move = [&](Value to, Value from, Value) {
    if (wide())
      return splitChunk(to, from);
    auto type = VectorType::get({4}, e.i32Type());
    e.store(e.load(from, type, 16), to, 16);
  };
  emitMoveRows(e, cta(), layout.input, e.ptr(shared, layout.inputOffset), rows,
               k(), kChunk * inBytes(), source, move);
}

/// Rows `first` to `first + rows` times this CTA's weights. Ends after a
/// barrier.
void DenseProjection::multiplyBlock(const Rows &in, const Rows &out,
                                    Value first, int64_t rows) {
  loadInput(in, first, rows);
  Operands operands{e, lane};
  int64_t rowBlocks = rows / 16, n = blocks();
  Fragment sums(rowBlocks * n * 4, e.f32(0));
  Value weight = e.ptr(shared, layout.weightOffset);
  Value input = e.ptr(shared, layout.inputOffset);
  for (int64_t stage = 0; stage < schedule.getStages(); ++stage) {
    // Everybody's copies of this stage have landed, and the rows are there.
    e.waitCopies(schedule.getStages() - 1 - stage);
    e.barrier();
    for (int64_t step = firstStep(stage); step < firstStep(stage + 1); ++step) {
      SmallVector<SmallVector<Value>> a; // [row block][part]
      for (int64_t m = 0; m < rowBlocks; ++m)
        for (int64_t part = 0; part < parts(); ++part)
          a.push_back(operands.a(layout.input,
                                 e.ptr(input, part * layout.partBytes), m * 16,
                                 step));
      for (int64_t j = 0; j < n; j += 2) {
        SmallVector<Value> b = weights(weight, step, j);
        for (int64_t m = 0; m < rowBlocks; ++m)
          for (int64_t part = 0; part < parts(); ++part)
            for (int64_t i = 0; i < 2; ++i)
              multiply(e, sums, (m * n + j + i) * 4, a[m * parts() + part],
                       ArrayRef<Value>(b).slice(2 * i, 2), element());
      }
    }
  }
  store(sums, [&](Value local) {
    Value row = e.add(first, local);
    return std::pair(at(out, row), e.less(row, total));
  });
  e.barrier(); // the next rows overwrite these
}

void DenseProjection::run(bool dependentLaunch) {
  identify();
  if (dependentLaunch)
    e.launchDependents();
  sendForWeights();
  if (dependentLaunch)
    e.waitForPredecessor();

  tokens = smallField(offsetof(attn_gpu_project, tokens));
  total = e.mul(smallField(offsetof(attn_gpu_project, batch)), tokens);
  Rows in =
      rowsOf(offsetof(attn_gpu_project, tensors.in),
             offsetof(attn_gpu_project, tensors.in_stride_batch),
             offsetof(attn_gpu_project, tensors.in_stride_token),
             offsetof(attn_gpu_project, tensors.in_stride_head), inBytes());
  Rows out = rowsOf(offsetof(attn_gpu_project, tensors.out),
                    offsetof(attn_gpu_project, tensors.out_stride_batch),
                    offsetof(attn_gpu_project, tensors.out_stride_token),
                    offsetof(attn_gpu_project, tensors.out_stride_head), 2);
  copyTail(out);
  int64_t rows = schedule.getRows();
  e.loop(e.i32(0), total, e.i32(rows), {},
         [&](Value first, ValueRange) -> SmallVector<Value> {
           if (rows == kFewRows) {
             multiplyBlock(in, out, first, rows);
             return {};
           }
           Value few = e.lessEqual(e.sub(total, first), e.i32(kFewRows));
           e.ifThen(few, [&] { multiplyBlock(in, out, first, kFewRows); });
           e.ifThen(e.negate(few),
                    [&] { multiplyBlock(in, out, first, rows); });
           return {};
         });
}

/// What the lowering cannot do.
static LogicalResult check(tile::ProjectionOp op) {
  if (!op.getGpuSchedule())
    return op.emitOpError("has no gpu_schedule; run attn-select-gpu-schedule "
                          "before convert-attn-to-tile");
  if (op.getElement().isF32())
    return op.emitOpError("has weights of f32; mma.sync multiplies bf16 and "
                          "f16 only");
  if (op.getK() % 16)
    return op.emitOpError("k must be a multiple of 16, got ") << op.getK();
  return success();
}

LogicalResult attn::nvvm::lowerProjection(tile::ProjectionOp op,
                                          bool dependentLaunch) {
  if (failed(check(op)))
    return failure();
  OpBuilder b(op);
  tile::GPUProjectionScheduleAttr schedule = *op.getGpuSchedule();
  auto [func, args] =
      createKernel(b, op.getLoc(), op.getSymName(), sizeof(attn_gpu_args),
                   schedule.getWarps() * kWarp, schedule.getCtasPerSm());
  if (op.getLatentRows())
    emitLatentProjection(b, op, args, dependentLaunch);
  else
    DenseProjection(b, op, args).run(dependentLaunch);
  LLVM::ReturnOp::create(b, op.getLoc(), ValueRange{});
  ProjectionKernel(b, op, args).attachFacts(func);
  op.erase();
  return success();
}
