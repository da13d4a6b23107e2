//===- ManifestTest.cpp - Manifests, right and wrong ----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// manifest.json beside this file is right; each test makes one thing of it
// wrong. That what attnc writes is right is for test/Tools/attnc/check.test.
//
//===----------------------------------------------------------------------===//

#include "attn/Pack/Manifest.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace attn::pack;
using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

namespace {

std::string rightText() {
  auto file =
      llvm::MemoryBuffer::getFile(ATTN_TEST_DIR "/Unit/Pack/manifest.json");
  return (*file)->getBuffer().str();
}

/// What is said of `text`, or nothing.
std::string refusal(llvm::StringRef text) {
  auto manifest = parseManifest(text);
  return manifest ? "" : llvm::toString(manifest.takeError());
}

/// The value at a path of names and indices, such as `kernels[3].q_len`.
Value *find(Value &root, llvm::StringRef path) {
  Value *value = &root;
  llvm::SmallVector<llvm::StringRef> steps;
  llvm::SplitString(path, steps, ".[]");
  for (llvm::StringRef step : steps) {
    size_t index;
    value = step.getAsInteger(10, index) ? &(*value->getAsObject())[step]
                                         : &(*value->getAsArray())[index];
  }
  return value;
}

/// What is said of the right manifest after `edit`.
std::string refusalAfter(llvm::function_ref<void(Value &)> edit) {
  Value root = llvm::cantFail(llvm::json::parse(rightText()));
  edit(root);
  std::string text;
  llvm::raw_string_ostream(text) << root;
  return refusal(text);
}
std::string refusalWith(llvm::StringRef path, Value value) {
  return refusalAfter([&](Value &root) { *find(root, path) = value; });
}

} // namespace

TEST(Manifest, SaysWhatIsInIt) {
  auto m = parseManifest(rightText());
  ASSERT_TRUE(bool(m)) << llvm::toString(m.takeError());
  EXPECT_EQ(m->name, "two");
  EXPECT_EQ(m->toolVersion, "0.1.0");
  EXPECT_EQ(m->maxQ, 2);
  EXPECT_EQ(m->targets, (std::vector<std::string>{"cpu:avx2", "sm_80"}));
  ASSERT_EQ(m->inputs.size(), 2u);
  EXPECT_EQ(m->inputs[1].name, "b.json");
  ASSERT_EQ(m->models.size(), 2u);
  EXPECT_EQ(m->models[0].kinds[1].kernel, "gqa");
  EXPECT_EQ(m->models[0].layers, (std::vector<int64_t>{0, 1, 0}));
  ASSERT_TRUE(m->models[1].kinds[0].latent.has_value());
  EXPECT_EQ(m->models[1].kinds[0].latent->nope, 128);
  ASSERT_EQ(m->kernels.size(), 16u);
  EXPECT_FALSE(m->kernels[0].image.has_value());
  EXPECT_EQ(m->kernels[0].facts.window, 128);
  EXPECT_EQ(m->kernels[1].image->form, "fatbin");
  EXPECT_EQ(m->files.size(), 4u);

  std::string text;
  llvm::raw_string_ostream stream(text);
  printManifest(*m, stream);
  for (const char *line :
       {"two: made by attnc 0.1.0, LLVM 22.1.0, kernel ABI 3, GPU kernel ABI "
        "3\n",
        "targets: cpu:avx2 sm_80\n",
        "capacities: batch 256, q_len 2, page 64, tp 1\n",
        "model a (gpt_oss), 4096 tokens\n  window: 2 layers by gqa_w\n",
        "  full: 2 layers by mla and mla_chain, latent rank 512, rope 64, nope "
        "128, v 128\n",
        "kernel gqa_w_q1: bf16 row, 8 query heads on 2 of 64, q_len 1, scale "
        "0.125000, window 128\n",
        "kernel mla_q2: bf16 row, 16 query heads on 1 of 576, V its first "
        "512, q_len 2,",
        "projection mla_chain_q1_1: bf16, 16 heads from 512 of f32 to 128\n",
        "file libtwo_attn.a: 12 bytes, 2f2f2f"})
    EXPECT_NE(text.find(line), text.npos) << line << "\nin\n" << text;
}

