// RUN: attn-opt %s | attn-opt | FileCheck %s

// CHECK-LABEL: func private @paged
// CHECK-SAME: !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
func.func private @paged(
    !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>)

// CHECK-LABEL: func private @latent
// CHECK-SAME: !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = ?>
func.func private @latent(
    !attn.kv_cache<heads = 1, parts = [latent : 512, rope : 64], bf16, page = ?>)

// CHECK-LABEL: func private @contiguous
// CHECK-SAME: !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], f16, contiguous>
func.func private @contiguous(
    !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], f16, contiguous>)

// CHECK-LABEL: func private @own
// CHECK-SAME: !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64, layout = own>
func.func private @own(
    !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64, layout = own>)

// The default layout is not printed; a latent row may lack the rotary suffix;
// V may be narrower than K.

// CHECK-LABEL: func private @row
// CHECK-SAME: page = 16>
func.func private @row(
    !attn.kv_cache<heads = 2, parts = [k : 64, v : 64], f32, page = 16, layout = row>)

// CHECK-LABEL: func private @no_rope
// CHECK-SAME: !attn.kv_cache<heads = 1, parts = [latent : 256, rope : 0], f32, contiguous>
func.func private @no_rope(
    !attn.kv_cache<heads = 1, parts = [latent : 256, rope : 0], f32, contiguous>)

// CHECK-LABEL: func private @narrow_v
// CHECK-SAME: parts = [k : 192, v : 128]
func.func private @narrow_v(
    !attn.kv_cache<heads = 16, parts = [k : 192, v : 128], bf16, page = 1>)

// Attributes.

// CHECK-LABEL: func private @attributes
// CHECK-SAME: gqa = #attn.heads<q = 32, kv = 8>
// CHECK-SAME: latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>
// CHECK-SAME: mask = #attn.mask<causal>
// CHECK-SAME: mha = #attn.heads<q = 16, kv = 16>
// CHECK-SAME: mqa = #attn.heads<q = 71, kv = 1>
// CHECK-SAME: none = #attn.mask<>
// CHECK-SAME: window = #attn.mask<causal, window = 4096>
func.func private @attributes() attributes {
    gqa = #attn.heads<q = 32, kv = 8>,
    mha = #attn.heads<q = 16, kv = 16>,
    mqa = #attn.heads<q = 71, kv = 1>,
    latent = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128>,
    mask = #attn.mask<causal>,
    window = #attn.mask<causal, window = 4096>,
    none = #attn.mask<>}
