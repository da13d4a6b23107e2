//===- AttnDialect.td - The attn dialect -------------------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_TD
#define ATTN_DIALECT_TD

include "mlir/IR/DialectBase.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let summary = "What attention means: heads, latent compression, cache, mask";
  let description = [{
    Attention as a model states it, on tensors. How query heads share KV heads
    (`#attn.heads`), how K and V are compressed (`#attn.latent`), how they are
    cached (`!attn.kv_cache`) and masked (`#attn.mask`) are attributes and
    types, so that MHA, MQA, GQA and MLA, paged or contiguous, are one op,
    `attn.attend`, and not one op each.

    Conventions, everywhere:
    - tensors are `[batch, token, head, dim]`; lengths are counts of tokens;
    - causal masks are bottom-right aligned: the last query token sees the last
      cached token;
    - `window` counts the tokens seen to the left *including* the current one
      (the meaning of `sliding_window` in Hugging Face Transformers);
    - the soft-cap is applied before the mask;
    - the log-sum-exp result is in natural base, f32, and excludes the sink;
    - a row that sees no token gives 0 and a log-sum-exp of -inf, never NaN.
  }];
  let cppNamespace = "::attn";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

#endif // ATTN_DIALECT_TD
