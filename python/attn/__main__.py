# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attnc's command line: python -m attn CONFIG.JSON --target cpu -o PACK"""

import os
import sys

from .compiler import NO_COMPILER, find_compiler

compiler = find_compiler()
if compiler is None:
    sys.exit(f"attn: {NO_COMPILER}")
os.execv(compiler, ["attnc", *sys.argv[1:]])
