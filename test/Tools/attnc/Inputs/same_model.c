/* Two packs of one model, in bf16 and in f16. */
#define ATTN_PACK_NO_NAMES
#include "half_attn.h"
#include "llama_attn.h"

#include <stdio.h>

int main(void) {
  attn_library *llama, *half;
  attn_decode_params bf16 = llama_llama_3_1_8b_full(1);
  attn_decode_params f16 = half_llama_3_1_8b_full(1);
  bf16.num_blocks = f16.num_blocks = 1;
  if (llama_attn_open(&llama) || half_attn_open(&half))
    return 1;
  printf("%d %d layers, of kind %d %d\n", LLAMA_LLAMA_3_1_8B_LAYERS,
         HALF_LLAMA_3_1_8B_LAYERS, llama_llama_3_1_8b_layer_kind(0),
         half_llama_3_1_8b_layer_kind(31));
  printf("dtype %d %d\n", bf16.dtype, f16.dtype);
  if (llama_attn_query_support(llama, &bf16, NULL, 0, NULL) ||
      half_attn_query_support(half, &f16, NULL, 0, NULL))
    return 1;
  llama_attn_library_close(llama);
  half_attn_library_close(half);
  return 0;
}
