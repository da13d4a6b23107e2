//===- Passes.td - Passes on the attn dialect --------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TRANSFORMS_PASSES_TD
#define ATTN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnSelectCPUSchedule : Pass<"attn-select-cpu-schedule"> {
  let summary = "Choose how the CPU runs each attention";
  let description = [{
    Writes `tile.schedule = #tile.schedule<…>` on every `attn.attend` over a
    cache (and on `attn.merge`) that has none yet: the engine that the
    instruction level and the element type allow, the tile of tokens, the
    prefetch distance and the accuracy of exp2. On every `attn.project`, and on
    attention with its up-projections, it writes
    `tile.projection_schedule = #tile.projection_schedule<…>` likewise. Lowerings
    read the attributes and decide nothing; write them by hand to test one alone.

    Attention that brings its up-projections also gets `tile.fuse_combine`:
    whether its output's projection merges the partial states of split requests
    as it reads them, instead of a phase of its own before. Decided by
    `attn/Cost/Combine.h` for one request shared by all threads, or by the option
    `combine`, which is an error where no projection follows.

    The choice, and why, is a remark per op (`--remarks-filter=attn`). An op
    that already carries a schedule, or `tile.fuse_combine`, keeps it.

    Examples (test/Dialect/Attn/select-cpu-schedule.mlir, select-combine.mlir):

    ```mlir
    // attn-opt --attn-select-cpu-schedule=isa=amx
    %o = attn.attend %q, %c {..., tile.schedule = #tile.schedule<engine = amx,
           vector = 16, kv_tile = 32, prefetch = 2048, exp2_degree = 4,
           prefetch_heads = 1>} : ...
    ```
  }];
  let dependentDialects = ["::attn::tile::TileDialect"];
  let options = [
    Option<"isa", "isa", "std::string", "\"avx2\"",
           "Instruction level: avx2, avx512, avx512bf16 or amx">,
    Option<"combine", "combine", "std::string", "\"auto\"",
           "Merge partial states fused with the output's projection, separate "
           "from it, or as the cost model says: auto">,
    Option<"threads", "threads", "int64_t", "0",
           "Threads that will run the kernels; 0: unknown">];
  let statistics = [
    Statistic<"numFusedCombines", "fused-combines",
              "Merges fused with the output's projection">,
    Statistic<"numAmx", "amx", "Attentions on AMX tiles">,
    Statistic<"numDpBf16", "dpbf16", "Attentions on vdpbf16ps">,
    Statistic<"numFma", "fma", "Attentions on vector FMA">];
}

def AttnSelectScoreRest : Pass<"attn-select-score-rest"> {
  let summary = "Choose where a projected operand of the scores stays whole";
  let description = [{
    A projection makes one operand of latent attention's scores: the query in the
    form absorbed, each head's keys in the others. Engines that multiply 16 bits
    round it, which moves every score. On attention that brings its
    up-projections this pass writes `tile.score_rest`: whether what rounding
    leaves over is kept as a second number of 16 bits, and multiplied as well.
    That costs a second product with those columns (no second read of the cache).

    Of a query and keys of unit-normal numbers, rounding one of them moves the
    output by `scale² nope` times as much (of 1 - cos) as rounding the output
    does: 0.67 for MiniCPM3, 2.3 for DeepSeek-V3, whose scale is that of YaRN.
    Above 1 the rest is kept, in bf16 and where the columns are a multiple of 32;
    `keep` says otherwise. An op that carries the attribute keeps it. See "What
    bf16 costs" in docs/mla.md.

    The choice, and why, is a remark per op (`--remarks-filter=attn`).

    Example (test/Dialect/Attn/select-score-rest.mlir):

    ```mlir
    // attn-opt --attn-select-score-rest
    %o = attn.attend %q, %c up(%w_uk, %w_uv) {..., scale = 1.352300e-01 : f32,
           tile.score_rest = true} : ...
    ```
  }];
  let dependentDialects = ["::attn::tile::TileDialect"];
  let options = [
    Option<"keep", "keep", "std::string", "\"auto\"",
           "Keep what rounding leaves: always, never, or where it matters: auto">];
  let statistics = [
    Statistic<"numKept", "kept", "Attentions with an operand in two parts">];
}

