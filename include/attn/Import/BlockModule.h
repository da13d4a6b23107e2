//===- BlockModule.h - Latent attention as its model says it ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_IMPORT_BLOCKMODULE_H
#define ATTN_IMPORT_BLOCKMODULE_H

#include "attn/Import/DecodeModule.h"
#include "attn/Model/LatentBlock.h"

namespace attn {

/// What a model's config.json does not say about a block in use.
struct BlockOptions {
  /// How much of the block is written out.
  enum class Part {
    Block,    ///< from the hidden state on
    Attention ///< from queries and latent rows on, both already turned by RoPE
  };
  static constexpr int64_t kUnknown = mlir::ShapedType::kDynamic;

  Part part = Part::Block;
  DecodeOptions::Element element = DecodeOptions::Element::BF16;
  int64_t batch = kUnknown;
  int64_t queries = kUnknown; ///< new tokens of each sequence
  int64_t context = kUnknown; ///< its tokens, the new ones included
  /// Devices that share the heads; each has the latent rows that its heads
  /// read.
  int64_t tensorParallel = 1;
};

/// One function, `<model type>_block` or `<model type>_attention`, of
/// multi-head latent attention as the model's paper writes it: K and V of every
/// head are decompressed, and attended to. With B the batch, S the new tokens,
/// T all tokens, E the hidden width, H the heads:
///
/// ```
/// block(hidden [B, S, E], positions [B, S], past [B, T - S, rank + rope],
///       w_dkv [E, rank], norm_kv [rank], w_kr [E, rope],
///       w_dq [E, q_rank], norm_q [q_rank], w_uq [H, q_rank, nope + rope],
///       w_uk [H, rank, nope], w_uv [H, rank, v])
///   -> (heads' outputs [B, S, H, v], new latent rows [B, S, rank + rope])
/// attention(query [B, S, H, nope + rope], rows [B, T, rank + rope],
///           w_uk, w_uv) -> heads' outputs
/// ```
///
/// Where queries are not compressed, `w_q [H, E, nope + rope]` stands in the
/// place of the three weights of w_dq's line; where T = S is known, there is no
/// `past`. The output projection, which no form of attention changes, is left
/// to the caller. Interleaved RoPE turns pairs in place; transformers'
/// `apply_rotary_pos_emb_interleave` also permutes them, in queries and keys
/// alike, which no score sees.
///
/// With several latent rows a token (`spec.attention.kvHeads` groups), the rows
/// are [B, T, groups, rank + rope], each with a rotary key for the heads of its
/// group; only `attention` is written of those.
///
/// Refused: heads or groups that `tensorParallel` does not divide, S > T, a
/// whole block of several groups.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildBlockModule(mlir::MLIRContext *context, const model::LatentBlockSpec &spec,
                 const BlockOptions &options);

} // namespace attn

#endif // ATTN_IMPORT_BLOCKMODULE_H
