//===- Header.cpp - The header and the CMake package of a pack --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parts.h"

#include "attn_runtime.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Regex.h"

using namespace attn;
using namespace attn::pack;

/// Appends an embedded header, with those that it includes in their places.
static void appendHeader(llvm::StringRef name, llvm::StringSet<> &seen,
                         std::string &out) {
  const EmbeddedFile *file =
      llvm::find_if(embeddedFiles(), [&](const EmbeddedFile &candidate) {
        return candidate.name == name;
      });
  assert(file != embeddedFiles().end() && "the runtime's headers are embedded");
  if (!seen.insert(name).second)
    return;
  llvm::SmallVector<llvm::StringRef> lines;
  file->bytes.split(lines, '\n');
  for (llvm::StringRef line : lines) {
    if (line.consume_front("#include \"")) {
      appendHeader(line.take_until([](char c) { return c == '"'; }), seen, out);
      continue;
    }
    out += line;
    out += '\n';
  }
}

static std::string abiText() {
  std::string text;
  llvm::StringSet<> seen;
  appendHeader("attn_gpu.h", seen, text);
  appendHeader("attn_layout.h", seen, text);
  return text;
}

std::vector<std::string> attn::pack::abiFunctions() {
  std::vector<std::string> names;
  std::string text = abiText();
  llvm::StringRef rest = text;
  // ATTN_API <type> <name>(
  llvm::Regex declaration("^ATTN_API [^(]*[ *](attn_[a-z0-9_]+)\\(",
                          llvm::Regex::Newline);
  llvm::SmallVector<llvm::StringRef> match;
  while (declaration.match(rest, &match)) {
    names.push_back(match[1].str());
    rest = rest.substr(match[1].end() - rest.begin());
  }
  return names;
}

/// A name with the pack's prefix, in capitals where the name is.
static std::string prefixed(const Plan &plan, const std::string &name) {
  std::string upper = llvm::StringRef(plan.name).upper();
  return (name == llvm::StringRef(name).upper() ? upper : plan.name) + "_" +
         name;
}

/// Functions that fill in what a kernel was compiled for. `declare` gives a
/// name its prefix.
static void
writeKind(llvm::raw_ostream &os, const Options &options, const Plan &plan,
          const Model &model, const LayerKind &kind,
          llvm::function_ref<std::string(const std::string &)> declare) {
  std::string name = declare(model.name + "_" + kind.kind);
  const model::AttentionSpec &a = kind.attention;
  static constexpr const char *kDtypes[] = {"ATTN_BF16", "ATTN_F16",
                                            "ATTN_F32"};
  std::string flags = a.causal ? "ATTN_FLAG_CAUSAL" : "0";
  if (a.sinks)
    flags += " | ATTN_FLAG_SINKS";
  if (a.vInK)
    flags += " | ATTN_FLAG_V_IN_K";
  os << llvm::formatv(
      "/** {0} of {1}'s layers; q_len is 1 to {2}. The caller sets\n"
      "    num_blocks, may lower the other capacities, and fills in the step. "
      "*/\n"
      "static inline attn_decode_params {3}(int32_t q_len) {{\n",
      kind.layers, model.name, options.maxQ, name);
  auto line = [&](llvm::StringRef field, const auto &value) {
    os << "  p." << field << " = " << value << ";\n";
  };
  os << "  attn_decode_params p;\n  memset(&p, 0, sizeof p);\n";
  line("struct_size", "sizeof p");
  line("flags", flags);
  line("dtype", kDtypes[static_cast<int>(options.decode.element)]);
  line("layout", options.decode.layout == Layout::Row ? "ATTN_LAYOUT_ROW"
                                                      : "ATTN_LAYOUT_OWN");
  line("q_heads", a.qHeads);
  line("kv_heads", a.kvHeads);
  line("k_dim", a.kDim);
  line("v_dim", a.vDim);
  line("q_len", "q_len");
  line("isa", "ATTN_ISA_AUTO");
  // Nine digits bring back the same float: the runtime compares bits.
  auto exact = [](double value) {
    return llvm::formatv("{0:e8}f", static_cast<float>(value)).str();
  };
  line("scale", exact(a.scale));
  if (a.softcap)
    line("softcap", exact(*a.softcap));
  if (a.window)
    line("window", *a.window);
  line("max_batch", options.maxBatch);
  line("max_seq_len", model.maxContext);
  if (options.decode.page > 0)
    line("page_size", options.decode.page);
  os << "  return p;\n}\n\n";
  if (!hasChain(a))
    return;
  os << llvm::formatv(
      "/** The same with the up-projections, for {0}_attn_mla_decode; `decode` "
      "is of\n"
      "    {1} and outlives the result. */\n"
      "static inline attn_mla_params {2}(const attn_decode_params "
      "*decode) {{\n"
      "  attn_mla_params p;\n  memset(&p, 0, sizeof p);\n",
      plan.name, name, declare(model.name + "_" + kind.kind + "_mla"));
  line("struct_size", "sizeof p");
  line("decode", "decode");
  line("nope", a.latent->nope);
  line("v", a.latent->v);
  os << "  return p;\n}\n\n";
}

