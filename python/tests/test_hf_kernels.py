# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packs as kernels for Hugging Face's `kernels`: the layout always, its own loader
where it is installed, torch.compile where PyTorch is as well."""

import base64
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest
from unittest import mock

import numpy

from attn import hf_kernels
from support import make_pack, reference

try:
    import kernels
except ImportError as error:
    kernels, why_no_kernels = None, f"`kernels` does not import: {error}"
try:
    import torch
except ImportError as error:
    torch, why_no_torch = None, f"PyTorch does not import: {error}"


class LayoutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pack = make_pack("llama-3.1-8b", "deepseek-v3", name="two_models",
                             kv_dtype="f32", target="cpu:avx2")
        cls.folder = os.path.join(os.path.dirname(cls.pack), "kernel")
        cls.variant = pathlib.Path(hf_kernels.write(cls.pack, cls.folder))
        cls.metadata = json.loads((cls.variant / "metadata.json").read_text())

    def check(self, kernel, like=lambda array: array):
        """Decodes with what was loaded."""
        random = numpy.random.default_rng(1)
        q = random.standard_normal((1, 1, 32, 128), numpy.float32)
        k, v = (random.standard_normal((4, 64, 8, 128), numpy.float32)
                for _ in range(2))
        lens, table = numpy.array([100], numpy.int32), numpy.array([[2, 0]], numpy.int32)
        out, lse = kernel.decode(*map(like, (q, k, v, lens, table)),
                                 model="llama_3_1_8b")
        self.assertEqual(type(out), type(like(q)))
        expected, expected_lse = reference(q, k, v, lens, table, 128 ** -0.5)
        self.assertLess(abs(numpy.asarray(out) - expected).max(), 1e-4)
        self.assertLess(abs(numpy.asarray(lse) - expected_lse).max(), 1e-4)

    def test_layout(self):
        self.assertEqual(self.variant, pathlib.Path(
            self.folder, "build", "tvm-ffi01-cpu-x86_64-linux"))
        self.assertTrue((self.variant / "__init__.py").exists())
        self.assertTrue((self.variant / "two_models" / "__init__.py").exists())
        for path in self.variant.rglob("*.py"):
            # Only the standard library, PyTorch, TVM-FFI and the kernel itself may be
            # imported without a way to do without.
            for line in re.findall(r"^(?:import|from) .*", path.read_text(), re.M):
                self.assertRegex(line, r"^import (\w*lib(\.util)?|os|sys|json|threading|"
                                 r"tvm_ffi|torch)\b|^from (\.|typing|torch)")

    def test_metadata(self):
        metadata = dict(self.metadata)
        self.assertRegex(metadata.pop("id"), r"^_two_models_cpu_[0-9a-f]{8}$")
        digest = metadata.pop("digest")
        self.assertEqual(metadata, {
            "name": "two-models", "version": 0, "license": "apache-2.0",
            "python-depends": [], "kernel-depends": [], "backend": {"type": "cpu"}})
        self.assertEqual(digest["algorithm"], "sha256")
        files = {str(path.relative_to(self.variant)): base64.b64encode(
            hashlib.sha256(path.read_bytes()).digest()).decode()
            for path in self.variant.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}
        files.pop("metadata.json")
        self.assertEqual(digest["files"], files)

    def test_old_layout(self):
        """The module in the folder of the kernel's name, loaded by its path."""
        path = self.variant / "two_models" / "__init__.py"
        spec = importlib.util.spec_from_file_location("old_layout", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.addCleanup(sys.modules.pop, self.metadata["id"])
        self.check(module)
        self.assertEqual(module.layers, (("llama_3_1_8b", "full"),
                                         ("deepseek_v3", "full")))
        with self.assertRaisesRegex(KeyError, "2 kinds of layer match"):
            module.layer()
        module.set_num_threads(2)
        self.check(module)
        k = numpy.zeros((1, 4, 1, 576), numpy.float32)
        new = numpy.ones((1, 1, 576), numpy.float32)
        module.append(new, None, numpy.array([2]), k, model="deepseek_v3")
        numpy.testing.assert_array_equal(k[0, 2], new[0])

    def test_again(self):
        """The same pack gives the same bytes, and another name another identifier."""
        before = {path: path.read_bytes() for path in self.variant.rglob("*")
                  if path.is_file()}
        hf_kernels.write(self.pack, self.folder)
        for path, content in before.items():
            if "__pycache__" not in path.parts:
                self.assertEqual(path.read_bytes(), content)
        other = os.path.join(os.path.dirname(self.pack), "other")
        done = subprocess.run(
            [sys.executable, "-m", "attn.hf_kernels", self.pack, "-o", other, "--name",
             "other", "--version", "3"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        metadata = json.loads(pathlib.Path(done.stdout.strip(),
                                           "metadata.json").read_text())
        self.assertEqual((metadata["name"], metadata["version"]), ("other", 3))
        self.assertTrue(metadata["id"].startswith("_other_cpu_"))

    def test_refusals(self):
        gpu = os.path.join(os.path.dirname(self.pack), "gpu")
        os.mkdir(gpu)
        pathlib.Path(gpu, "manifest.json").write_text(
            json.dumps({"name": "gpu", "targets": ["sm_80"]}))
        taken = os.path.join(os.path.dirname(self.pack), "taken")
        os.makedirs(os.path.join(taken, "build", hf_kernels.VARIANT))
        for message, pack, folder, name in (
                ("no kernels for a CPU", gpu, taken, None),
                ("can't be a kernel's name", self.pack, taken, "Two_Models"),
                ("is in the way", self.pack, taken, None)):
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                hf_kernels.write(pack, folder, name)
        done = subprocess.run([sys.executable, "-m", "attn.hf_kernels", gpu, "-o", taken],
                              capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("attn.hf_kernels: ", done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    @unittest.skipIf(kernels is None, "" if kernels else why_no_kernels)
    def test_local_kernel(self):
        kernel = kernels.get_local_kernel(pathlib.Path(self.folder), backend="cpu")
        self.assertEqual(kernel.__name__, self.metadata["id"])
        self.check(kernel)
        loaded = kernels.get_loaded_kernels()[-1].metadata
        self.assertEqual((str(loaded.name), loaded.version), ("two-models", 0))

    @unittest.skipIf(kernels is None, "" if kernels else why_no_kernels)
    def test_local_kernels_variable(self):
        """get_kernel asks no Hub where LOCAL_KERNELS has the repository."""
        # A copy: kernels remembers what it loaded by its path.
        folder = os.path.join(os.path.dirname(self.pack), "copy")
        shutil.copytree(self.folder, folder)
        with mock.patch.dict(os.environ, LOCAL_KERNELS=f"someone/two-models={folder}"):
            self.check(kernels.get_kernel("someone/two-models", version=0,
                                          backend="cpu"))

    @unittest.skipIf(kernels is None, "" if kernels else why_no_kernels)
    def test_digest(self):
        """Hashed by `kernels`, as `kernels verify-signature` does."""
        from kernels._rust import Digest, DigestAlgorithm, Metadata
        metadata = Metadata.read_from_file(self.variant / "metadata.json")
        metadata.digest.validate(
            Digest.hash_variant(DigestAlgorithm.SHA256, self.variant))

    @unittest.skipIf(kernels is None, "" if kernels else why_no_kernels)
    @unittest.skipIf(torch is None, "" if torch else why_no_torch)
    def test_torch(self):
        kernel = kernels.get_local_kernel(pathlib.Path(self.folder), backend="cpu")
        self.check(kernel, torch.from_numpy)
        torch.library.opcheck(
            getattr(torch.ops, self.metadata["id"]).append,
            (torch.ones(1, 8, 128), torch.ones(1, 8, 128), torch.tensor([5]),
             torch.zeros(1, 64, 8, 128), torch.zeros(1, 64, 8, 128), "two_models",
             "llama_3_1_8b", "full"))
        # Without a break in the graph.
        compiled = torch.compile(
            lambda *arguments, **which: [
                x + 0 for x in kernel.decode(*arguments, **which)],
            fullgraph=True, backend="aot_eager")
        self.check(mock.Mock(decode=compiled), torch.from_numpy)


if __name__ == "__main__":
    unittest.main()
