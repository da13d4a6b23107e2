//===- TileOps.td - Operations of the tile dialect ---------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TILE_OPS_TD
#define TILE_OPS_TD

include "TileDialect.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

def Tile_KernelOp : Tile_Op<"kernel", [Symbol, IsolatedFromAbove, NoTerminator,
                                       SingleBlock]> {
  let summary = "The work of one KV head over one range of tokens";
  let description = [{
    `rows = group × q_len` query rows of one KV head meet the tokens of the work
    item. The target adds the loops over KV heads and tiles around the body.
    `schedule` (for a CPU) or `gpu_schedule` is written by a select pass; lowering
    without one is an error.
    `combine` marks the kernel that merges partial states instead of streaming
    the cache. With `wide_output` the output leaves in f32, for a kernel behind
    this one.

    With `up` the cache holds latent rows, of which the kernel makes K and V of
    each query head, tile by tile (`tile.decompress`). The heads then share rows,
    but no K: a work item has query heads in the place of KV heads, and `rows =
    q_len`. Query head `h` reads the latent rows of KV head `h / group`, of which
    the cache has one, or one for each latent row of a token (GLA). The target
    puts heads outermost, so that the head's matrices stay at hand, a tile is
    decompressed once for all query tokens, and one head's state is kept.
    `up_schedule`, or `gpu_up_schedule`, says how it multiplies.

    With `rest` the first `rest` columns of one operand of the scores are numbers
    that were rounded, and what rounding left of them follows as `rest` more
    columns, before the others: of the query where V is in K, as W_UK's product
    with it has to be rounded; of the keys otherwise, made by `up` or lying in
    the cache like this, whose `k` then counts them. `tile.dot` adds both parts'
    products.

    Constraints: (N1) group and q_len positive; (N2) element types bf16, f16 or
    f32 in `cache`; (N3) `up` needs `v_in_k`, and a kernel that streams; (N4)
    `rest` needs bf16, a multiple of 32, and a kernel that streams; with `up` it
    is `nope`, of other latent rows `v`, and else at most half of `k`.

    Example:
    ```mlir
    tile.kernel @decode attributes {group = 4 : i64, q_len = 1 : i64,
        cache = #tile.cache<heads = 8, k = 128, v = 128, element = bf16,
                            layout = row, v_in_k = false>} {
      %q = tile.query : !tile.tile<4x128xbf16>
      ...
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$group, I64Attr:$q_len,
      Tile_CacheAttr:$cache, OptionalAttr<Tile_ScheduleAttr>:$schedule,
      OptionalAttr<Tile_GPUScheduleAttr>:$gpu_schedule,
      UnitAttr:$combine, DefaultValuedAttr<F32Attr, "1.0f">:$scale,
      DefaultValuedAttr<F32Attr, "0.0f">:$softcap, DefaultValuedAttr<I64Attr, "0">:$window,
      UnitAttr:$causal, UnitAttr:$sinks, UnitAttr:$score_mod,
      UnitAttr:$wide_output, OptionalAttr<Tile_UpAttr>:$up,
      OptionalAttr<Tile_ProjectionScheduleAttr>:$up_schedule,
      OptionalAttr<Tile_GPUUpScheduleAttr>:$gpu_up_schedule,
      DefaultValuedAttr<I64Attr, "0">:$rest);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Query rows per head that has a K of its own.
    int64_t getRows() { return (getUp() ? 1 : getGroup()) * getQLen(); }
    /// Columns of the query or the keys of which a rest follows.
    int64_t getQueryRest() { return restIsOfQuery() ? getRest() : 0; }
    int64_t getKeyRest() { return restIsOfQuery() ? 0 : getRest(); }
    bool restIsOfQuery() { return getCache().getVInK() && !getUp(); }
    /// Width of the keys, without a rest, and of the values that queries meet.
    int64_t getKeyWidth() {
      CacheAttr cache = getCache();
      return getUp() ? getUp()->getNope() + cache.getK() - cache.getV()
                     : cache.getK() - getKeyRest();
    }
    /// The same with the rest, of the query and of the keys.
    int64_t getQueryColumns() { return getKeyWidth() + getQueryRest(); }
    int64_t getKeyColumns() { return getKeyWidth() + getKeyRest(); }
    int64_t getValueWidth() { return getUp() ? getUp()->getV() : getCache().getV(); }
  }];
}

def Tile_QueryOp : Tile_Op<"query", [Pure]> {
  let summary = "The query rows of the work item";
  let description = [{
    `group × q_len` rows of K's width, and of what the kernel's `rest` adds.

    ```mlir
    %q = tile.query : !tile.tile<4x128xbf16>
    ```
  }];
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_SinkOp : Tile_Op<"sink", [Pure]> {
  let summary = "The attention sink of each row";
  let description = [{
    One natural-log logit per row: `sinks[head]`.

    ```mlir
    %s = tile.sink : !tile.tile<4x1xf32>
    ```
  }];
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_ConstantOp : Tile_Op<"constant", [Pure]> {
  let summary = "A tile of one value";
  let description = [{
    ```mlir
    %m = tile.constant -1.0e30 : !tile.tile<4x1xf32>
    ```
  }];
  let arguments = (ins F32Attr:$value);
  let results = (outs Tile_TileType:$result);
  let hasCustomAssemblyFormat = 1;
}

class Tile_StreamBase<string mnemonic> : Tile_Op<mnemonic, [SingleBlock,
    AllTypesMatch<["inits", "results"]>]> {
  let arguments = (ins Variadic<Tile_TileType>:$inits);
  let results = (outs Variadic<Tile_TileType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Tile_StreamOp : Tile_StreamBase<"stream"> {
  let summary = "Walk the tokens of the work item, tile by tile";
  let description = [{
    The body sees one tile of K (`kv_tile × k`), one of V (`kv_tile × v`; the
    prefix of K where the cache says so) and the carried tiles, and yields the
    next ones. Tokens past the end of the range hold anything in K (mask them)
    and zeros in V.

    Constraints: (T1) the block takes K, V and the carried tiles; (T2) it yields
    the carried types.

    ```mlir
    %r:3 = tile.stream (%k, %v) : (!tile.tile<64x128xbf16>, !tile.tile<64x128xbf16>)
           iter(%m = %m0, %l = %l0, %a = %a0)
         : (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x128xf32>) {
      ...
      tile.yield %m1, %l1, %a1
        : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>, !tile.tile<4x128xf32>
    }
    ```
  }];
}

def Tile_PartialsOp : Tile_StreamBase<"partials"> {
  let summary = "Walk the partial states of a request, in slot order";
  let description = [{
    The body sees a partial output (`rows × v`, f32, normalised), its natural
    log-sum-exp (`rows × 1`, f32) and the carried tiles.

    Constraints: T1 and T2 as for `tile.stream`, with the output and the
    log-sum-exp in the place of K and V.

    ```mlir
    %r = tile.partials (%o, %lse) : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>)
         iter(%a = %a0) : (!tile.tile<4x128xf32>) {
      ...
      tile.yield %a1 : !tile.tile<4x128xf32>
    }
    ```
  }];
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator]> {
  let summary = "Ends a tile region";
  let description = [{
    ```mlir
    tile.yield %m1, %l1 : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
}

def Tile_WeightOp : Tile_Op<"weight", [Pure]> {
  let summary = "The matrix that makes K or V of latent rows";
  let description = [{
    Of the query head at hand, `rank × n`: W_UK for `key`, W_UV for `value`. The
    kernel has `up`. With `transposed` it lies in memory as `n × rank`, which is
    how the query's projection reads W_UK.

    Constraints: (K1) the extents are those of the kernel's `cache` and `up`.

    ```mlir
    %w = tile.weight key : !tile.tile<512x128xbf16>
    ```
  }];
  let arguments = (ins Tile_UpPartAttr:$part, UnitAttr:$transposed);
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = "$part (`transposed` $transposed^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_DecompressOp : Tile_Op<"decompress", [Pure]> {
  let summary = "Latent rows times a head's matrix";
  let description = [{
    `result[t, n] = sum_r rows[t, r] * weight[r, n]`, accumulated in f32 and
    rounded to the element type. With `rest` what that leaves of the N columns,
    rounded too, follows them. Columns of the rows past the matrix, the rotary
    part, come last, as they are.

    Constraints: (D1) rows `T×C`, weight `R×N` with R <= C, result `T×(N + C -
    R)`, with `rest` `T×(2 N + C - R)`, all of one element type.

    Example (test/Conversion/AttnToTile/projections.mlir):
    ```mlir
    %k = tile.decompress %c, %w
      : (!tile.tile<64x576xbf16>, !tile.tile<512x128xbf16>) -> !tile.tile<64x192xbf16>
    ```
  }];
  let arguments = (ins Tile_TileType:$rows, Tile_TileType:$weight, UnitAttr:$rest);
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = "$rows `,` $weight attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tile_DotOp : Tile_Op<"dot", [Pure]> {
  let summary = "Query rows times the transposed K tile";
  let description = [{
    `result[r, t] = sum_d q[r, d] * k[t, d]`, accumulated in f32.

    With `rest = n` one of the two is wider by `n` columns: its columns `n` to `2n`
    are what rounding left of its first `n` (see `tile.kernel`). With `w` the
    wider and `x` the narrower, `result = sum_(d < n) w[d] * x[d] + sum_d w[n + d]
    * x[d]`.

    Constraints: (U1) `R×D`, `T×E` → `R×T` f32, element types of q and k equal; D
    and E differ by `rest`, which is at most the smaller.

    ```mlir
    %s = tile.dot %q, %k : (!tile.tile<4x128xbf16>, !tile.tile<64x128xbf16>) -> !tile.tile<4x64xf32>
    ```
  }];
  let arguments = (ins Tile_TileType:$q, Tile_TileType:$k,
                       DefaultValuedAttr<I64Attr, "0">:$rest);
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = "$q `,` $k attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tile_DotAccOp : Tile_Op<"dot_acc", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "Rescale the accumulator and add weights times V";
  let description = [{
    `result[r, d] = alpha[r] * acc[r, d] + sum_t p[r, t] * v[t, d]` in f32.

    Constraints: (V1) p `R×T`, v `T×D`, acc `R×D` f32, alpha `R×1` f32.

    ```mlir
    %a1 = tile.dot_acc %p, %v, %a, %alpha
      : (!tile.tile<4x64xbf16>, !tile.tile<64x128xbf16>, !tile.tile<4x128xf32>,
         !tile.tile<4x1xf32>) -> !tile.tile<4x128xf32>
    ```
  }];
  let arguments = (ins Tile_TileType:$p, Tile_TileType:$v, Tile_TileType:$acc,
                       Tile_TileType:$alpha);
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = "$p `,` $v `,` $acc `,` $alpha attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Tile_ScoreOp : Tile_Op<"score", [Pure]> {
  let summary = "Raw logits to masked scores in base 2";
  let description = [{
    In this order: times `scale`; soft-cap; the score region; times log2(e);
    -inf where the mask hides the key or the key lies at or past the end of the
    work item. The region takes (score, batch, query head, query position, key
    position) as `attn.attend`'s does. `no_mask` is for scores that are not over
    keys (partial states).

    Expanded by `tile-expand` together with the `tile.online_softmax` that reads
    it.

    ```mlir
    %x = tile.score %s {scale = 0.088 : f32, causal}
      : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
    ```
  }];
  let arguments = (ins Tile_TileType:$input, F32Attr:$scale,
      DefaultValuedAttr<F32Attr, "0.0f">:$softcap, UnitAttr:$causal,
      DefaultValuedAttr<I64Attr, "0">:$window, UnitAttr:$no_mask);
  let results = (outs Tile_TileType:$result);
  let regions = (region AnyRegion:$region);
  let assemblyFormat = "$input attr-dict (`region` $region^)? `:` type($input) `->` type($result)";
}

def Tile_OnlineSoftmaxOp : Tile_Op<"online_softmax", [Pure]> {
  let summary = "One step of the online softmax";
  let description = [{
    With `x` the scores in base 2 and `(m, l)` the running maximum and sum
    (Milakov and Gimelshein, arXiv 1805.02867), the maximum moved only where it
    grows by more than `threshold` (lazy rescaling as in FlashAttention-4: the
    weights stay below 2^threshold):

    ```
    M      = max_t x[t];  m1 = M > m + threshold ? M : m
    alpha  = exp2(m - m1); 1 where m is what it starts at
    p[t]   = exp2(x[t] - m1)
    l1     = alpha * l + sum_t p[t]
    ```

    The running maximum starts at -1e30, which no finite score reaches, so a
    fully masked row keeps l = 0 and no NaN arises.

    ```mlir
    %p, %m1, %l1, %alpha = tile.online_softmax %x, %m, %l {threshold = 8.0 : f32}
      : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
      -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>,
          !tile.tile<4x1xf32>)
    ```
  }];
  let arguments = (ins Tile_TileType:$score, Tile_TileType:$m, Tile_TileType:$l,
      DefaultValuedAttr<F32Attr, "8.0f">:$threshold);
  let results = (outs Tile_TileType:$p, Tile_TileType:$m_next,
      Tile_TileType:$l_next, Tile_TileType:$alpha);
  let assemblyFormat = "$score `,` $m `,` $l attr-dict `:` functional-type(operands, results)";
}

def Tile_NormalizeOp : Tile_Op<"normalize", [Pure]> {
  let summary = "Running state to output and log-sum-exp";
  let description = [{
    `out = acc / l`, `lse = (m + log2 l) * ln 2`; where l = 0, out = 0 and
    lse = -inf. Expanded by `tile-expand`.

    ```mlir
    %o, %lse = tile.normalize %acc, %m, %l
      : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
      -> (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>)
    ```
  }];
  let arguments = (ins Tile_TileType:$acc, Tile_TileType:$m, Tile_TileType:$l);
  let results = (outs Tile_TileType:$out, Tile_TileType:$lse);
  let assemblyFormat = "$acc `,` $m `,` $l attr-dict `:` functional-type(operands, results)";
}

def Tile_ApplySinkOp : Tile_Op<"apply_sink", [Pure, AllTypesMatch<["out", "result"]>]> {
  let summary = "The sink, as an epilogue";
  let description = [{
    A sink adds exp(sink) to the denominator only:
    `result = out * 1 / (1 + exp(sink - lse))`; exact, and applied once, after
    all partial states are merged. The log-sum-exp stays without the sink.
    Expanded by `tile-expand`.

    ```mlir
    %o1 = tile.apply_sink %o, %lse, %sink
      : (!tile.tile<4x128xf32>, !tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
      -> !tile.tile<4x128xf32>
    ```
  }];
  let arguments = (ins Tile_TileType:$out, Tile_TileType:$lse, Tile_TileType:$sink);
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = "$out `,` $lse `,` $sink attr-dict `:` functional-type(operands, results)";
}

def Tile_MapOp : Tile_Op<"map", [Pure]> {
  let summary = "Element-wise over tiles, with reductions over columns";
  let description = [{
    Runs a scalar region over all elements of the largest input; inputs of one
    column are broadcast over the columns. The region yields one value per
    result; the last `reductions` results are `R×1` tiles that hold the maximum
    or the sum over the columns. The region computes in f32, whatever the
    elements of the tiles, and may read `tile.coord`.

    Constraints: (W1) inputs have the same rows, and the columns of the largest
    or one; (W2) results match; (W3) reductions are f32 and there are no more
    than results; (W4) the region takes one f32 an input and yields one f32 a
    result.

    ```mlir
    %p, %sum = tile.map (%x, %m) reductions [#tile.reduction<add>]
      : (!tile.tile<4x64xf32>, !tile.tile<4x1xf32>)
      -> (!tile.tile<4x64xbf16>, !tile.tile<4x1xf32>) {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e, %e : f32, f32
    }
    ```
  }];
  let arguments = (ins Variadic<Tile_TileType>:$inputs,
      TypedArrayAttrBase<Tile_ReductionAttr, "reductions">:$reductions);
  let results = (outs Variadic<Tile_TileType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`(` $inputs `)` `reductions` $reductions attr-dict `:` functional-type($inputs, $results) $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Number of results that are elementwise, before the reductions.
    unsigned getNumElementwise() {
      return getNumResults() - getReductions().size();
    }
    /// The extent that the region runs over.
    TileType getDomain();
  }];
}