TEST(Manifest, TextThatIsNoneIsRefused) {
  EXPECT_NE(refusal("").find("manifest.json: not JSON"), std::string::npos);
  EXPECT_NE(refusal(rightText().substr(0, 500)).find("not JSON"),
            std::string::npos);
  EXPECT_EQ(refusal("[1]"), "manifest.json: [1]; an object is expected");
  EXPECT_NE(refusal(std::string(100000, '[')).find("nested more than"),
            std::string::npos);
}

// Every field, without it and of another type.
TEST(Manifest, EveryFieldIsNeededAndTyped) {
  const char *const fields[] = {"schema",
                                "name",
                                "tool",
                                "tool.name",
                                "tool.version",
                                "tool.llvm",
                                "kernel_abi",
                                "gpu_kernel_abi",
                                "capacities",
                                "capacities.max_batch",
                                "capacities.max_q",
                                "capacities.page",
                                "capacities.tp",
                                "targets",
                                "targets[0]",
                                "inputs",
                                "inputs[0]",
                                "inputs[1].name",
                                "inputs[1].sha256",
                                "models",
                                "models[0]",
                                "models[0].name",
                                "models[0].model_type",
                                "models[0].max_context",
                                "models[0].kinds",
                                "models[0].kinds[1]",
                                "models[0].kinds[1].kind",
                                "models[0].kinds[1].layers",
                                "models[0].kinds[1].kernel",
                                "models[0].layers",
                                "models[0].layers[2]",
                                "models[1].kinds[0].latent.rank",
                                "models[1].kinds[0].latent.rope",
                                "models[1].kinds[0].latent.nope",
                                "models[1].kinds[0].latent.v",
                                "kernels",
                                "kernels[3]",
                                "kernels[3].name",
                                "kernels[3].target",
                                "kernels[3].decodes",
                                "kernels[3].merges",
                                "kernels[3].dtype",
                                "kernels[3].layout",
                                "kernels[3].q_heads",
                                "kernels[3].kv_heads",
                                "kernels[3].k_dim",
                                "kernels[3].v_dim",
                                "kernels[3].q_len",
                                "kernels[3].kv_tile",
                                "kernels[3].window",
                                "kernels[3].scale",
                                "kernels[3].softcap",
                                "kernels[3].causal",
                                "kernels[3].sinks",
                                "kernels[3].v_in_k",
                                "kernels[3].out_f32",
                                "projections",
                                "projections[2]",
                                "projections[2].name",
                                "projections[2].target",
                                "projections[2].dtype",
                                "projections[2].in_dtype",
                                "projections[2].heads",
                                "projections[2].k_dim",
                                "projections[2].n_dim",
                                "kernels[3].score_mod",
                                "kernels[3].page_multiple",
                                "kernels[2].scratch_bytes",
                                "kernels[3].threads",
                                "kernels[3].shared_bytes",
                                "kernels[3].image",
                                "kernels[3].image.form",
                                "kernels[3].image.bytes",
                                "kernels[3].image.sha256",
                                "files",
                                "files[0]",
                                "files[0].name",
                                "files[0].bytes",
                                "files[0].sha256"};
  for (llvm::StringRef path : fields) {
    std::string start = ("manifest.json: " + path + ": ").str();
    // As wrong for a string as for a number, a flag, a list and an object.
    std::string said = refusalWith(path, nullptr);
    EXPECT_EQ(said.compare(0, start.size(), start), 0)
        << path.str() << ": " << said;
    if (path.ends_with("]"))
      continue;
    size_t dot = path.rfind('.');
    llvm::StringRef name = path.substr(dot + 1);
    llvm::StringRef parent = dot == path.npos ? "" : path.take_front(dot);
    said = refusalAfter(
        [&](Value &root) { find(root, parent)->getAsObject()->erase(name); });
    EXPECT_EQ(said.find(start + "missing; "), 0u) << path.str() << ": " << said;
  }
}

