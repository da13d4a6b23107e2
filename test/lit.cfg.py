# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The lit suites of the project, run by `ninja check-attn-lit`.

Run one directory or file with `lit -v build/test --filter Dialect/Attn`.
"""

import importlib.util
import os
import shutil
import sys

import lit.formats

config.name = "attn"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".json"]
config.excludes = ["Unit", "Utils", "Inputs", "models"]
config.test_source_root = os.path.join(config.attn_source_dir, "test")
config.test_exec_root = os.path.join(config.attn_build_dir, "test")

# Our tools, then LLVM's (FileCheck, not, count, split-file, mlir-opt, ...).
tools_dir = os.path.join(config.attn_build_dir, "bin")
config.environment["PATH"] = os.pathsep.join(
    [tools_dir, config.llvm_tools_dir, config.environment["PATH"]]
)
config.substitutions.append(("%attn_src", config.attn_source_dir))
config.substitutions.append(("%attn_build", config.attn_build_dir))
config.substitutions.append(("%python", sys.executable))
config.substitutions.append(("%test_utils", os.path.join(tools_dir, "test-utils")))
config.substitutions.append(("%models", os.path.join(config.test_source_root, "models")))

# `REQUIRES: attn-run`: the tool is built.
tools = ("attn-gpu-files", "attn-import", "attn-ptx", "attn-run", "attnc", "attn-bench", "attn-bench-forms", "attn-bench-latent", "attn-advise")
for tool in tools:
    if os.path.exists(os.path.join(tools_dir, tool)):
        config.available_features.add(tool)
# `REQUIRES: mlir-opt`: LLVM's own is there, to load the plugin into.
if os.path.exists(os.path.join(config.llvm_tools_dir, "mlir-opt")):
    config.available_features.add("mlir-opt")
# `REQUIRES: ptxas`: the CUDA toolkit's assembler, found as our tools find it.
cuda = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda"
if shutil.which("ptxas") or shutil.which("ptxas", path=os.path.join(cuda, "bin")):
    config.available_features.add("ptxas")
config.environment["CUDA_HOME"] = cuda
# `REQUIRES: fuzz-abi`: Clang can build libFuzzer targets.
for fuzzer in ("fuzz-abi", "fuzz-config", "fuzz-manifest"):
    if os.path.exists(os.path.join(tools_dir, fuzzer)):
        config.available_features.add(fuzzer)
# `REQUIRES: nvdisasm`: of the toolkit, of the triton wheel, or $ATTN_NVDISASM.
triton = importlib.util.find_spec("triton")
triton_bin = os.path.join(
    os.path.dirname(triton.origin) if triton else "", "backends", "nvidia", "bin"
)
nvdisasm = os.environ.get("ATTN_NVDISASM") or shutil.which("nvdisasm")
nvdisasm = nvdisasm or shutil.which("nvdisasm", path=triton_bin)
if nvdisasm:
    config.available_features.add("nvdisasm")
    config.substitutions.append(("%nvdisasm", nvdisasm))
# `REQUIRES: chromium`: a browser to look at pages with.
chromium = shutil.which("chromium") or shutil.which("chromium-browser")
if chromium:
    config.available_features.add("chromium")
    config.substitutions.append(("%chromium", chromium))
# `REQUIRES: cc`: a C compiler, for the examples; cmake for packs.
for program in ("cc", "cmake"):
    if shutil.which(program):
        config.available_features.add(program)
# `REQUIRES: python-env`: scripts/python-env was run.
if os.path.exists(os.path.join(config.attn_build_dir, "python", "bin", "python")):
    config.available_features.add("python-env")
# `REQUIRES: mpi`: an MPI's compiler and launcher (Debian: mpich).
if shutil.which("mpicc") and shutil.which("mpiexec"):
    config.available_features.add("mpi")


def host_isa():
    """The features that the host's instructions give, from /proc/cpuinfo."""
    needs = {
        "avx2": {"avx2", "fma", "f16c"},
        "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
        "avx512bf16": {"avx512f", "avx512_bf16"},
        "amx": {"amx_tile", "amx_bf16"},
    }
    try:
        with open("/proc/cpuinfo") as info:
            flags = next(line for line in info if line.startswith("flags"))
    except (OSError, StopIteration):
        return []
    have = set(flags.split(":", 1)[1].split())
    return [name for name, required in needs.items() if required <= have]


config.available_features.update(host_isa())
