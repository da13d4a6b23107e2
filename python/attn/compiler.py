# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs attnc."""

import os
import shutil
import subprocess

NO_COMPILER = "attnc is neither in this package nor on the PATH"


def find_compiler():
    """Path of attnc: this package's, or the one on the PATH; None if there is
    neither (the package was built with ATTN_NO_COMPILER)."""
    own = os.path.join(os.path.dirname(__file__), "_install", "bin", "attnc")
    return own if os.path.exists(own) else shutil.which("attnc")


def compile(inputs, folder, **options):
    """Makes a pack of `inputs` in `folder`. Options are attnc's, with `_` for `-`:
    target="cpu", kv_dtype="bf16", page=64, max_q=1, name="llama".
    Raises RuntimeError with what attnc has to say."""
    compiler = find_compiler()
    if compiler is None:
        raise RuntimeError(NO_COMPILER)
    command = [compiler, *map(str, inputs), "-o", str(folder), "--quiet"]
    command += [f"--{name.replace('_', '-')}={value}"
                for name, value in options.items()]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
