//===- TileDialect.td - The tile dialect -------------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TILE_DIALECT_TD
#define TILE_DIALECT_TD

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let summary = "One attention kernel, as a work item streaming over KV tiles";
  let description = [{
    A kernel seen as one work item: the query rows of one KV head (group ×
    query tokens, packed) against a range of cached tokens, tile by tile. The
    ops say *what* is computed per tile; `#tile.schedule` says *how*, and every
    target lowers the same ops its own way. Online softmax, masking, split and
    merge are written here, once, and nowhere else.

    Row `r` of a tile is query token `r / group` and query head
    `kv_head * group + r % group`. Scores are kept in base-2 logarithms, so the
    exponential is exp2.
  }];
  let cppNamespace = "::attn::tile";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

class Tile_Attr<string name, string attrMnemonic> : AttrDef<Tile_Dialect, name> {
  let mnemonic = attrMnemonic;
}

class Tile_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::attn::tile";
  let genSpecializedAttr = 0;
}

def Tile_Engine : Tile_Enum<"Engine", "What multiplies", [
    I32EnumAttrCase<"Fma", 0, "fma">,
    I32EnumAttrCase<"DpBf16", 1, "dpbf16">,
    I32EnumAttrCase<"Amx", 2, "amx">]>;

def Tile_CacheLayout : Tile_Enum<"CacheLayout", "Layout of a cache block", [
    I32EnumAttrCase<"Row", 0, "row">, I32EnumAttrCase<"Own", 1, "own">]>;

def Tile_Reduction : Tile_Enum<"Reduction", "How a map reduces its columns", [
    I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"Add", 1, "add">]>;

def Tile_CoordKind : Tile_Enum<"CoordKind", "A coordinate of a tile element", [
    I32EnumAttrCase<"Batch", 0, "batch">, I32EnumAttrCase<"Head", 1, "head">,
    I32EnumAttrCase<"Query", 2, "query">, I32EnumAttrCase<"Key", 3, "key">,
    I32EnumAttrCase<"KeyEnd", 4, "key_end">]>;

def Tile_UpPart : Tile_Enum<"UpPart", "What a matrix makes of latent rows", [
    I32EnumAttrCase<"Key", 0, "key">, I32EnumAttrCase<"Value", 1, "value">]>;

class Tile_EnumAttr<EnumInfo enum, string attrMnemonic>
    : EnumAttr<Tile_Dialect, enum, attrMnemonic>;
def Tile_ReductionAttr : Tile_EnumAttr<Tile_Reduction, "reduction"> {
  let assemblyFormat = "`<` $value `>`";
}
def Tile_CoordKindAttr : Tile_EnumAttr<Tile_CoordKind, "coord_kind"> {
  let assemblyFormat = "$value";
}

def Tile_UpPartAttr : Tile_EnumAttr<Tile_UpPart, "up_part"> {
  let assemblyFormat = "$value";
}

