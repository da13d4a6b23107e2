// RUN: attn-opt %s -split-input-file -verify-diagnostics

// The constraints of the attn attributes and of !attn.kv_cache, each test named
// with the one that it breaks.

// expected-error @+1 {{head counts must be positive, got q = 0, kv = 1}}
func.func private @h1_query_heads() attributes {a = #attn.heads<q = 0, kv = 1>}

// -----

// expected-error @+1 {{head counts must be positive, got q = 8, kv = -2}}
func.func private @h1_kv_heads() attributes {a = #attn.heads<q = 8, kv = -2>}

// -----

// expected-error @+1 {{kv heads (3) must divide query heads (8)}}
func.func private @h2() attributes {a = #attn.heads<q = 8, kv = 3>}

// -----

// expected-error @+1 {{kv heads (8) must divide query heads (4)}}
func.func private @h2_more_kv_than_q() attributes {a = #attn.heads<q = 4, kv = 8>}

// -----

// expected-error @+1 {{rank, nope, v and groups must be positive and rope not negative}}
func.func private @l1_rank() attributes {a = #attn.latent<rank = 0, rope = 64, nope = 128, v = 128>}

// -----

// expected-error @+1 {{rank, nope, v and groups must be positive and rope not negative}}
func.func private @l1_rope() attributes {a = #attn.latent<rank = 512, rope = -1, nope = 128, v = 128>}

// -----

// expected-error @+1 {{rank, nope, v and groups must be positive and rope not negative}}
func.func private @l1_nope() attributes {a = #attn.latent<rank = 512, rope = 64, nope = 0, v = 128>}

// -----

// expected-error @+1 {{rank, nope, v and groups must be positive and rope not negative}}
func.func private @l1_v() attributes {a = #attn.latent<rank = 512, rope = 64, nope = 128, v = 0>}

// -----

// expected-error @+1 {{rank, nope, v and groups must be positive and rope not negative}}
func.func private @l1_groups() attributes {a = #attn.latent<rank = 512, rope = 64, nope = 128, v = 128, groups = 0>}

// -----

// expected-error @+1 {{window must be 0 to 2147483647, got -1}}
func.func private @m1() attributes {a = #attn.mask<causal, window = -1>}

// -----

// expected-error @+1 {{window must be 0 to 2147483647, got 2147483648}}
func.func private @m1_large() attributes {a = #attn.mask<causal, window = 2147483648>}

// -----

// expected-error @+1 {{a window needs a causal mask}}
func.func private @m2() attributes {a = #attn.mask<window = 4096>}

// -----

// expected-error @+1 {{expected 'causal' or 'window'}}
func.func private @mask_keyword() attributes {a = #attn.mask<diagonal>}

// -----

// expected-error @+1 {{heads must be positive, got 0}}
func.func private @c1(!attn.kv_cache<heads = 0, parts = [k : 128, v : 128], bf16, page = 64>)

// -----

// expected-error @+1 {{parts must be [k, v] or [latent, rope]}}
func.func private @c2_order(!attn.kv_cache<heads = 8, parts = [v : 128, k : 128], bf16, page = 64>)

// -----

// expected-error @+1 {{parts must be [k, v] or [latent, rope]}}
func.func private @c2_mixed(!attn.kv_cache<heads = 1, parts = [latent : 512, v : 128], bf16, page = 64>)

// -----

// expected-error @+1 {{parts must be [k : D, v : D] or [latent : R, rope : P] with positive widths}}
func.func private @c2_k_width(!attn.kv_cache<heads = 8, parts = [k : 0, v : 128], bf16, page = 64>)

// -----

// expected-error @+1 {{parts must be [k : D, v : D] or [latent : R, rope : P] with positive widths}}
func.func private @c2_v_width(!attn.kv_cache<heads = 8, parts = [k : 128, v : 0], bf16, page = 64>)

// -----

// expected-error @+1 {{parts must be [k : D, v : D] or [latent : R, rope : P] with positive widths}}
func.func private @c2_rope_width(!attn.kv_cache<heads = 1, parts = [latent : 512, rope : -1], bf16, page = 64>)

// -----

// expected-error @+1 {{element type must be bf16, f16 or f32, got 'f64'}}
func.func private @c3_f64(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], f64, page = 64>)

// -----

// expected-error @+1 {{element type must be bf16, f16 or f32, got 'i8'}}
func.func private @c3_i8(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], i8, page = 64>)

// -----

// 0 and -1 have other meanings inside of the type: they must not get in.

// expected-error @+1 {{page must be positive, got 0}}
func.func private @c4_zero(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 0>)

// -----

// expected-error @+1 {{page must be positive, got -1}}
func.func private @c4_negative(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = -1>)

// -----

// expected-error @+1 {{expected 'contiguous'}}
func.func private @c4_missing(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, paged>)

// -----

// expected-error @+1 {{layout own needs a page that is a multiple of 32}}
func.func private @c5_multiple(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 16, layout = own>)

// -----

// expected-error @+1 {{layout own needs a page that is a multiple of 32}}
func.func private @c5_dynamic(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = ?, layout = own>)

// -----

// expected-error @+1 {{layout own needs a page that is a multiple of 32}}
func.func private @c5_contiguous(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, contiguous, layout = own>)

// -----

// expected-error @+1 {{layout must be 'row' or 'own'}}
func.func private @layout_keyword(!attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64, layout = column>)
