//===- ReadManifest.cpp - The fields of a manifest --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ManifestChecks.h"

#include "attn/Model/Json.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <set>

using namespace attn;
using namespace attn::pack;
namespace json = llvm::json;

namespace {

/// Typed fields of an object, each of them to be read once. What cannot be read
/// is reported, and something harmless is returned for it.
class Fields {
public:
  Fields(Problem &problem, const json::Value &value, std::string path)
      : problem(problem), object(value.getAsObject()), path(std::move(path)) {
    if (!object)
      problem.report(this->path, model::describe(value) + "; an object is "
                                                          "expected");
  }

  bool has(llvm::StringRef name) const {
    return object && object->find(name) != object->end();
  }
  std::string pathOf(llvm::StringRef name) const {
    return path.empty() ? name.str() : (path + "." + name).str();
  }

  int64_t integer(llvm::StringRef name, int64_t least, int64_t most) {
    const json::Value *value = find(name);
    std::optional<int64_t> number;
    if (value)
      number = value->getAsInteger();
    if (number && *number >= least && *number <= most)
      return *number;
    wrong(name, value,
          llvm::formatv("an integer from {0} to {1}", least, most).str());
    return least;
  }

  /// A finite float.
  double number(llvm::StringRef name) {
    const json::Value *value = find(name);
    std::optional<double> number;
    if (value)
      number = value->getAsNumber();
    if (number && std::isfinite(static_cast<float>(*number)))
      return *number;
    wrong(name, value, "a number that a float holds");
    return 0;
  }

  bool boolean(llvm::StringRef name) {
    const json::Value *value = find(name);
    std::optional<bool> flag;
    if (value)
      flag = value->getAsBoolean();
    if (!flag)
      wrong(name, value, "true or false");
    return flag.value_or(false);
  }

  /// A string that `isRight` accepts.
  std::string text(llvm::StringRef name, llvm::StringRef expected,
                   llvm::function_ref<bool(llvm::StringRef)> isRight) {
    const json::Value *value = find(name);
    std::optional<llvm::StringRef> string;
    if (value)
      string = value->getAsString();
    if (string && isRight(*string))
      return string->str();
    wrong(name, value, expected);
    return "";
  }
  std::string text(llvm::StringRef name) {
    return text(name, "a string that is not empty",
                [](llvm::StringRef s) { return !s.empty(); });
  }
  std::string oneOf(llvm::StringRef name,
                    std::initializer_list<llvm::StringRef> choices) {
    return text(
        name, "one of " + llvm::join(choices, ", "),
        [&](llvm::StringRef s) { return llvm::is_contained(choices, s); });
  }
  std::string nameOfC(llvm::StringRef name) {
    return text(name, "an identifier of C in lower case",
                [](llvm::StringRef s) { return identifier(s) == s; });
  }
  std::string digest(llvm::StringRef name) {
    return text(name, "64 hexadecimal digits", [](llvm::StringRef s) {
      return s.size() == 64 &&
             s.find_first_not_of("0123456789abcdef") == s.npos;
    });
  }

  /// The fields of an object in this one.
  template <typename Body>
  void inside(llvm::StringRef name, Body body) {
    if (const json::Value *value = find(name)) {
      Fields fields(problem, *value, pathOf(name));
      body(fields);
      fields.finish();
    } else {
      wrong(name, value, "an object");
    }
  }
  /// `body(value, path)` for each entry of a list of at least `least`.
  template <typename Body>
  void forEach(llvm::StringRef name, size_t least, Body body) {
    const json::Value *value = find(name);
    const json::Array *list = value ? value->getAsArray() : nullptr;
    if (!list || list->size() < least)
      return wrong(name, value, least ? "a list that is not empty" : "a list");
    for (size_t i = 0; i < list->size(); ++i)
      body((*list)[i], pathOf(name) + "[" + std::to_string(i) + "]");
  }
  template <typename Body>
  void forEachObject(llvm::StringRef name, size_t least, Body body) {
    forEach(name, least, [&](const json::Value &value, std::string path) {
      Fields fields(problem, value, std::move(path));
      body(fields);
      fields.finish();
    });
  }

