//===- RaiseForeign.h - Ops of dialects that are not registered -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Other projects' attention ops are read in their generic form, by name, with
// `--allow-unregistered-dialect`; none of those projects is linked. What a
// reader here does not know of an op (an attribute, an operand, a result) may
// change what it computes, and refuses it.
//
// A pattern first checks everything, on types and constants alone, and then
// builds: an op that is refused is left as it was.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISEFOREIGN_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISEFOREIGN_H

#include "Raise.h"

#include <optional>
#include <string>

namespace attn {

/// A pattern on ops of one name.
struct RaiseForeignPattern : mlir::RewritePattern, RaiseRemarks {
  RaiseForeignPattern(llvm::StringRef opName, mlir::MLIRContext *context,
                      mlir::Pass::Statistic &numDone,
                      mlir::Pass::Statistic &numMissed)
      : mlir::RewritePattern(opName, /*benefit=*/1, context),
        RaiseRemarks{numDone, numMissed} {}
};

/// An op, read by position and name. The first thing that it does not have as
/// asked for becomes the reason to refuse it.
class ForeignOp {
public:
  explicit ForeignOp(mlir::Operation *op) : op(op) {}

  /// The operand, or null where there is none or a placeholder for none.
  mlir::Value operand(unsigned index) const;
  /// The attribute, whether it is printed in `<{}>` or in `{}`.
  mlir::Attribute attribute(llvm::StringRef name) const;
  int64_t integer(llvm::StringRef name, int64_t missing);
  double number(llvm::StringRef name, double missing);
  std::string string(llvm::StringRef name, llvm::StringRef missing);
  bool isUsed(unsigned result) const;

  /// Refuses attributes, operands and results beyond those named.
  void expectOnly(llvm::ArrayRef<llvm::StringRef> attributes, unsigned operands,
                  unsigned results);
  /// Refuses a value that is no tensor of this element type and shape, unknown
  /// extents fitting all.
  void expectShape(llvm::StringRef name, mlir::Value value,
                   llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// Refuses for this reason if `holds`, unless there is one already.
  void refuseIf(bool holds, const llvm::Twine &why);
  /// Why the op is refused; empty if it is not.
  const std::string &reason() const { return why; }

private:
  mlir::Operation *op;
  std::string why;
};

/// Attention as a foreign op states it: what is known before anything is built.
struct ForeignAttention {
  mlir::Type element;
  int64_t batch, queries, qHeads, kvHeads, kDim, vDim;
  int64_t newTokens;      ///< of K and V that the op brings
  int64_t pastTokens = 0; ///< of K and V before those
  double scale = 0;       ///< 0: one over the square root of kDim
  double softcap = 0;     ///< 0: none
  bool causal = false;
  int64_t window = 0; ///< tokens seen, the current one included; 0: no limit

  /// Refuses what attn.attend does not have, and fills in the scale.
  void check(ForeignOp &op);
  /// For a mask that shows query i the tokens up to i + pastTokens: aligned at
  /// the first new token, where ours is at the last. The two agree on as many
  /// new tokens as queries; nothing sees what comes after them. Returns that
  /// number, and refuses where it is unknown or tokens are fewer.
  int64_t alignAtFirst(ForeignOp &op);
};

/// `attn.attend` of operands `[B, tokens, heads, D]`. Operands and results of
/// static and of dynamic extents may meet.
mlir::Value buildAttend(mlir::OpBuilder &b, mlir::Location loc,
                        const ForeignAttention &attention, mlir::Value query,
                        mlir::Value key, mlir::Value value, mlir::Value lens,
                        mlir::Value sinks);

/// What a constant mask `[.., S, T]` hides, where our attributes say that.
struct ConstantMask {
  bool causal = false; ///< aligned at the last token
  int64_t window = 0;
};
std::optional<ConstantMask> readConstantMask(mlir::Value mask, int64_t queries,
                                             int64_t tokens);

/// The elements of a constant of any dialect here, or null.
mlir::DenseElementsAttr constantElements(mlir::Value value);

/// The type of a tensor, also of one that is `!torch.vtensor`; null for
/// anything else and for unranked tensors.
mlir::RankedTensorType foreignTensorType(mlir::Value value);

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// `[B, T, heads * D]` as `[B, T, heads, D]`, and back.
mlir::Value splitHeads(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::Value value, int64_t heads);
mlir::Value joinHeads(mlir::OpBuilder &b, mlir::Location loc,
                      mlir::Value value);
/// The indices [offset, offset + size) of one axis.
mlir::Value takeSlice(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                      int64_t axis, int64_t offset, int64_t size);
/// Each element through `body`, to a tensor of `element`.
mlir::Value
mapElements(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
            mlir::Type element,
            llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                           mlir::Value)>
                body);
/// The same value under a type that tells more, or less, of its extents.
mlir::Value castTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value,
                   mlir::Type type);

void populateRaiseOnnx(mlir::RewritePatternSet &patterns,
                       mlir::Pass::Statistic &numDone,
                       mlir::Pass::Statistic &numMissed);
void populateRaiseOrt(mlir::RewritePatternSet &patterns,
                      mlir::Pass::Statistic &numDone,
                      mlir::Pass::Statistic &numMissed);
void populateRaiseIree(mlir::RewritePatternSet &patterns,
                       mlir::Pass::Statistic &numDone,
                       mlir::Pass::Statistic &numMissed);
void populateRaiseTorch(mlir::RewritePatternSet &patterns,
                        mlir::Pass::Statistic &numDone,
                        mlir::Pass::Statistic &numMissed);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_RAISEFOREIGN_H