/// Declares what a model has; returns the names without the pack's prefix.
static std::vector<std::string> writeModel(llvm::raw_ostream &os,
                                           const Plan &plan,
                                           const Options &options,
                                           const Model &model) {
  std::vector<std::string> names;
  auto declare = [&](const std::string &name) {
    names.push_back(name);
    return prefixed(plan, name);
  };
  std::string upper = llvm::StringRef(model.name).upper();
  os << llvm::formatv("/*===--- {0} ---===*/\n\n", model.name);
  os << "enum {\n";
  for (auto [index, kind] : llvm::enumerate(model.kinds))
    os << llvm::formatv(
        "  {0} = {1}, /**< a kind of layer */\n",
        declare(upper + "_" + llvm::StringRef(kind.kind).upper()), index);
  std::string layers = declare(upper + "_LAYERS");
  os << llvm::formatv("  {0} = {1} /**< with attention */\n};\n\n", layers,
                      model.layers.size());
  os << llvm::formatv("/** The kind of a layer, 0 <= layer < {0}. */\n"
                      "static inline int {1}(int layer) {{\n",
                      layers, declare(model.name + "_layer_kind"));
  if (model.kinds.size() == 1) {
    os << "  (void)layer;\n  return 0;\n}\n\n";
  } else {
    os << "  static const unsigned char kinds[] = {";
    for (auto [index, kind] : llvm::enumerate(model.layers))
      os << (index ? (index % 24 ? ", " : ",\n      ") : "") << kind;
    os << "};\n  return kinds[layer];\n}\n\n";
  }
  for (const LayerKind &kind : model.kinds)
    writeKind(os, options, plan, model, kind, declare);
  return names;
}

File attn::pack::makeHeader(const Plan &plan, const Options &options) {
  File file{plan.name + "_attn.h", ""};
  llvm::raw_string_ostream os(file.bytes);
  std::string guard = llvm::StringRef(plan.name).upper() + "_ATTN_H";
  os << llvm::formatv(
      "/* Attention kernels, made by attnc {0}. First the ABI that packs "
      "share,\n"
      "   then this pack's names: the ABI's functions and the models' facts, "
      "all with\n"
      "   the prefix {1}_, which also go by their plain names. A file that "
      "includes\n"
      "   the headers of two packs defines ATTN_PACK_NO_NAMES and writes the "
      "prefix. */\n\n"
      "#ifndef {2}\n#define {2}\n\n#include <string.h>\n\n",
      ATTN_VERSION, plan.name, guard);
  os << abiText();
  os << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  for (const std::string &function : abiFunctions())
    os << llvm::formatv("extern __typeof__({0}) {1}_{0};\n", function,
                        plan.name);
  os << llvm::formatv("/** The kernels of this pack. */\n"
                      "ATTN_API const attn_kernel_table *{0}_{1}(void);\n"
                      "ATTN_API const attn_gpu_kernel_table *{0}_{2}(void);\n\n"
                      "#ifdef __cplusplus\n}\n#endif\n\n",
                      plan.name, ATTN_PACK_TABLE_SYMBOL, kGPUTableSymbol);
  os << llvm::formatv(
      "/** Opens this pack, which is linked in: no file is looked for. */\n"
      "static inline attn_status {0}_attn_open(attn_library **lib) {{\n"
      "  return {0}_attn_library_from_table({0}_{1}(), lib);\n}\n\n",
      plan.name, ATTN_PACK_TABLE_SYMBOL);
  os << llvm::formatv(
      "/** Loads this pack's kernels for the GPU of the current CUDA context. "
      "*/\n"
      "static inline attn_status {0}_attn_open_cuda(attn_library **lib) {{\n"
      "  attn_gpu_launcher launcher;\n"
      "  attn_status status = {0}_attn_cuda_launcher(&launcher);\n"
      "  return status ? status\n"
      "                : {0}_attn_library_from_gpu_table({0}_{1}(), &launcher, "
      "lib);\n"
      "}\n\n",
      plan.name, kGPUTableSymbol);
  std::vector<std::string> names = abiFunctions();
  for (const Model &model : plan.models)
    llvm::append_range(names, writeModel(os, plan, options, model));
  os << "#ifndef ATTN_PACK_NO_NAMES\n"
        "#ifdef ATTN_PACK_NAMES\n"
        "#error \"define ATTN_PACK_NO_NAMES to include two packs' headers\"\n"
        "#endif\n#define ATTN_PACK_NAMES\n";
  for (const std::string &name : names)
    os << llvm::formatv("#define {0} {1}\n", name, prefixed(plan, name));
  os << "#endif\n\n#endif /* " << guard << " */\n";
  return file;
}

File attn::pack::makeCMakePackage(const Plan &plan) {
  std::string name = plan.name + "_attn";
  File file{name + "Config.cmake", ""};
  llvm::raw_string_ostream os(file.bytes);
  os << llvm::formatv(R"(# find_package({0}): {0}::shared and {0}::static
include_guard()
include(CMakeFindDependencyMacro)
find_dependency(Threads)
foreach(kind shared static)
  string(TOUPPER ${{kind} _kind)
  add_library({0}::${{kind} ${{_kind} IMPORTED)
  set_target_properties({0}::${{kind} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${{CMAKE_CURRENT_LIST_DIR}")
endforeach()
set_target_properties({0}::shared PROPERTIES
  IMPORTED_LOCATION "${{CMAKE_CURRENT_LIST_DIR}/lib{0}.so"
  IMPORTED_SONAME "lib{0}.so")
set_target_properties({0}::static PROPERTIES
  IMPORTED_LOCATION "${{CMAKE_CURRENT_LIST_DIR}/lib{0}.a"
  IMPORTED_LINK_INTERFACE_LANGUAGES C
  INTERFACE_LINK_LIBRARIES "Threads::Threads;${{CMAKE_DL_LIBS};m")
)",
                      name);
  return file;
}
