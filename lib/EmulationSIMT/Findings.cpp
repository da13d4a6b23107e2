//===- Findings.cpp - Putting what is wrong into words --------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cta.h"

using namespace attn::simt;

/// More than anybody reads.
static constexpr size_t kMaxFindings = 100;

const char *attn::simt::findingKindName(FindingKind kind) {
  switch (kind) {
  case FindingKind::Launch:
    return "launch";
  case FindingKind::Race:
    return "race";
  case FindingKind::Uninitialized:
    return "uninitialized";
  case FindingKind::OutOfBounds:
    return "out-of-bounds";
  case FindingKind::Misaligned:
    return "misaligned";
  case FindingKind::Collective:
    return "collective";
  case FindingKind::Barrier:
    return "barrier";
  case FindingKind::AsyncCopy:
    return "async-copy";
  case FindingKind::Deadlock:
    return "deadlock";
  }
  return "";
}

bool Report::has(FindingKind kind) const {
  for (const Finding &finding : findings)
    if (finding.kind == kind)
      return true;
  return false;
}

std::string Report::str() const {
  std::string text;
  for (const Finding &finding : findings) {
    text += finding.location;
    text += ": ";
    text += findingKindName(finding.kind);
    text += ": " + finding.message + " [CTA " +
            std::to_string(finding.block.x) + "," +
            std::to_string(finding.block.y) + "," +
            std::to_string(finding.block.z) + "]";
    if (finding.occurrences > 1)
      text += " (" + std::to_string(finding.occurrences) + " times)";
    text += '\n';
  }
  return text;
}

std::string Launch::location(int32_t site) const {
  if (site < 0 || static_cast<size_t>(site) >= sites.size())
    return kernel.name;
  return sites[site];
}

bool Cta::reportedBefore(FindingKind kind, int32_t site, int32_t otherSite) {
  std::lock_guard<std::mutex> lock(launch.mutex);
  auto known = launch.known.find({kind, site, otherSite});
  if (known == launch.known.end())
    return false;
  ++launch.report.findings[known->second].occurrences;
  return true;
}

void Cta::report(FindingKind kind, int32_t site, std::string message,
                 std::vector<uint32_t> involved, int32_t otherSite) {
  if (reportedBefore(kind, site, otherSite))
    return;
  std::lock_guard<std::mutex> lock(launch.mutex);
  std::vector<Finding> &findings = launch.report.findings;
  if (findings.size() >= kMaxFindings)
    return;
  launch.known[{kind, site, otherSite}] = findings.size();
  findings.push_back({kind, launch.location(site), std::move(message),
                      blockIndex, std::move(involved)});
}

void Cta::fail(FindingKind kind, int32_t site, std::string message,
               std::vector<uint32_t> involved) {
  report(kind, site, std::move(message), std::move(involved));
  leave();
}

std::string Cta::threadName(uint32_t thread) {
  return "thread " + std::to_string(thread) + " (warp " +
         std::to_string(thread / kWarp) + ", lane " +
         std::to_string(thread % kWarp) + ")";
}

std::string Cta::actorName(const Access &access) const {
  uint32_t actor = access.actor;
  std::string name;
  if (actor < threadCount)
    name = threadName(actor);
  else if (actor < 2 * threadCount)
    name = "a copy of " + threadName(actor - threadCount);
  else
    name = "a bulk copy of mbarrier " + std::to_string(actor - 2 * threadCount);
  if (access.cta != serial) {
    Dim3 other = launch.blockId(access.cta - launch.firstCta);
    name += " of CTA " + std::to_string(other.x) + "," +
            std::to_string(other.y) + "," + std::to_string(other.z);
  }
  return name;
}