def AttnSelectGPUSchedule : Pass<"attn-select-gpu-schedule"> {
  let summary = "Choose how a GPU runs each attention";
  let description = [{
    Writes `tile.schedule = #tile.gpu_schedule<…>` on every `attn.attend` over a
    cache that has none yet: the warps that V's columns can be shared by, the
    query rows of a CTA, and the tile and the number of stages that keep the most
    bytes of the cache in flight on an SM of the architecture `chip` (Little's
    law: bandwidth times latency). Lowerings read the attribute and decide
    nothing; write it by hand to test one alone.

    `attn.project`, and attention that brings its up-projections in the form
    absorbed, get `tile.gpu_projection_schedules`, a
    `#tile.gpu_projection_schedule` for each product: columns and rows of a CTA
    that keep enough of the weights in flight. In the form fused_decompress it
    gets `tile.gpu_up_schedule` beside `tile.schedule`: rows and tile for the
    least time of FLOPs, bytes from L2 and bytes from shared memory, by rates
    that are assumed, not measured.

    The choice is a remark per attention (`--remarks-filter=attn`). Widths that
    no GPU kernel takes, heads and weights that do not fit shared memory, an
    unknown number of query tokens, and up-projections in another form are errors.

    Example (test/Dialect/Attn/select-gpu-schedule.mlir):

    ```mlir
    // attn-opt --attn-select-gpu-schedule=chip=sm_90
    %o = attn.attend %q, %c {..., tile.schedule = #tile.gpu_schedule<
           form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3,
           ctas_per_sm = 2>} : ...
    ```
  }];
  let dependentDialects = ["::attn::tile::TileDialect"];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_80\"",
           "Architecture: sm_80, sm_86, sm_89, sm_90, sm_90a, sm_100, sm_120">];
  let statistics = [
    Statistic<"numMmaSync", "mma-sync", "Attentions in the form mma_sync">,
    Statistic<"numProjections", "projections", "Projections scheduled">];
}

