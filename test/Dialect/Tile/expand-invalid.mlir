// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-expand))' --split-input-file --verify-diagnostics

// A score is expanded into the softmax that reads it; there is no other use.

tile.kernel @stored attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %s = tile.constant 0.5 : !tile.tile<4x64xf32>
  %m = tile.constant 0.5 : !tile.tile<4x1xf32>
  // expected-error @+1 {{is read by something else than tile.online_softmax}}
  %x = tile.score %s {scale = 0.125 : f32} : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
  tile.store %x, %m : !tile.tile<4x64xf32>, !tile.tile<4x1xf32>
}

// -----

tile.kernel @unread attributes {group = 4 : i64, q_len = 1 : i64,
    cache = #tile.cache<heads = 1, k = 64, v = 64, element = f32, layout = row, v_in_k = false>} {
  %s = tile.constant 0.5 : !tile.tile<4x64xf32>
  // expected-error @+1 {{is read by something else than tile.online_softmax}}
  %x = tile.score %s {scale = 0.125 : f32} : !tile.tile<4x64xf32> -> !tile.tile<4x64xf32>
}