def Tile_CoordOp : Tile_Op<"coord", [Pure]> {
  let summary = "A coordinate of the current element";
  let description = [{
    Inside `tile.map`: `batch`, `head` (query head), `query` (absolute position
    of the query token), `key` (absolute position of the cached token) or
    `key_end` (one past the last token of the work item).

    ```mlir
    %j = tile.coord key : i32
    ```
  }];
  let arguments = (ins Tile_CoordKindAttr:$kind);
  let results = (outs I32:$result);
  let assemblyFormat = "`` $kind attr-dict `:` type($result)"; // one space
}

def Tile_StorePartialOp : Tile_Op<"store_partial", []> {
  let summary = "Write a partial state, where the work item asks for one";
  let description = [{
    Into the item's slot; nothing where the item writes its output directly.

    ```mlir
    tile.store_partial %o, %lse : !tile.tile<4x128xf32>, !tile.tile<4x1xf32>
    ```
  }];
  let arguments = (ins Tile_TileType:$out, Tile_TileType:$lse);
  let assemblyFormat = "$out `,` $lse attr-dict `:` type($out) `,` type($lse)";
}

def Tile_StoreOp : Tile_Op<"store", []> {
  let summary = "Write the output and the log-sum-exp";
  let description = [{
    Rounded to the cache's element type (nearest even). Nothing where the work
    item writes a partial state; the log-sum-exp only where the caller gave a
    place for it.

    ```mlir
    tile.store %o, %lse : !tile.tile<4x128xf32>, !tile.tile<4x1xf32>
    ```
  }];
  let arguments = (ins Tile_TileType:$out, Tile_TileType:$lse);
  let assemblyFormat = "$out `,` $lse attr-dict `:` type($out) `,` type($lse)";
}