  /// Reports the first field that nobody asked for.
  void finish() {
    if (!object)
      return;
    // In an order of their own, not the hash table's.
    std::set<std::string> unknown;
    for (const auto &field : *object)
      if (!seen.contains(field.first))
        unknown.insert(field.first.str());
    if (!unknown.empty())
      problem.report(pathOf(json::fixUTF8(*unknown.begin())),
                     llvm::formatv("no field of schema {0}", kManifestSchema));
  }

private:
  const json::Value *find(llvm::StringRef name) {
    seen.insert(name);
    return object ? object->get(name) : nullptr;
  }
  void wrong(llvm::StringRef name, const json::Value *value,
             llvm::StringRef expected) {
    if (object)
      problem.report(pathOf(name),
                     (value ? model::describe(*value) : "missing") + "; " +
                         expected + " is expected");
  }

  Problem &problem;
  const json::Object *object;
  std::string path;
  llvm::StringSet<> seen;
};

constexpr int64_t kMost = INT32_MAX;

} // namespace

std::string attn::pack::identifier(llvm::StringRef text) {
  std::string result;
  for (char c : text.lower())
    result += llvm::isAlnum(c) ? c : '_';
  if (result.empty() || llvm::isDigit(result[0]))
    result = "m" + result;
  return result;
}

std::vector<std::string> attn::pack::packFiles(llvm::StringRef name) {
  std::string base = (name + "_attn").str();
  std::vector<std::string> files = {"lib" + base + ".a", "lib" + base + ".so",
                                    base + ".h", base + "Config.cmake"};
  llvm::sort(files);
  return files;
}

static Manifest::Model readModel(Fields &f) {
  Manifest::Model model;
  model.name = f.nameOfC("name");
  model.type = f.text("model_type");
  model.maxContext = f.integer("max_context", 0, kMost);
  f.forEachObject("kinds", 1, [&](Fields &f) {
    Manifest::Kind kind;
    kind.kind = f.nameOfC("kind");
    kind.layers = f.integer("layers", 1, kMost);
    kind.kernel = f.text("kernel");
    if (f.has("chain"))
      kind.chain = f.text("chain");
    if (f.has("latent"))
      f.inside("latent", [&](Fields &f) {
        int64_t rank = f.integer("rank", 1, kMost),
                rope = f.integer("rope", 0, kMost),
                nope = f.integer("nope", 1, kMost),
                v = f.integer("v", 1, kMost);
        kind.latent = {rank, rope, nope, v};
      });
    model.kinds.push_back(std::move(kind));
  });
  return model;
}

static Manifest::Facts readFacts(Fields &f) {
  Manifest::Facts facts;
  facts.dtype = f.oneOf("dtype", {"bf16", "f16", "f32"});
  facts.layout = f.oneOf("layout", {"row", "own"});
  facts.qHeads = f.integer("q_heads", 1, kMost);
  facts.kvHeads = f.integer("kv_heads", 1, kMost);
  facts.kDim = f.integer("k_dim", 1, kMost);
  facts.vDim = f.integer("v_dim", 1, kMost);
  facts.qLen = f.integer("q_len", 1, kMost);
  facts.window = f.integer("window", 0, INT64_MAX);
  facts.scale = f.number("scale");
  facts.softcap = f.number("softcap");
  facts.causal = f.boolean("causal");
  facts.sinks = f.boolean("sinks");
  facts.vInK = f.boolean("v_in_k");
  facts.scoreMod = f.boolean("score_mod");
  facts.outF32 = f.boolean("out_f32");
  return facts;
}

static Manifest::Kernel readKernel(Fields &f) {
  Manifest::Kernel kernel;
  kernel.name = f.text("name");
  kernel.target = f.text("target");
  kernel.decodes = f.boolean("decodes");
  kernel.merges = f.boolean("merges");
  kernel.facts = readFacts(f);
  kernel.kvTile = f.integer("kv_tile", 1, kMost);
  kernel.pageMultiple = f.integer("page_multiple", 1, kMost);
  if (llvm::StringRef(kernel.target).starts_with("cpu:")) {
    f.integer("scratch_bytes", 0, INT64_MAX);
    return kernel;
  }
  f.integer("threads", 1, 1024);
  f.integer("shared_bytes", 0, kMost);
  f.inside("image", [&](Fields &f) {
    Manifest::Image image;
    image.form = f.oneOf("form", {"ptx", "fatbin"});
    image.bytes = f.integer("bytes", 1, INT64_MAX);
    image.sha256 = f.digest("sha256");
    kernel.image = std::move(image);
  });
  return kernel;
}

