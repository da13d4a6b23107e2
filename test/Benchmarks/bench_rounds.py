"""Three rounds of two runs, as attn-bench records them."""

import json


def record(shape, context, threads, us, gbps, disturbed=False):
    return {
        "shape": shape, "dtype": "bf16", "layout": "own", "context": context,
        "mode": "cold", "threads": threads, "median_us": us, "gbps": gbps,
        "ceiling_gbps": 15.0, "gflops": 100.0, "peak_gflops": 2500.0,
        "fraction": 0.9, "emulated": False, "disturbed": disturbed,
    }


GQA, MHA = ("gqa:32/8/128", 8192), ("mha:32/128", 4096)
print(json.dumps([
    record(*GQA, 1, 950, 13.5), record(*GQA, 2, 500, 25),
    record(*MHA, 1, 900, 14), record(*MHA, 2, 480, 26, disturbed=True),
    record(*GQA, 1, 920, 14.25), record(*GQA, 2, 575, 24),
    record(*MHA, 1, 900, 14, disturbed=True), record(*MHA, 2, 480, 26),
    record(*GQA, 1, 1000, 12), record(*GQA, 2, 532, 24),
    record(*MHA, 1, 900, 14), record(*MHA, 2, 480, 26),
]))
