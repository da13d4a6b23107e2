//===- Link.cpp - The shared library of a pack ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parts.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace attn;
using namespace attn::pack;

llvm::Expected<std::string> attn::pack::findLinker(llvm::StringRef given) {
  if (!given.empty()) {
    auto path = llvm::sys::findProgramByName(given);
    if (!path)
      return llvm::createStringError("--linker " + given + ": " +
                                     path.getError().message());
    return *path;
  }
  for (llvm::StringRef name : {"ld.lld", "ld.lld-22", "ld"})
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  return llvm::createStringError(
      "a pack's shared library needs a linker, and neither ld.lld nor ld is on "
      "the PATH; install lld or binutils, or name one with --linker");
}

llvm::Error attn::pack::linkShared(const Plan &plan, const Archive &archive,
                                   llvm::StringRef linker,
                                   llvm::StringRef folder) {
  std::string base = (folder + "/").str();
  std::string name = "lib" + plan.name + "_attn.so";
  std::string prefix = plan.name + "_";
  std::string script = base + "exports.map", log = base + "linker.log";
  std::string exports = "{ global:\n";
  std::vector<std::string> arguments = {linker.str(),
                                        "-shared",
                                        "-o",
                                        base + name,
                                        "-soname",
                                        name,
                                        "--hash-style=gnu",
                                        "--build-id=none",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "now",
                                        "-z",
                                        "noexecstack",
                                        "-Bsymbolic",
                                        "--no-undefined",
                                        "--gc-sections",
                                        "--as-needed",
                                        "--strip-all",
                                        "--version-script=" + script};
  for (const std::string &function : abiFunctions())
    exports += ("  " + llvm::Twine(prefix) + function + ";\n").str();
  for (const std::string &symbol : archive.plainExports) {
    exports += ("  " + llvm::Twine(symbol) + ";\n").str();
    if (!llvm::StringRef(symbol).starts_with("__"))
      exports += ("  " + llvm::Twine(prefix) + symbol + ";\n").str();
    arguments.push_back(
        ("--defsym=" + llvm::Twine(symbol) + "=" + prefix + symbol).str());
  }
  exports += "local: *; };\n";
  if (llvm::Error error = writeFile(folder, {"exports.map", exports}))
    return error;

  arguments.insert(
      arguments.end(),
      {"--whole-archive", base + archive.file.name, "--no-whole-archive"});
  // The C library itself, not its development files, which may be missing.
  for (llvm::StringRef path :
       {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64",
        "/usr/lib64", "/lib", "/usr/lib"})
    arguments.push_back(("-L" + path).str());
  for (llvm::StringRef library : {"libm.so.6", "libpthread.so.0", "libdl.so.2",
                                  "libc.so.6", "ld-linux-x86-64.so.2"})
    arguments.push_back(("-l:" + library).str());

  std::vector<llvm::StringRef> argv(arguments.begin(), arguments.end());
  std::optional<llvm::StringRef> redirects[] = {
      llvm::StringRef(""), llvm::StringRef(log), llvm::StringRef(log)};
  std::string error;
  int status = llvm::sys::ExecuteAndWait(linker, argv, std::nullopt, redirects,
                                         0, 0, &error);
  if (status) {
    if (auto text = llvm::MemoryBuffer::getFile(log))
      error += (*text)->getBuffer();
    return llvm::createStringError(linker +
                                   " failed: " + llvm::StringRef(error).trim());
  }
  for (const std::string &path : {script, log})
    if (std::error_code code = llvm::sys::fs::remove(path))
      return llvm::createStringError(code, path);
  return llvm::Error::success();
}
