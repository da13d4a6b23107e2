// Grouped-query attention with ALiBi (arXiv 2108.12409), which no attribute
// covers: the score region adds slope(head) * (key position - query position).
//
//   attn-run examples/alibi.mlir --check --context 700,1000 --batch 2
//
// 32 query heads share 8 KV heads of 128 elements; the cache is paged by 64.
// Head h's slope is 2^(-8 (h + 1) / 32).

!cache = !attn.kv_cache<heads = 8, parts = [k : 128, v : 128], bf16, page = 64>
!query = tensor<?x1x32x128xbf16>

func.func @alibi(%query: !query, %cache: !cache) -> !query {
  %out = attn.attend %query, %cache {
      heads = #attn.heads<q = 32, kv = 8>, mask = #attn.mask<causal>,
      scale = 0.0883883461 : f32} score {
    ^bb0(%score: f32, %batch: i32, %head: i32, %queryPos: i32, %keyPos: i32):
      %one = arith.constant 1 : i32
      %step = arith.constant -0.25 : f32
      %nth = arith.addi %head, %one : i32
      %nthf = arith.sitofp %nth : i32 to f32
      %exponent = arith.mulf %nthf, %step : f32
      %slope = math.exp2 %exponent : f32
      %distance = arith.subi %keyPos, %queryPos : i32
      %distancef = arith.sitofp %distance : i32 to f32
      %bias = arith.mulf %slope, %distancef : f32
      %biased = arith.addf %score, %bias : f32
      attn.yield %biased : f32
    } : (!query, !cache) -> !query
  return %out : !query
}
