//===- LatentForms.cpp - A model's latent block, ready to compile -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatentForms.h"

#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"

using namespace attn;

static llvm::Error runPasses(mlir::ModuleOp module,
                             std::vector<std::unique_ptr<mlir::Pass>> passes) {
  mlir::PassManager manager(module.getContext());
  for (std::unique_ptr<mlir::Pass> &pass : passes)
    manager.addPass(std::move(pass));
  if (mlir::failed(manager.run(module)))
    return llvm::createStringError("a rewrite failed (see the diagnostics)");
  return llvm::Error::success();
}

llvm::Expected<LatentForms>
LatentForms::create(mlir::MLIRContext *context,
                    const model::LatentBlockSpec &spec,
                    const BlockOptions &block, const DecodeOptions &decode,
                    Form form, llvm::StringRef scoreRest) {
  LatentForms forms;
  auto original = buildBlockModule(context, spec, block);
  if (!original)
    return original.takeError();
  forms.original = std::move(*original);
  forms.rewritten = forms.original->clone();
  std::vector<std::unique_ptr<mlir::Pass>> rewrite, fuse;
  if (form == Form::Absorbed) {
    rewrite.push_back(createAttnAbsorb());
    fuse.push_back(createAttnFuseProjections());
  } else {
    fuse.push_back(createAttnFuseDecompress());
  }
  if (llvm::Error error = runPasses(*forms.rewritten, std::move(rewrite)))
    return std::move(error);
  mlir::OwningOpRef<mlir::ModuleOp> fused = forms.rewritten->clone();
  if (llvm::Error error = runPasses(*fused, std::move(fuse)))
    return std::move(error);
  AttendOp attend;
  fused->walk([&](AttendOp op) { attend = op; });
  attend.setForm(form);
  auto kernel = buildLatentKernel(attend, spec.modelType, decode);
  if (!kernel)
    return kernel.takeError();
  forms.kernel = std::move(*kernel);
  std::vector<std::unique_ptr<mlir::Pass>> select;
  select.push_back(createAttnSelectScoreRest({scoreRest.str()}));
  if (llvm::Error error = runPasses(*forms.kernel, std::move(select)))
    return std::move(error);
  return forms;
}

llvm::Expected<Form> attn::chooseForm(mlir::MLIRContext *context,
                                      const model::LatentBlockSpec &spec,
                                      const BlockOptions &block,
                                      llvm::StringRef machine, bool fused) {
  auto module = buildBlockModule(context, spec, block);
  if (!module)
    return module.takeError();
  std::vector<std::unique_ptr<mlir::Pass>> passes;
  AttnSelectFormOptions options;
  options.machine = machine.str();
  options.fused = fused;
  passes.push_back(createAttnSelectForm(options));
  if (llvm::Error error = runPasses(**module, std::move(passes)))
    return std::move(error);
  Form form = Form::Materialized;
  (*module)->walk([&](AttendOp op) {
    if (op.getLatentAttr())
      form = op.hasUpProjections() ? *op.getForm() : Form::Absorbed;
  });
  return form;
}

mlir::func::FuncOp
LatentForms::function(mlir::OwningOpRef<mlir::ModuleOp> &module) {
  return *module->getOps<mlir::func::FuncOp>().begin();
}

AttendOp LatentForms::attend() {
  return *function(kernel).getOps<AttendOp>().begin();
}