static void readLists(Fields &f, Problem &problem, Manifest &m) {
  f.forEach("targets", 1, [&](const json::Value &value, std::string path) {
    std::string name = value.getAsString().value_or("").str();
    auto parsed = parseTargets(name);
    bool known = parsed && parsed->size() == 1 && (*parsed)[0].name() == name;
    if (!parsed)
      llvm::consumeError(parsed.takeError());
    if (!known)
      problem.report(path, model::describe(value) +
                               "; a target such as cpu:avx2 or sm_80 is "
                               "expected");
    m.targets.push_back(std::move(name));
  });
  f.forEachObject("inputs", 1, [&](Fields &f) {
    std::string name = f.text("name");
    m.inputs.push_back({name, f.digest("sha256")});
  });
  f.forEachObject("models", 0, [&](Fields &f) {
    Manifest::Model model = readModel(f);
    int64_t last = int64_t(model.kinds.size()) - 1;
    f.forEach("layers", 1, [&](const json::Value &value, std::string path) {
      int64_t kind = value.getAsInteger().value_or(-1);
      if (kind < 0 || kind > last)
        problem.report(path, model::describe(value) +
                                 "; the index of one of the kinds is "
                                 "expected");
      model.layers.push_back(kind);
    });
    m.models.push_back(std::move(model));
  });
  f.forEachObject("kernels", 0,
                  [&](Fields &f) { m.kernels.push_back(readKernel(f)); });
  f.forEachObject("projections", 0, [&](Fields &f) {
    Manifest::Projection p;
    p.name = f.text("name");
    p.target = f.text("target");
    p.dtype = f.oneOf("dtype", {"bf16", "f16", "f32"});
    p.inDtype = f.oneOf("in_dtype", {"bf16", "f16", "f32"});
    p.heads = f.integer("heads", 1, kMost);
    p.kDim = f.integer("k_dim", 1, kMost);
    p.nDim = f.integer("n_dim", 1, kMost);
    m.projections.push_back(std::move(p));
  });
  f.forEachObject("files", 1, [&](Fields &f) {
    std::string name = f.text("name");
    int64_t bytes = f.integer("bytes", 1, INT64_MAX);
    m.files.push_back({std::move(name), bytes, f.digest("sha256")});
  });
}

llvm::Expected<Manifest> attn::pack::parseManifest(llvm::StringRef text) {
  Problem problem;
  auto value = model::parseJson(text);
  if (!value)
    return llvm::createStringError("manifest.json: " +
                                   llvm::toString(value.takeError()));
  Manifest m;
  Fields f(problem, *value, "");
  int64_t schema = f.integer("schema", 1, kMost);
  if (schema != kManifestSchema)
    problem.report("schema", llvm::formatv("{0}; this attnc reads {1}", schema,
                                           kManifestSchema));
  m.name = f.nameOfC("name");
  f.inside("tool", [&](Fields &f) {
    f.oneOf("name", {"attnc"});
    m.toolVersion = f.text("version");
    m.llvmVersion = f.text("llvm");
  });
  m.kernelABI = f.integer("kernel_abi", 1, kMost);
  m.gpuKernelABI = f.integer("gpu_kernel_abi", 1, kMost);
  f.inside("capacities", [&](Fields &f) {
    m.maxBatch = f.integer("max_batch", 1, kMost);
    m.maxQ = f.integer("max_q", 1, 8);
    m.page = f.integer("page", 0, kMost);
    m.tp = f.integer("tp", 1, kMost);
  });
  readLists(f, problem, m);
  f.finish();
  if (problem.text.empty())
    checkConsistency(m, problem);
  if (!problem.text.empty())
    return llvm::createStringError("manifest.json: " + problem.text);
  return std::move(m);
}
