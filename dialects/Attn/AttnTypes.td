//===- AttnTypes.td - Types of the attn dialect ------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TYPES_TD
#define ATTN_TYPES_TD

include "AttnAttrs.td"

def Attn_KVCacheType : TypeDef<Attn_Dialect, "KVCache"> {
  let mnemonic = "kv_cache";
  let summary = "The KV cache of one layer, for a batch of sequences";
  let description = [{
    A value of this type stands for the pools, the block table and the length
    of each sequence. Paging, parts and element type are properties of the
    value, not of the ops that read it.

    - `heads`: KV heads;
    - `parts`: either `[k : D, v : Dv]`, or `[latent : R, rope : P]` for MLA,
      where a token has one row of `R + P` elements a head, K is the row and V
      its first `R` elements. MLA has one head; grouped latents (GLA) have one
      for each latent row of a token, behind which the rotary key stands;
    - the element type: bf16, f16 or f32;
    - `page`: tokens per block; `?` leaves any page size to run time;
      `contiguous` means one block per sequence;
    - `layout`: `row` (every engine's layout: blocks of `[page, heads, dim]` at
      runtime strides) or `own` (per head; V pair-interleaved in bf16; see
      runtime/include/attn_kernel_abi.h).

    Constraints: (C1) heads positive; (C2) parts are `[k, v]` or
    `[latent, rope]` in this order with positive widths (rope may be 0);
    (C3) the element type is bf16, f16 or f32; (C4) page is positive, `?` or
    contiguous; (C5) layout `own` needs a page that is a multiple of 32.

    ```mlir
    !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
    !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = ?>
    !attn.kv_cache<heads = 2, parts = [latent : 256, rope : 64], bf16, page = 64>
    !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], f16, contiguous>
    !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64, layout = own>
    ```
  }];
  let parameters = (ins "int64_t":$heads, "::attn::PartKind":$firstKind,
                        "int64_t":$firstDim, "int64_t":$secondDim,
                        "::mlir::Type":$elementType, "int64_t":$page,
                        "::attn::Layout":$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Values of `page` that are no page size.
    static constexpr int64_t kContiguous = 0;
    static constexpr int64_t kDynamicPage = -1;

    /// True for `[latent, rope]` parts: V is a prefix of K.
    bool isLatent() const { return getFirstKind() == PartKind::Latent; }
    bool isPaged() const { return getPage() != kContiguous; }
    /// Width of K as attention reads it (rank + rope for a latent cache).
    int64_t getKDim() const {
      return isLatent() ? getFirstDim() + getSecondDim() : getFirstDim();
    }
    /// Width of V as attention reads it (rank for a latent cache).
    int64_t getVDim() const {
      return isLatent() ? getFirstDim() : getSecondDim();
    }
  }];
}

#endif // ATTN_TYPES_TD
