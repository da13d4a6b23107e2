//===- Manifest.cpp - The manifest of a pack --------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parts.h"

#include "attn_gpu.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"

using namespace attn;
using namespace attn::pack;
using llvm::json::OStream;

static llvm::StringRef dtypeName(int32_t dtype) {
  return dtype == ATTN_BF16 ? "bf16" : dtype == ATTN_F16 ? "f16" : "f32";
}

static llvm::StringRef layoutName(int32_t layout) {
  return layout == ATTN_LAYOUT_ROW ? "row" : "own";
}

/// What kernels of both kinds have.
template <typename Desc>
static void writeFacts(OStream &json, const Desc &f) {
  json.attribute("dtype", dtypeName(f.dtype));
  json.attribute("layout", layoutName(f.layout));
  json.attribute("q_heads", f.q_heads);
  json.attribute("kv_heads", f.kv_heads);
  json.attribute("k_dim", f.k_dim);
  json.attribute("v_dim", f.v_dim);
  json.attribute("q_len", f.q_len);
  json.attribute("kv_tile", f.kv_tile);
  json.attribute("window", f.window);
  json.attribute("scale", f.scale);
  json.attribute("softcap", f.softcap);
  json.attribute("causal", bool(f.flags & ATTN_KERNEL_CAUSAL));
  json.attribute("sinks", bool(f.flags & ATTN_KERNEL_SINKS));
  json.attribute("v_in_k", bool(f.flags & ATTN_KERNEL_V_IN_K));
  json.attribute("score_mod", bool(f.flags & ATTN_KERNEL_SCORE_MOD));
  json.attribute("out_f32", bool(f.flags & ATTN_KERNEL_OUT_F32));
}

template <typename Desc>
static void writeProjection(OStream &json, const Compiled &unit,
                            llvm::StringRef name, const Desc &facts) {
  json.object([&] {
    json.attribute("name", name);
    json.attribute("target", unit.target.name());
    json.attribute("dtype", dtypeName(facts.dtype));
    json.attribute("in_dtype", dtypeName(facts.in_dtype));
    json.attribute("heads", facts.heads);
    json.attribute("k_dim", facts.k_dim);
    json.attribute("n_dim", facts.n_dim);
  });
}

static void writeProjections(OStream &json, const Compiled &unit) {
  for (const CPUProjection &projection : unit.cpu.projections)
    writeProjection(json, unit, projection.name, projection.facts);
  if (unit.gpu)
    for (const attn_gpu_project_desc &desc : unit.gpu->projections)
      writeProjection(json, unit, desc.name, desc);
}

static void writeKernels(OStream &json, const Compiled &unit) {
  for (const CPUKernel &kernel : unit.cpu.kernels)
    json.object([&] {
      json.attribute("name", kernel.name);
      json.attribute("target", unit.target.name());
      json.attribute("decodes", !kernel.kernel.empty());
      json.attribute("merges", !kernel.combine.empty());
      writeFacts(json, kernel.facts);
      json.attribute("page_multiple", kernel.facts.page_multiple);
      json.attribute("scratch_bytes", kernel.facts.scratch_bytes);
    });
  if (!unit.gpu)
    return;
  for (const attn_gpu_kernel_desc &desc : unit.gpu->descs)
    json.object([&] {
      json.attribute("name", desc.name);
      json.attribute("target", unit.target.name());
      json.attribute("decodes", true);
      json.attribute("merges", true);
      writeFacts(json, desc);
      json.attribute("page_multiple", 1);
      json.attribute("threads", desc.threads);
      json.attribute("shared_bytes", desc.shared_bytes);
      json.attributeObject("image", [&] {
        json.attribute("form",
                       unit.image.form == NVVMForm::PTX ? "ptx" : "fatbin");
        json.attribute("bytes", int64_t(unit.image.bytes.size()));
        json.attribute("sha256", sha256(unit.image.bytes));
      });
    });
}

static void writeModel(OStream &json, const Model &model) {
  json.object([&] {
    json.attribute("name", model.name);
    json.attribute("model_type", model.type);
    json.attribute("max_context", model.maxContext);
    json.attributeArray("kinds", [&] {
      for (const LayerKind &kind : model.kinds)
        json.object([&] {
          json.attribute("kind", kind.kind);
          json.attribute("layers", kind.layers);
          json.attribute("kernel", kind.kernel); // with _q1, _q2, ... behind
          if (hasChain(kind.attention))          // likewise
            json.attribute("chain", kind.kernel + kChainSuffix.str());
          if (const auto &latent = kind.attention.latent) {
            json.attributeObject("latent", [&] {
              json.attribute("rank", latent->rank);
              json.attribute("rope", latent->rope);
              json.attribute("nope", latent->nope);
              json.attribute("v", latent->v);
            });
          }
        });
    });
    json.attributeArray("layers", [&] {
      for (unsigned kind : model.layers)
        json.value(kind);
    });
  });
}

File attn::pack::makeManifest(const Plan &plan, const Options &options,
                              llvm::ArrayRef<Compiled> compiled,
                              llvm::ArrayRef<File> files) {
  File file{"manifest.json", ""};
  llvm::raw_string_ostream stream(file.bytes);
  OStream json(stream, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("schema", kManifestSchema);
    json.attribute("name", plan.name);
    json.attributeObject("tool", [&] {
      json.attribute("name", "attnc");
      json.attribute("version", ATTN_VERSION);
      json.attribute("llvm", LLVM_VERSION_STRING);
    });
    json.attribute("kernel_abi", ATTN_KERNEL_ABI_VERSION);
    json.attribute("gpu_kernel_abi", ATTN_GPU_ABI_VERSION);
    json.attributeObject("capacities", [&] {
      json.attribute("max_batch", options.maxBatch);
      json.attribute("max_q", options.maxQ);
      json.attribute("page", options.decode.page);
      json.attribute("tp", options.tp);
    });
    json.attributeArray("targets", [&] {
      for (const Target &target : options.targets)
        json.value(target.name());
    });
    json.attributeArray("inputs", [&] {
      for (const Input &input : plan.inputs)
        json.object([&] {
          json.attribute("name", input.name);
          json.attribute("sha256", input.sha256);
        });
    });
    json.attributeArray("models", [&] {
      for (const Model &model : plan.models)
        writeModel(json, model);
    });
    json.attributeArray("kernels", [&] {
      for (const Compiled &unit : compiled)
        writeKernels(json, unit);
    });
    json.attributeArray("projections", [&] {
      for (const Compiled &unit : compiled)
        writeProjections(json, unit);
    });
    json.attributeArray("files", [&] {
      for (const File &made : files)
        json.object([&] {
          json.attribute("name", made.name);
          json.attribute("bytes", int64_t(made.bytes.size()));
          json.attribute("sha256", sha256(made.bytes));
        });
    });
  });
  stream << "\n";
  return file;
}