def AttnAbsorb : Pass<"attn-absorb"> {
  let summary = "Attend to latent rows instead of decompressed keys and values";
  let description = [{
    Multi-head latent attention as the model says it decompresses K and V of
    every head from one latent row a token, and attends to those. The absorbed
    form attends to the latent rows: W_UK goes to the query (`attn.project` by
    its transpose), W_UV behind the attention, and one KV head remains, whose V
    is a prefix of K. The scale stays that of the decompressed head.

    The pass follows K and V through concatenations, slices along the last axis,
    reshapes that undo each other, broadcasts over the heads, and `attn.rope` on
    the shared columns. It refuses, with a remark (`--remarks-filter=attn`),
    what would change the result: another op on the way (a norm), K and V of two
    latents, RoPE on decompressed columns, KV heads shared by query heads; and
    what would not pay or is not supported: another use of K or V, weights that
    are dequantised.

    Example (test/Dialect/Attn/absorb.mlir):

    ```mlir
    %kn = attn.decompress %c, %w_uk : ...               // [B, T, H, nope]
    %kr = linalg.broadcast ins(%k_rope) ... dimensions = [2]
    %k = tensor.concat dim(3) %kn, %kr
    %v = attn.decompress %c, %w_uv
    %q = tensor.concat dim(3) %q_nope, %q_rope
    %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 4>, ...}
    // attn-opt --attn-absorb
    %wt = linalg.transpose ins(%w_uk) ... permutation = [0, 2, 1]
    %ql = attn.project %q_nope, %wt                     // [B, S, H, rank]
    %q = tensor.concat dim(3) %ql, %q_rope
    %row = tensor.concat dim(2) %c, %k_rope             // [B, T, rank + rope]
    %k = tensor.expand_shape %row [[0], [1], [2, 3]]
    %ol = attn.attend %q, %k {heads = #attn.heads<q = 4, kv = 1>,
            latent = #attn.latent<rank = 16, rope = 4, nope = 8, v = 8>, ...}
    %o = attn.project %ol, %w_uv
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numAbsorbed", "absorbed", "Attentions absorbed">,
    Statistic<"numMissed", "missed", "Latent attentions left decompressed">];
}

def AttnMaterialize : Pass<"attn-materialize"> {
  let summary = "Decompress keys and values of latent attention";
  let description = [{
    The inverse of `attn-absorb`: an attention with `#attn.latent` over a tensor
    of latent rows, between the projections with W_UK and W_UV, becomes
    attention over decompressed K and V of every head. It has fewer FLOPs for
    many query tokens (`attn-select-form` says when).

    Refused, with a remark: latent rows in a cache (no op reads them out), a
    query or an output that is not projected, an output with another use.

    Example: that of `attn-absorb`, read upwards
    (test/Dialect/Attn/materialize.mlir).
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numMaterialized", "materialized", "Attentions decompressed">,
    Statistic<"numMissed", "missed", "Latent attentions left absorbed">];
}

def AttnFuseDecompress : Pass<"attn-fuse-decompress"> {
  let summary = "Decompress keys and values inside the attention kernel";
  let description = [{
    The third form of latent attention: one `attn.attend` over the latent rows
    that carries W_UK and W_UV, so that its kernel decompresses K and V tile by
    tile and they never reach memory. FLOPs are those of the decompressed form,
    bytes those of the absorbed one: a head's tokens all pass while its weights
    are at hand, and the latent rows that the next head reads again are left to
    the caches.

    Starts from the decompressed form or from the absorbed one, whose rows may
    lie in a latent cache. Refused, with a remark, for what stops `attn-absorb`
    or `attn-materialize`: an op between the decompression and the attention, K
    or V used elsewhere, an absorbed attention without its two projections.

    Example (test/Dialect/Attn/fuse-decompress.mlir):

    ```mlir
    %ql = attn.project %q_nope, %w_t                    // [B, S, H, rank]
    %q = tensor.concat dim(3) %ql, %q_rope
    %ol = attn.attend %q, %cache {heads = #attn.heads<q = 4, kv = 1>, ...}
    %o = attn.project %ol, %w_uv
    // attn-opt --attn-fuse-decompress
    %q = tensor.concat dim(3) %q_nope, %q_rope
    %o = attn.attend %q, %cache up(%w_uk, %w_uv) {
           form = #attn.form<fused_decompress>, ...}
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numFused", "fused", "Decompressions moved into the attention">,
    Statistic<"numMissed", "missed", "Latent attentions left in their form">];
}

def AttnFuseProjections : Pass<"attn-fuse-projections"> {
  let summary = "Chain the projections of latent attention with its kernel";
  let description = [{
    Absorbed attention between its projections with W_UK and W_UV becomes one
    `attn.attend` with `form = #attn.form<absorbed>` that carries both weights:
    a chain of three kernels with one caller. W_UK stays as the query's
    projection reads it, `[H, nope, rank]` (`up_transposed`).

    Refused, with a remark, where one of the projections is missing or its
    result has another use.

    Example (test/Dialect/Attn/fuse-projections.mlir):

    ```mlir
    %ql = attn.project %q_nope, %w_t                    // [B, S, H, rank]
    %q = tensor.concat dim(3) %ql, %q_rope
    %ol = attn.attend %q, %cache {heads = #attn.heads<q = 4, kv = 1>, ...}
    %o = attn.project %ol, %w_uv
    // attn-opt --attn-fuse-projections
    %q = tensor.concat dim(3) %q_nope, %q_rope
    %o = attn.attend %q, %cache up(%w_t, %w_uv) {
           form = #attn.form<absorbed>, up_transposed, ...}
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numFused", "fused", "Attentions chained with their projections">,
    Statistic<"numMissed", "missed", "Latent attentions left in their form">];
}

def AttnSelectForm : Pass<"attn-select-form"> {
  let summary = "Choose the form of latent attention by bytes and FLOPs";
  let description = [{
    Latent attention in either form gets the form that `attn::cost` says is the
    faster one, by max(bytes / bandwidth, FLOPs / peak) on the machine given
    (by FLOPs alone if none is).

    Where the number S of new tokens or the context T is unknown, both forms
    stand behind `scf.if`. With r the rank of the latent, D = nope + v and k the
    bytes of one token of context (both with it and with its K and V) times the
    machine's FLOPs per byte, the absorbed form is taken where

    ```
    S ((2r + rope) T + r D) < max(T ((D + rope) S + r D), k T + w)
    ```

    By FLOPs alone this is `S < r D / (2r - D + r D / T)`. For a known context
    it is a bound on S. An unknown batch counts as 1: it only divides w, the
    weights' bytes.

    With `fused`, decompression inside the kernel is the third candidate: it has
    the FLOPs of the decompressed form and the bytes of the absorbed one.

    Kernels do not reach a machine's peak, and not the same share of it in every
    form. Where the machine's description or `efficiency` says which share, each
    term above is divided by its own: of the absorbed form, attention and
    projections; of the others, attention and decompression.

    Folding W_UQ and W_UK into one weight, where the query is decompressed from
    a latent of its own, is priced in a remark and not done.

    Example (test/Dialect/Attn/select-form.mlir), for a context of 1024 tokens
    and DeepSeek-V3's dims (r = 512, D = 256):

    ```mlir
    // attn-opt --attn-select-form
    %bound = arith.constant 147 : index
    %s = tensor.dim %q_nope, %c1 : tensor<1x?x128x128xbf16>
    %absorb = arith.cmpi slt, %s, %bound : index
    %o = scf.if %absorb -> (tensor<1x?x128x128xbf16>) {
      ...  // as attn-absorb writes it
    } else {
      ...  // as attn-materialize writes it
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"machine", "machine", "std::string", "\"\"",
           "A machine of lib/Cost/Machine.cpp, such as h100">,
    Option<"readGBps", "read-gbps", "double", "0",
           "Memory bandwidth in 1e9 bytes a second">,
    Option<"tflops", "tflops", "double", "0",
           "Peak rate in 1e12 FLOPs a second">,
    Option<"fused", "fused", "bool", "false",
           "The target decompresses inside its kernels: consider that form too">,
    ListOption<"efficiency", "efficiency", "double",
           "Shares of the peak that kernels reach, as attn-bench-forms prints "
           "them: attention and projection of absorbed, materialized and "
           "fused_decompress">];
  let statistics = [
    Statistic<"numAbsorbed", "absorbed", "Attentions absorbed">,
    Statistic<"numFused", "fused", "Attentions decompressed in the kernel">,
    Statistic<"numMaterialized", "materialized", "Attentions decompressed">,
    Statistic<"numVersioned", "versioned", "Attentions in both forms">,
    Statistic<"numUnfolded", "unfolded", "Pairs of weights left apart">];
}

def AttnRaise : Pass<"attn-raise"> {
  let summary = "Find attention in linalg ops and other projects' ops";
  let description = [{
    `softmax(scale * Q K^T) V` of `linalg.batch_matmul` and `linalg.softmax`
    becomes `attn.attend`: with its heads, where Q, K and V are collapsed from
    `[B, H, tokens, D]`, and as one head over the batch axis otherwise. On the
    scores, products and quotients with constants become the scale, and
    `select(j > i + (T - S), lowest, score)` over `linalg.index` a causal mask.
    K and V whose heads are repeated for their query heads (`repeat_kv`:
    `linalg.broadcast` and `tensor.collapse_shape`) are read before that, with
    the group in `#attn.heads`. A `linalg.matmul` of latent rows on the way to K
    or V, whose result is wider than its input and expanded to heads, becomes
    `attn.decompress`, and so does a `linalg.batch_matmul` over the groups of
    grouped latents; `attn-absorb` then applies.

    With `--allow-unregistered-dialect`, these become `attn.attend` too, in
    their generic form and where they mean exactly that:

    - `onnx.Attention` of opsets 23 and 24 (onnx/defs/nn/old.cc): inputs of 3 or
      4 axes, past and present, `nonpad_kv_seqlen`, constant masks;
    - `onnx.Custom` of com.microsoft's `GroupQueryAttention`, and of its
      `PagedAttention`, LATENT too (docs/ContribOperators.md of ONNX Runtime);
    - `iree_linalg_ext.attention` with indexing maps (LinalgExtOps.td of IREE);
    - `torch.aten.scaled_dot_product_attention` (torch.nn.functional).

    A causal mask that is aligned at the first token (ONNX without a cache,
    PyTorch) reads as many tokens as there are queries, where that is known.

    A remark says what is in the way of an attention that was almost found: a
    dense mask, a mask aligned elsewhere, mixed element types, dropout, RoPE
    inside of the op, lengths that are known at run time only, or an attribute
    that is not known. The op is then left as it was.

    Example (test/Dialect/Attn/raise.mlir; raise-onnx.mlir, raise-ort.mlir,
    raise-iree.mlir and raise-torch.mlir beside it):

    ```mlir
    %kt = linalg.transpose ins(%k) ... permutation = [0, 2, 1]
    %s = linalg.batch_matmul ins(%q, %kt) outs(%zero)
    %x = linalg.generic ins(%s) { arith.mulf %in, %scale }
    %p = linalg.softmax dimension(2) ins(%x)
    %o = linalg.batch_matmul ins(%p, %v) outs(%zero)
    // attn-opt --attn-raise
    %o = attn.attend %q, %k, %v {heads = #attn.heads<q = 4, kv = 2>, ...}
    ```
  }];
  let dependentDialects = ["::attn::AttnDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numAttention", "attention", "Attentions found">,
    Statistic<"numGrouped", "grouped", "Attentions whose heads share K and V">,
    Statistic<"numDecompress", "decompress", "Decompressions found">,
    Statistic<"numMissed", "missed", "Attentions almost found">];
}

#endif // ATTN_TRANSFORMS_PASSES_TD
