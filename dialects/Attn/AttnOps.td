//===- AttnOps.td - Operations of the attn dialect ---------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_OPS_TD
#define ATTN_OPS_TD

include "AttnTypes.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Attn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attn_Dialect, mnemonic, traits>;

def Attn_Float : AnyTypeOf<[BF16, F16, F32]>;
class Attn_Tensor<int rank> : TensorRankOf<[Attn_Float], [rank]>;
class Attn_F32Tensor<int rank> : TensorRankOf<[F32], [rank]>;
class Attn_I32Tensor<int rank> : TensorRankOf<[I32], [rank]>;

def Attn_AttendOp : Attn_Op<"attend", [Pure, AttrSizedOperandSegments]> {
  let summary = "Attention of query tokens over keys and values";
  let description = [{
    For batch `b`, query token `i`, query head `h` with KV head
    `g = h / (q / kv)` and cached token `j`:

    ```
    x[j]   = scale * dot(query[b, i, h], K[b, j, g])
    x[j]   = softcap * tanh(x[j] / softcap)                 if softcap
    x[j]   = score(x[j], b, h, qpos(i), j)                  if a score region
    x[j]   = -inf                                           where masked
    out    = sum_j exp(x[j]) V[b, j, g] / (sum_j exp(x[j]) + exp(sink[h]))
    lse    = log(sum_j exp(x[j]))
    ```

    with `qpos(i) = len(b) - S + i`, where `S` is the number of query tokens
    and `len(b)` counts the tokens of the sequence *including* these `S`.
    A row that sees no token gives out = 0 and lse = -inf.

    With `up(W_UK, W_UV)` the rows `[c | r]` of the key are latent ones, and
    what is attended to is decompressed from them: head `h` has the key
    `[c W_UK[h] | r]` and the value `c W_UV[h]` of its group's row. `form` says how
    a kernel goes about it and changes nothing else.

    Keys and values come from a cache, or from tensors `[B, T, kv, D]`; then
    `lens` may give the valid tokens of each sequence (default: all `T`).
    With a latent cache, or with no value operand, V is the first `Dv` elements
    of K's row.

    Constraints:
    - (A1) query's head count is `heads.q`; K's and V's is `heads.kv`;
    - (A2) query's width is K's width;
    - (A3) the output is `[B, S, q, Dv]` with Dv the width of V, and at most K's
      width where V is a prefix of K;
    - (A4) lse, where asked, is `[B, S, q]`; sinks, where given, are `[q]`;
    - (A5) `scale` is explicit and finite; `softcap`, where given, is positive
      and finite;
    - (A6) the score region takes `(f32, i32, i32, i32, i32)`, score, batch,
      query head, query position, key position, and yields one f32;
    - (A7) `latent`, where given without `up`, agrees with a latent key: K is
      `rank + rope` wide, V `rank`, and there is one KV head a group;
    - (A8) a value operand goes with a key tensor only; `lens` likewise;
    - (A9) element types of query, K, V and output are equal;
    - (A10) batches, and the tokens of K and V, agree where static;
    - (A11) `up` goes with `latent`, one KV head a group, and latent rows (a latent
      cache, or `[B, T, groups, rank + rope]`); it excludes a value operand. The
      query is then `nope + rope` wide and the output `v`. W_UK is `[q, rank, nope]`, or
      `[q, nope, rank]` with `up_transposed` (as the absorbed form reads it),
      W_UV is `[q, rank, v]`; `form` and `up_transposed` need `up`.

    Example:
    ```mlir
    %o = attn.attend %q, %cache {heads = #attn.heads<q = 32, kv = 8>,
           mask = #attn.mask<causal>, scale = 0.0883883461 : f32}
       : (tensor<?x1x32x128xbf16>,
          !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>)
       -> tensor<?x1x32x128xbf16>
    %o = attn.attend %q, %rows up(%w_uk, %w_uv) {
           form = #attn.form<fused_decompress>, heads = #attn.heads<q = 16, kv = 1>,
           latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
           scale = 0.0721687824 : f32}
       : (tensor<?x64x16x192xbf16>,
          !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = 64>,
          tensor<16x512x128xbf16>, tensor<16x512x128xbf16>)
       -> tensor<?x64x16x128xbf16>
    ```
  }];
  let arguments = (ins Attn_Tensor<4>:$query,
      AnyTypeOf<[Attn_Tensor<4>, Attn_KVCacheType]>:$key,
      Optional<Attn_Tensor<4>>:$value,
      Optional<Attn_I32Tensor<1>>:$lens,
      Optional<Attn_F32Tensor<1>>:$sinks,
      Optional<Attn_Tensor<3>>:$up_k, Optional<Attn_Tensor<3>>:$up_v,
      Attn_HeadsAttr:$heads, OptionalAttr<Attn_MaskAttr>:$mask,
      F32Attr:$scale, OptionalAttr<F32Attr>:$softcap,
      OptionalAttr<Attn_LatentAttr>:$latent,
      OptionalAttr<Attn_FormAttr>:$form, UnitAttr:$up_transposed);
  let results = (outs Attn_Tensor<4>:$output, Optional<Attn_F32Tensor<3>>:$lse);
  let regions = (region AnyRegion:$score);
  let assemblyFormat = [{
    $query `,` $key (`,` $value^)? (`lens` `(` $lens^ `)`)?
    (`sinks` `(` $sinks^ `)`)? (`up` `(` $up_k^ `,` $up_v `)`)? attr-dict
    (`score` $score^)? `:` functional-type(operands, results)
  }];
  let builders = [
    // Without up-projections.
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::Value":$query,
        "::mlir::Value":$key, "::mlir::Value":$value, "::mlir::Value":$lens,
        "::mlir::Value":$sinks, "::attn::HeadsAttr":$heads,
        "::attn::MaskAttr":$mask, "::mlir::FloatAttr":$scale,
        "::mlir::FloatAttr":$softcap, "::attn::LatentAttr":$latent)>,
    OpBuilder<(ins "::mlir::Type":$output, "::mlir::Type":$lse,
        "::mlir::Value":$query, "::mlir::Value":$key, "::mlir::Value":$value,
        "::mlir::Value":$lens, "::mlir::Value":$sinks,
        "::attn::HeadsAttr":$heads, "::attn::MaskAttr":$mask,
        "::mlir::FloatAttr":$scale, "::mlir::FloatAttr":$softcap,
        "::attn::LatentAttr":$latent)>];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    KVCacheType getCacheType() {
      return ::llvm::dyn_cast<KVCacheType>(getKey().getType());
    }
    /// True where V is a prefix of K's row.
    bool valueIsPrefixOfKey();
    /// True where K and V are decompressed from the key's latent rows.
    bool hasUpProjections() { return static_cast<bool>(getUpK()); }
    bool isCausal() { return getMask() && getMask()->getCausal(); }
    int64_t getWindow() { return getMask() ? getMask()->getWindow() : 0; }
    int64_t getKDim() { return getQuery().getType().getDimSize(3); }
    int64_t getVDim() { return getOutput().getType().getDimSize(3); }
  }];
}

