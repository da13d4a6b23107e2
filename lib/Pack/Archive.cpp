//===- Archive.cpp - The static library of a pack ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parts.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ObjCopy/CommonConfig.h"
#include "llvm/ObjCopy/ELF/ELFConfig.h"
#include "llvm/ObjCopy/ELF/ELFObjcopy.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"

using namespace attn;
using namespace attn::pack;
using llvm::object::SymbolRef;

namespace {
/// An object to go into the archive.
struct Member {
  std::string name;
  std::unique_ptr<llvm::MemoryBuffer> bytes;
};
} // namespace

/// Appends the objects of a static library.
static llvm::Error appendMembers(const EmbeddedFile &file,
                                 std::vector<Member> &members) {
  auto archive = llvm::object::Archive::create({file.bytes, file.name});
  if (!archive)
    return archive.takeError();
  llvm::Error error = llvm::Error::success();
  for (const llvm::object::Archive::Child &child :
       (*archive)->children(error)) {
    auto name = child.getName();
    auto bytes = child.getBuffer();
    if (!name)
      return joinErrors(std::move(error), name.takeError());
    if (!bytes)
      return joinErrors(std::move(error), bytes.takeError());
    // Copied, since members of an archive are not aligned.
    members.push_back(
        {name->str(), llvm::MemoryBuffer::getMemBufferCopy(*bytes, *name)});
  }
  return error;
}

static llvm::Expected<std::unique_ptr<llvm::object::ELFObjectFileBase>>
openObject(const Member &member) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(*member.bytes);
  if (!object)
    return object.takeError();
  return std::unique_ptr<llvm::object::ELFObjectFileBase>(
      llvm::cast<llvm::object::ELFObjectFileBase>(object->release()));
}

/// Adds the names of the symbols that the object defines for others.
static llvm::Error addDefined(const Member &member, llvm::StringSet<> &names) {
  auto object = openObject(member);
  if (!object)
    return object.takeError();
  for (const SymbolRef &symbol : (*object)->symbols()) {
    auto flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & SymbolRef::SF_Global) || (*flags & SymbolRef::SF_Undefined))
      continue;
    auto name = symbol.getName();
    if (!name)
      return name.takeError();
    names.insert(*name);
  }
  return llvm::Error::success();
}

/// The object with its symbols renamed and without debug information.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
renameSymbols(const Member &member,
              const llvm::StringMap<llvm::StringRef> &names) {
  auto object = openObject(member);
  if (!object)
    return object.takeError();
  llvm::objcopy::CommonConfig config;
  config.SymbolsToRename = names;
  config.StripDebug = true;
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (llvm::Error error = llvm::objcopy::elf::executeObjcopyOnBinary(
          config, llvm::objcopy::ELFConfig(), **object, stream))
    return std::move(error);
  return llvm::MemoryBuffer::getMemBufferCopy(stream.str(), member.name);
}

std::vector<CPUKernel>
attn::pack::tableOrder(llvm::ArrayRef<Compiled> compiled) {
  std::vector<CPUKernel> kernels;
  for (const Compiled &unit : compiled)
    llvm::append_range(kernels, unit.cpu.kernels);
  return kernels;
}

std::vector<CPUProjection>
attn::pack::projectionOrder(llvm::ArrayRef<Compiled> compiled) {
  std::vector<CPUProjection> projections;
  for (const Compiled &unit : compiled)
    llvm::append_range(projections, unit.cpu.projections);
  return projections;
}

/// What `list` has of each unit for a GPU, and where its code is.
template <typename Desc>
static std::vector<Desc> withImages(llvm::ArrayRef<Compiled> compiled,
                                    std::vector<Desc> GPUKernels::*list) {
  std::vector<Desc> all;
  for (const Compiled &unit : compiled) {
    if (!unit.gpu)
      continue;
    for (Desc desc : (*unit.gpu).*list) {
      desc.image = unit.image.bytes.data();
      desc.image_bytes = unit.image.bytes.size();
      all.push_back(desc);
    }
  }
  return all;
}

std::vector<attn_gpu_kernel_desc>
attn::pack::gpuTableOrder(llvm::ArrayRef<Compiled> compiled) {
  return withImages(compiled, &GPUKernels::descs);
}

std::vector<attn_gpu_project_desc>
attn::pack::gpuProjectionOrder(llvm::ArrayRef<Compiled> compiled) {
  return withImages(compiled, &GPUKernels::projections);
}

llvm::Expected<Archive>
attn::pack::makeArchive(const Plan &plan, llvm::ArrayRef<Compiled> compiled) {
  std::vector<Member> members;
  for (const EmbeddedFile &file : embeddedFiles())
    if (llvm::StringRef(file.name).ends_with(".a"))
      if (llvm::Error error = appendMembers(file, members))
        return std::move(error);
  for (const Compiled &unit : compiled)
    if (unit.cpu.code)
      members.push_back(
          {(unit.unit + "_" + cpuLevelName(unit.target.level) + ".o").str(),
           llvm::MemoryBuffer::getMemBufferCopy(unit.cpu.code->getBuffer(),
                                                unit.unit)});
  auto table =
      compileKernelTable(tableOrder(compiled), projectionOrder(compiled));
  if (!table)
    return table.takeError();
  members.push_back({"table.o", std::move(*table)});
  auto gpuTable = compileGPUKernelTable(gpuTableOrder(compiled),
                                        gpuProjectionOrder(compiled));
  if (!gpuTable)
    return gpuTable.takeError();
  members.push_back({"gpu_table.o", std::move(*gpuTable)});

  llvm::StringSet<> defined;
  for (const Member &member : members)
    if (llvm::Error error = addDefined(member, defined))
      return std::move(error);
  llvm::StringMap<std::string> prefixed;
  llvm::StringMap<llvm::StringRef> names;
  for (const auto &entry : defined) {
    auto &name = prefixed[entry.getKey()];
    name = (plan.name + "_" + entry.getKey()).str();
    names[entry.getKey()] = name;
  }
  Archive archive;
  for (const auto &entry : defined)
    if (entry.getKey() == ATTN_PACK_TABLE_SYMBOL ||
        entry.getKey() == kGPUTableSymbol ||
        entry.getKey().starts_with("__tvm_ffi_"))
      archive.plainExports.push_back(entry.getKey().str());
  llvm::sort(archive.plainExports);
  std::vector<llvm::NewArchiveMember> files;
  for (Member &member : members) {
    auto renamed = renameSymbols(member, names);
    if (!renamed)
      return renamed.takeError();
    member.bytes = std::move(*renamed);
    files.emplace_back(member.bytes->getMemBufferRef());
    files.back().MemberName = member.name;
  }
  auto bytes = llvm::writeArchiveToBuffer(
      files, llvm::SymtabWritingMode::NormalSymtab,
      llvm::object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false);
  if (!bytes)
    return bytes.takeError();
  archive.file = {"lib" + plan.name + "_attn.a", (*bytes)->getBuffer().str()};
  return archive;
}