TEST(Manifest, ValuesOutOfRangeAreRefused) {
  const struct {
    const char *path;
    Value value;
    const char *said;
  } cases[] = {
      {"schema", 2, "schema: 2; this attnc reads 1"},
      {"name", "Two", "name: \"Two\"; an identifier of C in lower case"},
      {"tool.name", "other", "tool.name: \"other\"; one of attnc"},
      {"capacities.max_batch", 0, "an integer from 1 to 2147483647"},
      {"capacities.max_q", 9, "capacities.max_q: 9; an integer from 1 to 8"},
      {"capacities.page", 1.5, "capacities.page: 1.5; an integer"},
      {"targets[0]", "cpu", "targets[0]: \"cpu\"; a target such as"},
      {"targets[0]", "sm_70", "targets[0]: \"sm_70\"; a target such as"},
      {"inputs[0].sha256", "AB", "64 hexadecimal digits"},
      {"inputs", Array(), "inputs: []; a list that is not empty"},
      {"models[0].layers[0]", 2, "models[0].layers[0]: 2; the index"},
      {"kernels[0].dtype", "fp8", "one of bf16, f16, f32"},
      {"kernels[0].q_heads", -8, "kernels[0].q_heads: -8; an integer"},
      {"kernels[0].scale", 1e300, "a number that a float holds"},
      {"kernels[0].window", 1e30, "kernels[0].window: 1e+30; an integer"},
      {"kernels[1].threads", 2048, "an integer from 1 to 1024"},
      {"kernels[1].image.form", "elf", "one of ptx, fatbin"},
  };
  for (const auto &each : cases) {
    std::string said = refusalWith(each.path, each.value);
    EXPECT_NE(said.find(each.said), said.npos)
        << each.path << ": '" << said << "'";
  }
}

TEST(Manifest, UnknownFieldsAreRefused) {
  EXPECT_EQ(refusalWith("extra", 1),
            "manifest.json: extra: no field of schema 1");
  EXPECT_EQ(refusalWith("kernels[4].colour", "red"),
            "manifest.json: kernels[4].colour: no field of schema 1");
  // What only the other kind of kernel has.
  EXPECT_EQ(refusalWith("kernels[0].threads", 32),
            "manifest.json: kernels[0].threads: no field of schema 1");
}

