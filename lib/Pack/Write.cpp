//===- Write.cpp - Writing a pack, whole or not at all ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parts.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace attn;
using namespace attn::pack;
namespace fs = llvm::sys::fs;

static std::string joined(llvm::StringRef folder, llvm::StringRef name) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

llvm::Error attn::pack::checkFolder(llvm::StringRef folder) {
  if (!fs::exists(folder))
    return llvm::Error::success();
  if (!fs::is_directory(folder))
    return llvm::createStringError("-o " + folder + ": a file is there");
  std::error_code code;
  bool empty = fs::directory_iterator(folder, code) == fs::directory_iterator();
  if (code)
    return llvm::createStringError(code, "-o " + folder);
  auto manifest = llvm::MemoryBuffer::getFile(joined(folder, "manifest.json"));
  if (!empty && (!manifest || !(*manifest)->getBuffer().contains("\"attnc\"")))
    return llvm::createStringError(
        "-o " + folder +
        ": the folder holds something else than a pack; it is left alone");
  return llvm::Error::success();
}

llvm::Error attn::pack::writeFile(llvm::StringRef folder, const File &file) {
  std::error_code code;
  llvm::raw_fd_ostream stream(joined(folder, file.name), code);
  if (!code) {
    stream << file.bytes;
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return llvm::createStringError(code, joined(folder, file.name));
  return llvm::Error::success();
}

/// Puts `made` in the place of `folder`.
static llvm::Error replaceFolder(llvm::StringRef made, llvm::StringRef folder) {
  std::string old = (made + ".old").str();
  bool replaces = fs::exists(folder);
  if (replaces)
    if (std::error_code code = fs::rename(folder, old))
      return llvm::createStringError(code, "-o " + folder);
  if (std::error_code code = fs::rename(made, folder)) {
    if (replaces && fs::rename(old, folder))
      return llvm::createStringError(code, "-o " + folder +
                                               ": the old pack is at " + old);
    return llvm::createStringError(code, "-o " + folder);
  }
  if (replaces)
    if (std::error_code code = fs::remove_directories(old))
      return llvm::createStringError(code, "the old pack, at " + old);
  return llvm::Error::success();
}

llvm::Error attn::pack::writePack(const Plan &plan, const Options &options,
                                  llvm::ArrayRef<Compiled> compiled,
                                  llvm::StringRef folder) {
  auto linker = findLinker(options.linker);
  if (!linker)
    return linker.takeError();
  if (llvm::Error error = checkFolder(folder))
    return error;
  llvm::SmallString<128> target = folder;
  if (std::error_code code = fs::make_absolute(target))
    return llvm::createStringError(code, "-o " + folder);
  llvm::sys::path::remove_dots(target, /*remove_dot_dot=*/true);
  llvm::StringRef parent = llvm::sys::path::parent_path(target);
  if (std::error_code code = fs::create_directories(parent))
    return llvm::createStringError(code, parent);
  llvm::SmallString<128> made;
  if (std::error_code code = fs::createUniqueDirectory(target, made))
    return llvm::createStringError(code, "-o " + folder);
  auto clean = llvm::scope_exit([&] {
    // An error here hides behind the one that led here.
    std::error_code ignored = fs::remove_directories(made);
    (void)ignored;
  });
  if (std::error_code code = fs::setPermissions(
          made, fs::all_read | fs::all_exe | fs::owner_write))
    return llvm::createStringError(code, made);

  auto archive = makeArchive(plan, compiled);
  if (!archive)
    return archive.takeError();
  std::vector<File> files = {makeHeader(plan, options), makeCMakePackage(plan)};
  files.push_back(archive->file);
  for (const File &file : files)
    if (llvm::Error error = writeFile(made, file))
      return error;
  if (llvm::Error error = linkShared(plan, *archive, *linker, made))
    return error;
  std::string shared = "lib" + plan.name + "_attn.so";
  auto bytes = llvm::MemoryBuffer::getFile(joined(made, shared));
  if (!bytes)
    return llvm::createStringError(bytes.getError(), shared);
  files.push_back({shared, (*bytes)->getBuffer().str()});
  if (llvm::Error error =
          writeFile(made, makeManifest(plan, options, compiled, files)))
    return error;
  return replaceFolder(made, target);
}