def Tile_ProjectionOp : Tile_Op<"projection",
    [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A kernel that multiplies each head's rows by its matrix";
  let description = [{
    `out[row, h, n] = sum_k in[row, h, k] * weight[h, k, n]`, accumulated in f32
    and rounded to `element`: the two projections around absorbed latent
    attention and, with one input for all heads, the decompression of latent
    rows. Rows and strides are run-time values; a work item has some rows of
    some heads. The kernel has no body, since nothing but the product happens.
    With `transposed` the weights lie as `[heads, n, k]`: W_UK as the query's
    projection of the absorbed form reads it, `[heads, nope, rank]`, then
    decompresses keys too.
    With `wide_input` the input is f32, as a kernel with `wide_output` leaves it;
    engine amx and GPUs multiply it as the sum of two numbers of 16 bits.
    With `rest` the output's rows have 2 n columns: what rounding leaves of the
    first n, rounded too, stands behind them (see `rest` of `tile.kernel`).
    `schedule` (for a CPU) or `gpu_schedule` is written by a select pass.

    `combine` names the kernel that merges the partial states of attention. The
    input rows of a request that was split are then what that kernel makes of its
    states, and each is multiplied where it was merged: no merged row goes to
    memory. Rows of a request that was not split are read as they are. The merge
    is the named kernel's program; the projection has none of its own.

    Constraints: (Y1) heads, k and n are positive; (Y2) element is bf16, f16 or
    f32; (Y3) engine amx multiplies bf16 only, k and n multiples of 32; (Y4) the
    columns of a GPU's CTA divide n, its stages are at most k / 16; (Y5) `combine`
    is a `tile.kernel` with `combine` and `wide_output` of `heads` query heads,
    however many KV heads they share, and values of `k` columns of `element`, the
    projection has `wide_input`, and it has no `gpu_schedule`.

    With `latent_rows` the input is the rows of a latent cache, where they lie:
    one of each token and KV head, found by the call's lengths and block table,
    and read by the heads of its group. A row may be wider than `k`: the `tail`
    columns behind k, the rotary part, are copied behind each row of the output.
    For GPUs: the CPU's runtime brings rows together and calls a projection
    without. (Y6) It has a `gpu_schedule` with 2 row_stages and more, one more than
    k has slices at most (see `ProjectionSharedMemory`), and no `wide_input`; (Y7)
    tail is a multiple of 8, and 0 without latent_rows; (Y8) on a GPU transposed
    weights come in one stage; (Y9) rest needs bf16.

    Example (test/Conversion/TileToCPU/projection.mlir):
    ```mlir
    tile.projection @query {heads = 128 : i64, k = 128 : i64, n = 512 : i64,
        element = bf16, schedule = #tile.projection_schedule<engine = amx,
        vector = 16, few_rows = 4, prefetch = 512>}
    ```

    And one that merges (test/Conversion/TileToCPU/projection-combine.mlir):
    ```mlir
    tile.projection @mla_output {combine = @mla_combine, wide_input,
        heads = 128 : i64, k = 512 : i64, n = 128 : i64, element = bf16, ...}
    ```

    And one that decompresses keys (test/Conversion/TileToCPU/projection-transposed.mlir):
    ```mlir
    tile.projection @mla_key {transposed, heads = 128 : i64, k = 512 : i64,
        n = 128 : i64, element = bf16, ...}
    ```

    The same from the cache, for a GPU (test/Conversion/TileToNVVM/latent-projection.mlir):
    ```mlir
    tile.projection @mla_key {latent_rows, tail = 64 : i64, transposed,
        heads = 128 : i64, k = 512 : i64, n = 128 : i64, element = bf16, ...}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$heads, I64Attr:$k,
      I64Attr:$n, TypeAttr:$element,
      OptionalAttr<Tile_ProjectionScheduleAttr>:$schedule,
      OptionalAttr<Tile_GPUProjectionScheduleAttr>:$gpu_schedule,
      UnitAttr:$wide_input, OptionalAttr<FlatSymbolRefAttr>:$combine,
      UnitAttr:$transposed, UnitAttr:$latent_rows,
      DefaultValuedAttr<I64Attr, "0">:$tail, UnitAttr:$rest);
  let assemblyFormat = "$sym_name attr-dict";
  let hasVerifier = 1;
}

#endif // TILE_OPS_TD
