# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a pack as a kernel for Hugging Face's `kernels`.

    python -m attn.hf_kernels PACK -o FOLDER [--name NAME] [--version N]

FOLDER is then what `kernels.get_local_kernel(FOLDER, backend="cpu")` loads, or
`kernels.get_kernel` where LOCAL_KERNELS names it, and what a kernel repository of the
Hub consists of:

    build/tvm-ffi01-cpu-x86_64-linux/   one build variant
      __init__.py       decode, append, layer, ... (_hf_init.py beside this file)
      metadata.json     what `kernels` reads first, with a digest of the other files
      libPACK_attn.so   the pack, manifest.json its facts
      NAME/__init__.py  the same again, where older versions of `kernels` look
"""

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile

# The framework is TVM-FFI 0.1, whose calling convention the pack exports; the Python
# path calls the CPU's kernels, whatever else the pack has.
VARIANT = "tvm-ffi01-cpu-x86_64-linux"
# What a kernel of the Hub may need.
HUB_GLIBC = (2, 28)

_OPS = """\
# The namespace of this kernel's operators.


def add_op_namespace_prefix(name):
    return f"{id}::{{name}}"
"""

_COMPATIBILITY = """\
# For versions of `kernels` that look for the module in a folder of its name.

import importlib.util
import os
import sys

if "{id}" not in sys.modules:
    _folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    _spec = importlib.util.spec_from_file_location(
        "{id}", os.path.join(_folder, "__init__.py"))
    sys.modules["{id}"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["{id}"])

__all__ = sys.modules["{id}"].__all__
globals().update((name, getattr(sys.modules["{id}"], name)) for name in __all__)
"""


def _glibc(library):
    """The newest version of glibc that the bytes of a library name."""
    return max(((int(major), int(minor)) for major, minor in
                re.findall(rb"GLIBC_(\d+)\.(\d+)", library)), default=(0, 0))


def _files(pack, name):
    """The kernel's name and identifier, and the files of the variant by their paths."""
    with open(os.path.join(pack, "manifest.json"), "rb") as file:
        text = file.read()
    manifest = json.loads(text)
    if not any(target.startswith("cpu") for target in manifest["targets"]):
        raise ValueError(f"{pack} has no kernels for a CPU, which are the ones that "
                         "can be called from Python: attnc --target cpu")
    name = name or manifest["name"].replace("_", "-").lower()
    if not re.fullmatch("[a-z][-a-z0-9]*[a-z0-9]", name):
        raise ValueError(f"'{name}' can't be a kernel's name (small letters, digits "
                         "and dashes): say --name")
    module = name.replace("-", "_")
    library = f"lib{manifest['name']}_attn.so"
    files = {"manifest.json": text}
    with open(os.path.join(pack, library), "rb") as file:
        files[library] = file.read()
    for path, source in (("__init__.py", "_hf_init.py"), ("pack.py", "pack.py"),
                         ("torch_ops.py", "torch_ops.py")):
        with open(os.path.join(os.path.dirname(__file__), source), "rb") as file:
            files[path] = file.read()
    # Unlike kernels have unlike identifiers, which are modules and operators' names.
    digest = hashlib.sha256(b"".join(files[path] for path in sorted(files)))
    identifier = f"_{module}_cpu_{digest.hexdigest()[:8]}"
    files["_ops.py"] = _OPS.format(id=identifier).encode()
    files[f"{module}/__init__.py"] = _COMPATIBILITY.format(id=identifier).encode()
    return name, identifier, files


def write(pack, folder, name=None, version=0):
    """Writes the pack in folder `pack` as a kernel to `folder`, and returns the
    folder of its build variant. `version` is a major one: 0 says that it may change."""
    name, identifier, files = _files(pack, name)
    digests = {path: base64.b64encode(hashlib.sha256(files[path]).digest()).decode()
               for path in sorted(files)}
    files["metadata.json"] = json.dumps({
        "name": name, "id": identifier, "version": version, "license": "apache-2.0",
        "python-depends": [], "kernel-depends": [], "backend": {"type": "cpu"},
        "digest": {"algorithm": "sha256", "files": digests}}, indent=2).encode()
    variant = os.path.join(folder, "build", VARIANT)
    if os.path.exists(variant) and not os.path.exists(
            os.path.join(variant, "metadata.json")):
        raise ValueError(f"{variant} is in the way: no kernel is in it")
    os.makedirs(os.path.dirname(variant), exist_ok=True)
    # Beside the one in the way, which is replaced as a whole.
    with tempfile.TemporaryDirectory(dir=os.path.dirname(variant)) as made:
        made = os.path.join(made, VARIANT)
        for path, content in files.items():
            path = os.path.join(made, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        shutil.rmtree(variant, ignore_errors=True)
        os.rename(made, variant)
    return variant


def main():
    parser = argparse.ArgumentParser(
        prog="python -m attn.hf_kernels", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", help="the folder that attnc wrote")
    parser.add_argument("-o", dest="folder", required=True)
    parser.add_argument("--name", help="the kernel's; the pack's with dashes")
    parser.add_argument("--version", type=int, default=0)
    options = parser.parse_args()
    try:
        variant = write(options.pack, options.folder, options.name, options.version)
    except (OSError, ValueError) as error:
        sys.exit(f"attn.hf_kernels: {error}")
    print(variant)
    for path in os.listdir(variant):
        if path.endswith(".so"):
            with open(os.path.join(variant, path), "rb") as file:
                needed = _glibc(file.read())
            if needed > HUB_GLIBC:
                print("note: needs glibc {}.{}; the Hub asks for kernels that run "
                      "with {}.{}".format(*needed, *HUB_GLIBC), file=sys.stderr)


if __name__ == "__main__":
    main()
