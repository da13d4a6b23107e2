/* Two packs in one process, each with its own runtime and kernels. */
#define ATTN_PACK_NO_NAMES
#include "alibi_attn.h"
#include "llama_attn.h"

#include <stdio.h>

int main(void) {
  attn_library *llama, *alibi, *opened;
  if (llama_attn_open(&llama) || alibi_attn_open(&alibi))
    return 1;
  printf("%s %s\n", llama_attn_library_kernel(llama, 0)->name,
         alibi_attn_library_kernel(alibi, 0)->name);
  /* A message belongs to the runtime that failed. */
  llama_attn_library_open("./none.so", &opened);
  printf("[%d] [%s]\n", llama_attn_error_message()[0] != 0,
         alibi_attn_error_message());
  printf("%d\n", (void *)llama_attn_decode == (void *)alibi_attn_decode);
  llama_attn_library_close(llama);
  alibi_attn_library_close(alibi);
  return 0;
}
