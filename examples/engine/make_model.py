#!/usr/bin/env python3
# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes two small models with random weights.

  make_model.py DIR

DIR/tiny_llama and DIR/tiny_mla get a config.json, as Hugging Face has them, for
attnc, and a weights.bin for the engine: twelve int32 (engine::Config) and the
weights, float32, in the order of engine::Model::load.
"""

import array
import json
import os
import random
import sys

COMMON = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
              intermediate_size=128, vocab_size=128, rms_norm_eps=1e-6,
              max_position_embeddings=512)
LLAMA = dict(COMMON, architectures=["LlamaForCausalLM"], model_type="llama",
             num_key_value_heads=2, head_dim=32, rope_theta=10000.0)
MLA = dict(COMMON, architectures=["DeepseekV2ForCausalLM"],
           model_type="deepseek_v2", num_key_value_heads=4, q_lora_rank=None,
           kv_lora_rank=64, qk_nope_head_dim=32, qk_rope_head_dim=16,
           v_head_dim=32)


def write_model(folder, config, latent):
    generator = random.Random(7 + latent)

    def matrix(rows, columns):
        scale = columns ** -0.5
        return [generator.gauss(0, scale) for _ in range(rows * columns)]

    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    heads, ffn = config["num_attention_heads"], config["intermediate_size"]
    kv_heads = config["num_key_value_heads"]
    head_dim = config.get("head_dim", 0)
    rank, rope = config.get("kv_lora_rank", 0), config.get("qk_rope_head_dim", 0)
    nope, v_dim = config.get("qk_nope_head_dim", 0), config.get("v_head_dim", 0)
    header = [latent, config["vocab_size"], hidden, layers, heads, kv_heads,
              head_dim, ffn, rank, rope, nope, v_dim]
    weights = matrix(config["vocab_size"], hidden) + [1.0] * hidden
    weights += matrix(config["vocab_size"], hidden)
    for _ in range(layers):
        weights += [1.0] * hidden
        if latent:
            # Larger queries, so that attention prefers some tokens to others.
            weights += [2 * x for x in matrix(heads * (nope + rope), hidden)]
            weights += matrix(rank + rope, hidden) + [1.0] * rank
            weights += matrix(heads * (nope + v_dim), rank)
            weights += matrix(hidden, heads * v_dim)
        else:
            weights += [2 * x for x in matrix(heads * head_dim, hidden)]
            weights += matrix(2 * kv_heads * head_dim, hidden)
            weights += matrix(hidden, heads * head_dim)
        weights += [1.0] * hidden
        weights += matrix(2 * ffn, hidden) + matrix(hidden, ffn)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
    with open(os.path.join(folder, "weights.bin"), "wb") as file:
        array.array("i", header).tofile(file)
        array.array("f", weights).tofile(file)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_model(os.path.join(sys.argv[1], "tiny_llama"), LLAMA, 0)
    write_model(os.path.join(sys.argv[1], "tiny_mla"), MLA, 1)