TEST(Manifest, ContradictionsAreRefused) {
  const struct {
    const char *path;
    Value value;
    const char *said;
  } cases[] = {
      {"targets[1]", "cpu:avx2", "targets[1]: 'cpu:avx2' is there twice"},
      {"targets[1]", "sm_90", "kernels[1].target: 'sm_80' is none of targets"},
      {"kernels[1].target", "cpu:avx2", "kernels[1].scratch_bytes: missing"},
      {"kernels[2].name", "gqa_w_q1",
       "kernels[2]: 'gqa_w_q1' for cpu:avx2 is there twice"},
      {"kernels[1].q_heads", 16,
       "kernels[1]: 'gqa_w_q1' has other facts in kernels[0]"},
      {"kernels[1].scale", 0.25, "has other facts in kernels[0]"},
      {"kernels[0].q_heads", 9,
       "kernels[0].q_heads: 9 is no multiple of kv_heads 2"},
      {"kernels[8].v_dim", 600,
       "kernels[8].v_dim: 600 exceeds k_dim 576, whose prefix it is"},
      {"kernels[0].softcap", -1, "kernels[0].softcap: negative"},
      {"kernels[1].dtype", "f32", "GPU kernels are bf16 or f16"},
      {"kernels[1].layout", "own", "GPU kernels read row"},
      {"models[1].name", "a", "models[1].name: 'a' is there twice"},
      {"models[0].kinds[1].kind", "window",
       "models[0].kinds[1].kind: 'window' is there twice"},
      {"models[0].kinds[0].layers", 3,
       "models[0].kinds[0].layers: 3, but models[0].layers has 2 of them"},
      {"models[0].kinds[0].kernel", "none",
       "models[0].kinds[0].kernel: no kernel is called 'none_q1'"},
      {"capacities.max_q", 3, "no kernel is called 'gqa_w_q3'"},
      {"models[1].kinds[0].latent.rank", 500,
       "models[1].kinds[0].kernel: 'mla_q1' reads k_dim 576, v_dim 512, not "
       "rank 500 and rope 64"},
      {"models[1].kinds[0].chain", "none",
       "models[1].kinds[0].chain: no kernel is called 'none_q1'"},
      {"projections[1].target", "sm_90",
       "projections[1].target: 'sm_90' is none of targets"},
      {"projections[1].name", "mla_chain_q1_0",
       "projections[1]: 'mla_chain_q1_0' for cpu:avx2 is there twice"},
      {"name", "three", "files: not those of pack 'three': libthree_attn.a,"},
      {"files[0].name", "../secret", "files: not those of pack 'two'"},
  };
  for (const auto &each : cases) {
    std::string said = refusalWith(each.path, each.value);
    EXPECT_NE(said.find(each.said), said.npos)
        << each.path << ": '" << said << "'";
  }
  EXPECT_NE(
      refusalAfter([](Value &root) {
        for (int i : {0, 1}) {
          Object &kernel =
              *find(root, "kernels")->getAsArray()->begin()[i].getAsObject();
          kernel["decodes"] = kernel["merges"] = false;
        }
      }).find("kernels[0]: the kernel neither decodes nor merges"),
      std::string::npos);
  EXPECT_NE(refusalAfter([](Value &root) {
              Array &kernels = *find(root, "kernels")->getAsArray();
              kernels.erase(kernels.begin() + 5);
            }).find("kernels[4]: 'gqa_q1' is there for 1 of 2 targets"),
            std::string::npos);
  EXPECT_NE(refusalAfter([](Value &root) {
              for (int i : {0, 1})
                *find(root, "kernels[" + std::to_string(i) + "].q_len") = 2;
            }).find("models[0].kinds[0].kernel: 'gqa_w_q1' is for q_len 2"),
            std::string::npos);
  EXPECT_NE(refusalAfter([](Value &root) {
              for (int i : {0, 1})
                *find(root,
                      "kernels[" + std::to_string(i) + "].page_multiple") = 48;
            }).find("capacities.page: 64 is no multiple of 'gqa_w_q1's"),
            std::string::npos);
}

// What is on the disk.
TEST(Manifest, FilesAreCompared) {
  llvm::SmallString<128> folder;
  ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("attn-manifest", folder));
  auto write = [&](const std::string &name, llvm::StringRef bytes) {
    std::error_code code;
    llvm::raw_fd_ostream((folder + "/" + name).str(), code) << bytes;
    ASSERT_FALSE(code) << code.message();
  };
  auto said = [&] {
    auto manifest = checkPack(folder);
    return manifest ? "" : llvm::toString(manifest.takeError());
  };
  EXPECT_NE(said().find("manifest.json: No such file"), std::string::npos);
  Value root = llvm::cantFail(llvm::json::parse(rightText()));
  Array files;
  for (const std::string &name : packFiles("two")) {
    std::string bytes = "contents of " + name;
    write(name, bytes);
    files.push_back(Object{{"name", name},
                           {"bytes", int64_t(bytes.size())},
                           {"sha256", sha256(bytes)}});
  }
  (*root.getAsObject())["files"] = std::move(files);
  std::string text;
  llvm::raw_string_ostream(text) << root;
  write("manifest.json", text);
  EXPECT_EQ(said(), "");
  write("two_attn.h", "contents of two_attn.H");
  EXPECT_NE(said().find("two_attn.h has the SHA-256 "), std::string::npos);
  write("two_attn.h", "contents");
  EXPECT_NE(said().find("two_attn.h has 8 bytes, not the 22 of the manifest"),
            std::string::npos);
  ASSERT_FALSE(llvm::sys::fs::remove(folder + "/libtwo_attn.so"));
  EXPECT_NE(said().find("libtwo_attn.so: No such file"), std::string::npos);
  write("manifest.json", "{}");
  EXPECT_NE(said().find(": manifest.json: schema: missing"), std::string::npos);
  llvm::sys::fs::remove_directories(folder);
}