def Tile_CacheAttr : Tile_Attr<"Cache", "cache"> {
  let summary = "What a kernel knows of the cache at compile time";
  let description = [{
    KV heads, the widths of K and V rows, element type and block layout.
    `v_in_k` says that V is the first `v` elements of K (an MLA latent row), so
    the row is read once. Strides, page size and pool are run-time values.

    Constraints: (E1) positive extents; (E2) `v_in_k` needs `v <= k`.

    ```mlir
    #tile.cache<heads = 8, k = 128, v = 128, element = bf16, layout = row, v_in_k = false>
    ```
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$k, "int64_t":$v,
                        "::mlir::Type":$element,
                        EnumParameter<Tile_CacheLayout>:$layout, "bool":$v_in_k);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tile_UpAttr : Tile_Attr<"Up", "up"> {
  let summary = "What a kernel makes of latent rows, for every query head";
  let description = [{
    Keys of `nope` columns, behind which the rotary part of the row stands, and
    values of `v` columns.

    Constraints: (O1) positive widths.

    ```mlir
    #tile.up<nope = 128, v = 128>
    ```
  }];
  let parameters = (ins "int64_t":$nope, "int64_t":$v);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tile_ScheduleAttr : Tile_Attr<"Schedule", "schedule"> {
  let summary = "How a target runs a kernel";
  let description = [{
    Written by the select passes, or by hand to test a lowering alone; the
    lowerings read it and decide nothing.

    - `engine`: what multiplies (`fma`: vector FMA after conversion to f32;
      `dpbf16`: vdpbf16ps; `amx`: tdpbf16ps);
    - `vector`: f32 lanes of a vector register, 8 or 16;
    - `kv_tile`: tokens per step of the stream;
    - `prefetch`: distance in bytes of the software prefetch, 0: none;
    - `prefetch_heads`: the distance in KV heads, where a head's rows are strided
      (a row-major cache with several heads) and no number of bytes leads
      anywhere;
    - `prefetch_spread`: keys ahead are fetched a few lines at a time between the
      products of q·K, and not a token's after another's before them (FMA engines
      only);
    - `exp2_degree`: degree of the exp2 polynomial (3 would do for weights that
      are rounded to bf16; their sum, the log-sum-exp, wants 4, and f32 6).

    Constraints: (S1) vector is 8 or 16; (S2) kv_tile is a positive multiple of
    16, and of 32 for amx and dpbf16; (S3) prefetch and prefetch_heads are not negative;
    (S4) exp2_degree is 3 to 7; (S5) amx and dpbf16 need vector = 16; (S6) amx does
    not spread prefetches.

    ```mlir
    #tile.schedule<engine = fma, vector = 8, kv_tile = 64, prefetch = 0, exp2_degree = 6>
    #tile.schedule<engine = amx, vector = 16, kv_tile = 64, prefetch = 2048, exp2_degree = 3>
    ```
  }];
  let parameters = (ins EnumParameter<Tile_Engine>:$engine, "int64_t":$vector,
                        "int64_t":$kv_tile, "int64_t":$prefetch,
                        "int64_t":$exp2_degree,
                        DefaultValuedParameter<"int64_t", "2">:$prefetch_heads,
                        DefaultValuedParameter<"bool", "false">:$prefetch_spread);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tile_GPUForm : Tile_Enum<"GPUForm", "Which instructions multiply on a GPU", [
    I32EnumAttrCase<"MmaSync", 0, "mma_sync">]>;

def Tile_GPUScheduleAttr : Tile_Attr<"GPUSchedule", "gpu_schedule"> {
  let summary = "How a GPU runs a kernel";
  let description = [{
    The counterpart of `#tile.schedule`, under the same rules: select passes
    write it, lowerings read it and decide nothing.

    - `form`: `mma_sync`: `mma.sync.m16n8k16`, any GPU from sm_80 on. All warps
      of a CTA share the query rows; a tile's tokens are dealt to the warps for
      the scores, the columns of V for the output;
    - `warps`: warps of a CTA;
    - `rows`: query rows of a CTA; a KV head with more takes several CTAs;
    - `kv_tile`: tokens per step of the stream;
    - `stages`: tiles in shared memory, of which all but one are in flight;
    - `ctas_per_sm`: CTAs that are meant to be resident on an SM, which is what
      the work is divided by.

    Constraints: (G1) warps is 1 to 16; (G2) rows is 16, 32, 48 or 64; (G3)
    kv_tile is a positive multiple of 16 and of 8 * warps, and at most 32 *
    warps, as each thread looks after one token's address; (G4) stages is 2 to
    8; (G5) ctas_per_sm is positive.

    ```mlir
    #tile.gpu_schedule<form = mma_sync, warps = 4, rows = 16, kv_tile = 64, stages = 3, ctas_per_sm = 2>
    ```
  }];
  let parameters = (ins EnumParameter<Tile_GPUForm>:$form, "int64_t":$warps,
                        "int64_t":$rows, "int64_t":$kv_tile, "int64_t":$stages,
                        "int64_t":$ctas_per_sm);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tile_TileType : TypeDef<Tile_Dialect, "Tile"> {
  let mnemonic = "tile";
  let summary = "A matrix of one work item";
  let description = [{
    Rows × columns of an element type. Where it lives (registers, L1 scratch,
    shared memory) and in which order is the target's business.

    Constraints: (X1) two positive extents; (X2) elements are bf16, f16 or f32.

    ```mlir
    !tile.tile<4x64xf32>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Tile_ProjectionScheduleAttr : Tile_Attr<"ProjectionSchedule", "projection_schedule"> {
  let summary = "How a CPU runs a projection";
  let description = [{
    Also how a kernel decompresses: the rows are then those of a tile.

    - `engine`: `fma`, or `amx` for more than `few_rows` rows;
    - `vector`: f32 lanes of a vector register, 8 or 16;
    - `few_rows`: up to so many rows a call is a stream of weights, and vector
      FMA keeps pace with memory;
    - `prefetch`: bytes that the weights are fetched ahead, 0: not.

    Constraints: (J1) vector is 8 or 16, and 16 for amx; (J2) engine is fma or
    amx; (J3) few_rows and prefetch are not negative.

    ```mlir
    #tile.projection_schedule<engine = amx, vector = 16, few_rows = 4, prefetch = 512>
    ```
  }];
  let parameters = (ins EnumParameter<Tile_Engine>:$engine, "int64_t":$vector,
                        "int64_t":$few_rows, "int64_t":$prefetch);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tile_GPUProjectionScheduleAttr : Tile_Attr<"GPUProjectionSchedule", "gpu_projection_schedule"> {
  let summary = "How a GPU runs a projection";
  let description = [{
    A CTA keeps some columns of one head's weights, all of their rows, in shared
    memory, and all input rows pass by.

    - `warps`: warps of a CTA, which share its columns;
    - `rows`: input rows multiplied at a time; the last 16 or fewer of a call are
      multiplied as 16;
    - `columns`: columns of the weights of a CTA;
    - `stages`: groups in which the weights come; the product begins with the
      first while the others are on their way;
    - `ctas_per_sm`: CTAs that are meant to be resident on an SM;
    - `row_stages`: 0, or, for a projection of latent rows, of which there are
      many: the rows come in slices of their columns, asynchronously, through a
      ring of so many stages;
    - `row_warps`: warps that share the rows of those; `warps / row_warps` share
      the columns.

    Constraints: (P1) warps is 1 to 16; (P2) rows is a positive multiple of 16 *
    row_warps, of which a warp has at most 64; (P3) columns is a positive multiple
    of 16 * warps / row_warps; (P4) stages is 1 to 8; (P5) ctas_per_sm is positive;
    (P6) row_stages is 0, with row_warps 1, or 2 to 8, with row_warps a divisor of
    warps and a thread for each row.

    ```mlir
    #tile.gpu_projection_schedule<warps = 4, rows = 64, columns = 64, stages = 4, ctas_per_sm = 4>
    #tile.gpu_projection_schedule<warps = 8, rows = 128, columns = 128, stages = 1, ctas_per_sm = 1,
                                  row_stages = 4, row_warps = 2>
    ```
  }];
  let parameters = (ins "int64_t":$warps, "int64_t":$rows, "int64_t":$columns,
                        "int64_t":$stages, "int64_t":$ctas_per_sm,
                        DefaultValuedParameter<"int64_t", "0">:$row_stages,
                        DefaultValuedParameter<"int64_t", "1">:$row_warps);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tile_GPUUpScheduleAttr : Tile_Attr<"GPUUpSchedule", "gpu_up_schedule"> {
  let summary = "How a GPU decompresses a tile of latent rows";
  let description = [{
    The head's matrices do not fit shared memory beside the tile: they pass
    through it in chunks, from L2, once a tile.

    - `depth`: elements of the rank of a chunk;
    - `stages`: chunks in shared memory, of which all but one are in flight.

    Constraints: (H1) depth is 16, 32 or 64; (H2) stages is 2 to 8.

    ```mlir
    #tile.gpu_up_schedule<depth = 32, stages = 3>
    ```
  }];
  let parameters = (ins "int64_t":$depth, "int64_t":$stages);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // TILE_DIALECT_TD