def Attn_MergeOp : Attn_Op<"merge", [Pure]> {
  let summary = "Combine partial attention states by their log-sum-exp";
  let description = [{
    `N` states over disjoint sets of tokens, each normalised, combine to the
    state over their union (FlashAttention, arXiv 2205.14135; Cascade inference
    in FlashInfer):

    ```
    lse = log(sum_n exp(lses[n]))
    out = sum_n exp(lses[n] - lse) * outs[n]
    ```

    Associative and commutative up to rounding; the order of the sum is the
    order of `n`. States with lse = -inf do not count; if all are, out = 0.

    Constraints: (G1) outs is `[N, B, S, H, D]`, lses `[N, B, S, H]`, out
    `[B, S, H, D]`, lse `[B, S, H]` with equal extents.

    Example:
    ```mlir
    %o, %l = attn.merge %outs, %lses
      : (tensor<2x?x1x32x128xf32>, tensor<2x?x1x32xf32>)
      -> (tensor<?x1x32x128xbf16>, tensor<?x1x32xf32>)
    ```
  }];
  let arguments = (ins Attn_F32Tensor<5>:$outs, Attn_F32Tensor<4>:$lses);
  let results = (outs Attn_Tensor<4>:$output, Attn_F32Tensor<3>:$lse);
  let assemblyFormat = [{
    $outs `,` $lses attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Attn_CacheAppendOp : Attn_Op<"cache_append", []> {
  let summary = "Write new tokens into a KV cache";
  let description = [{
    Writes row `n` of `key` (and `value`) to slot `slots[n]`, counted in tokens
    over the pool: block `slot / page`, offset `slot % page`. Slot -1 skips the
    row (padding). Lengths are the engine's business and do not change. Two rows
    with one slot are undefined. A latent cache takes one operand, the whole row
    `[latent | rope]`.

    Constraints: (P1) key is `[N, heads, Kdim]` of the cache's element type;
    (P2) value is `[N, heads, Vdim]`, present exactly when the cache has a v
    part; (P3) slots is `[N]`; (P4) the result has the cache's type.

    Example:
    ```mlir
    %c1 = attn.cache_append %c0, %k, %v slots(%slots)
      : (!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>,
         tensor<?x8x128xbf16>, tensor<?x8x128xbf16>, tensor<?xi64>)
      -> !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
    ```
  }];
  let arguments = (ins Attn_KVCacheType:$cache, Attn_Tensor<3>:$key,
      Optional<Attn_Tensor<3>>:$value, TensorRankOf<[I64], [1]>:$slots);
  let results = (outs Attn_KVCacheType:$result);
  let assemblyFormat = [{
    $cache `,` $key (`,` $value^)? `slots` `(` $slots `)` attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Attn_ProjectOp : Attn_Op<"project", [Pure]> {
  let summary = "One matrix per head";
  let description = [{
    `out[b, s, h, n] = sum_k input[b, s, h, k] * weight[h, k, n]`: the form of
    MLA's absorbed projections (`q_nope * W_UK`, `o * W_UV`), with the head
    structure visible.

    Constraints: (R1) weight is `[H, K, N]` with input `[B, S, H, K]` and output
    `[B, S, H, N]`.

    Example:
    ```mlir
    %y = attn.project %x, %w : (tensor<?x1x128x128xbf16>, tensor<128x128x512xbf16>)
       -> tensor<?x1x128x512xbf16>
    ```
  }];
  let arguments = (ins Attn_Tensor<4>:$input, Attn_Tensor<3>:$weight);
  let results = (outs Attn_Tensor<4>:$output);
  let assemblyFormat = [{
    $input `,` $weight attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Attn_CompressOp : Attn_Op<"compress", [Pure]> {
  let summary = "Hidden state to latent row";
  let description = [{
    `latent = RMSNorm(hidden * weight) * norm` where `norm` is given, else
    `hidden * weight` (DeepSeek-V2's W_DKV). RMSNorm divides by
    `sqrt(mean(x^2) + eps)`.

    Constraints: (K1) hidden is `[B, S, E]`, weight `[E, R]`, norm `[R]`, output
    `[B, S, R]`; (K2) `eps` is not negative.

    Example:
    ```mlir
    %c = attn.compress %x, %w norm(%g) {eps = 1.0e-6 : f32}
      : (tensor<?x1x7168xbf16>, tensor<7168x512xbf16>, tensor<512xbf16>)
      -> tensor<?x1x512xbf16>
    ```
  }];
  let arguments = (ins Attn_Tensor<3>:$hidden, Attn_Tensor<2>:$weight,
      Optional<Attn_Tensor<1>>:$norm, DefaultValuedAttr<F32Attr, "1.0e-6f">:$eps);
  let results = (outs Attn_Tensor<3>:$output);
  let assemblyFormat = [{
    $hidden `,` $weight (`norm` `(` $norm^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Attn_DecompressOp : Attn_Op<"decompress", [Pure]> {
  let summary = "Latent rows to keys or values of every head";
  let description = [{
    `out[b, t, h, n] = sum_r latent[b, t, r] * weight[h, r, n]` (DeepSeek-V2's
    W_UK and W_UV). With grouped latents, `[B, T, G, R]`, head `h` reads row
    `h / (H / G)`.

    Constraints: (D1) latent is `[B, T, R]` or `[B, T, G, R]`, weight
    `[H, R, N]`, output `[B, T, H, N]`; (D2) `G` is static and divides `H`.

    Example:
    ```mlir
    %v = attn.decompress %c, %w : (tensor<?x?x512xbf16>, tensor<128x512x128xbf16>)
       -> tensor<?x?x128x128xbf16>
    ```
  }];
  let arguments = (ins TensorRankOf<[Attn_Float], [3, 4]>:$latent,
      Attn_Tensor<3>:$weight);
  let results = (outs Attn_Tensor<4>:$output);
  let assemblyFormat = [{
    $latent `,` $weight attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Attn_RopeOp : Attn_Op<"rope", [Pure]> {
  let summary = "Rotary position embedding";
  let description = [{
    Rotates the pairs of elements `[offset, offset + dims)` of each head by
    `a = position * f[i]` for pair `i`: `(x, y)` becomes
    `(x cos a - y sin a, x sin a + y cos a)` (RoFormer, arXiv 2104.09864). The
    frequencies `f`, in radians a token, are `theta^(-2 i / dims)`, or
    `frequencies` where a model scales them (YaRN, arXiv 2309.00071). Pairs are
    `(i, i + dims/2)`, or `(2i, 2i + 1)` with `interleaved`. The other elements
    pass through.

    Constraints: (O1) input and output have one type; (O2) positions is
    `[B, S]`; (O3) `dims` is even, positive, and `offset + dims` fits the head;
    (O4) either `theta`, positive, or `frequencies`, `dims / 2` finite numbers.

    Example:
    ```mlir
    %y = attn.rope %x, %pos {theta = 1.0e4 : f32, offset = 128 : i64, dims = 64 : i64, interleaved}
       : (tensor<?x1x128x192xbf16>, tensor<?x1xi32>) -> tensor<?x1x128x192xbf16>
    ```
  }];
  let arguments = (ins Attn_Tensor<4>:$input, Attn_I32Tensor<2>:$positions,
      OptionalAttr<F32Attr>:$theta, OptionalAttr<DenseF32ArrayAttr>:$frequencies,
      I64Attr:$offset, I64Attr:$dims, UnitAttr:$interleaved);
  let results = (outs Attn_Tensor<4>:$output);
  let assemblyFormat = [{
    $input `,` $positions attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Attn_YieldOp : Attn_Op<"yield", [Pure, Terminator,
                                     HasParent<"AttendOp">]> {
  let summary = "The modified score";
  let description = [{
    Ends the score region of `attn.attend`.

    ```mlir
    attn.yield %score : f32
    ```
  }];
  let arguments = (ins F32:$score);
  let assemblyFormat = "$score attr-dict `:` type($score)";
}

#endif // ATTN_OPS_TD
