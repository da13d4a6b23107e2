//===- AttnAttrs.td - Attributes of the attn dialect -------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ATTRS_TD
#define ATTN_ATTRS_TD

include "AttnDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Attn_Attr<string name, string attrMnemonic> : AttrDef<Attn_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Attn_HeadsAttr : Attn_Attr<"Heads", "heads"> {
  let summary = "Head grouping: how many query heads share a KV head";
  let description = [{
    `q` query heads, `kv` KV heads; query head `h` reads KV head
    `h / (q / kv)`. `kv = q` is MHA, `kv = 1` MQA, anything between GQA.

    Constraints: (H1) both positive; (H2) `kv` divides `q`.

    ```mlir
    #attn.heads<q = 32, kv = 8>
    ```
  }];
  let parameters = (ins "int64_t":$q, "int64_t":$kv);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Query heads per KV head.
    int64_t getGroup() const { return getQ() / getKv(); }
  }];
}

def Attn_LatentAttr : Attn_Attr<"Latent", "latent"> {
  let summary = "Latent KV compression (MLA)";
  let description = [{
    Keys and values are functions of one latent row of `rank` elements plus a
    rotary suffix of `rope` elements shared by all heads (DeepSeek-V2, arXiv
    2405.04434, section 2.1). `nope` and `v` are the widths per head of the
    decompressed key (without the rotary part) and value. In the absorbed form
    K is the whole cached row, `rank + rope` wide, and V its first `rank`
    elements.

    With `groups`, a token has that many latent rows of `rank` elements, each
    for as many query heads in a run (grouped latent attention, arXiv
    2505.21487), and the one rotary part goes with each of them. A row is then a
    KV head of the absorbed form, and of a cache: head `h` of H reads the row of
    group `h / (H / groups)`.

    Constraints: (L1) rank, nope, v and groups positive, rope not negative.

    ```mlir
    #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>
    #attn.latent<rank = 256, rope = 64, nope = 128, v = 128, groups = 2>
    ```
  }];
  let parameters = (ins "int64_t":$rank, "int64_t":$rope, "int64_t":$nope,
                        "int64_t":$v, DefaultValuedParameter<"int64_t", "1">:$groups);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Attn_MaskAttr : Attn_Attr<"Mask", "mask"> {
  let summary = "Which tokens a query token sees";
  let description = [{
    `causal` is bottom-right aligned. `window` counts the tokens seen to the
    left including the current one; 0 means no limit.

    Constraints: (M1) `window` is 0 to 2^31 - 1; (M2) a window needs `causal`.

    ```mlir
    #attn.mask<causal>
    #attn.mask<causal, window = 4096>
    ```
  }];
  let parameters = (ins "bool":$causal, DefaultValuedParameter<"int64_t", "0">:$window);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Attn_Layout : I32EnumAttr<"Layout", "How a cache block is laid out", [
    I32EnumAttrCase<"Row", 0, "row">, I32EnumAttrCase<"Own", 1, "own">]> {
  let cppNamespace = "::attn";
  let genSpecializedAttr = 0;
}

def Attn_PartKind : I32EnumAttr<"PartKind", "What a part of a cache row holds", [
    I32EnumAttrCase<"K", 0, "k">, I32EnumAttrCase<"V", 1, "v">,
    I32EnumAttrCase<"Latent", 2, "latent">, I32EnumAttrCase<"Rope", 3, "rope">]> {
  let cppNamespace = "::attn";
  let genSpecializedAttr = 0;
}

def Attn_Form : I32EnumAttr<"Form", "How latent attention is computed", [
    I32EnumAttrCase<"Absorbed", 0, "absorbed">,
    I32EnumAttrCase<"Materialized", 1, "materialized">,
    I32EnumAttrCase<"FusedDecompress", 2, "fused_decompress">]> {
  let cppNamespace = "::attn";
  let genSpecializedAttr = 0;
}

def Attn_FormAttr : EnumAttr<Attn_Dialect, Attn_Form, "form"> {
  let summary = "How latent attention with its up-projections is computed";
  let description = [{
    Strategy, not meaning: every form computes the same function.

    - `absorbed`: the query is projected by W_UK, attends to the latent rows,
      and the output is projected by W_UV;
    - `materialized`: K and V of every head are decompressed to memory first;
    - `fused_decompress`: K and V are decompressed tile by tile inside the
      kernel and never reach memory.

    ```mlir
    #attn.form<fused_decompress>
    ```
  }];
  let assemblyFormat = "`<` $value `>`";
}

#endif // ATTN_ATTRS_TD
