# Helpers for the project's libraries, tools and unit tests.

# The headers that every MLIR-using file pays for are compiled once.
set(ATTN_PCH_HEADERS
    <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Func/IR/FuncOps.h>
    <mlir/Dialect/LLVMIR/LLVMDialect.h> <mlir/Dialect/SCF/IR/SCF.h>
    <mlir/Dialect/Vector/IR/VectorOps.h> <mlir/IR/BuiltinOps.h>
    <mlir/Pass/Pass.h>)
set(_attn_pch_stub ${CMAKE_BINARY_DIR}/pch/AttnPCH.cpp)
file(GENERATE OUTPUT ${_attn_pch_stub} CONTENT "// Carries the precompiled header.\n")
# Everything that tablegen makes; any library may include any of it.
add_custom_target(AttnHeaders)

add_library(AttnPCH OBJECT ${_attn_pch_stub})
target_precompile_headers(AttnPCH PRIVATE ${ATTN_PCH_HEADERS})
# Without the time of its making in it, ccache can keep a precompiled header
# (it also needs sloppiness = pch_defines,time_macros).
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(AttnPCH PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
endif()

# attn_add_mlir_library(NAME SOURCES... [DEPENDS tablegen targets] [LINK libs])
# A library over MLIR, with the shared precompiled header.
function(attn_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_precompile_headers(${name} REUSE_FROM AttnPCH)
  add_dependencies(${name} AttnHeaders ${ARG_DEPENDS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
endfunction()

# attn_add_library(NAME SOURCES... [LINK libs]): a library that needs no MLIR
# (it may use LLVM's support library).
function(attn_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} LLVM)
endfunction()

# attn_add_tool(NAME SOURCES... [LINK libs]): a thin main over the libraries.
function(attn_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  set_target_properties(${name} PROPERTIES BUILD_RPATH ${LLVM_LIBRARY_DIR}
                        INSTALL_RPATH ${LLVM_LIBRARY_DIR})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
          COMPONENT ${name})
endfunction()

# attn_add_unittest(NAME SOURCES... [LINK libs]): a GoogleTest binary in
# build/bin/unit, run by scripts/check.
function(attn_add_unittest name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ATTN_TEST_DIR="${ATTN_SOURCE_DIR}/test")
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/unit
    BUILD_RPATH "${LLVM_LIBRARY_DIR}")
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# attn_add_passes(TARGET DIR): from include/attn/DIR/Passes.td the declarations
# of passes, as "attn/DIR/Passes.h.inc", and their documentation (mlir-doc), as
# docs/Passes/<name of DIR, its parts joined>.md in the build folder.
function(attn_add_passes target dir)
  set(LLVM_TARGET_DEFINITIONS ${ATTN_SOURCE_DIR}/include/attn/${dir}/Passes.td)
  set(out ${CMAKE_BINARY_DIR}/include/attn/${dir}/Passes.h.inc)
  file(RELATIVE_PATH rel ${CMAKE_CURRENT_BINARY_DIR} ${out})
  mlir_tablegen(${rel} -gen-pass-decls -name ${target})
  add_public_tablegen_target(${target})
  add_dependencies(AttnHeaders ${target})
  string(REPLACE / "" doc ${dir})
  add_mlir_doc(${ATTN_SOURCE_DIR}/include/attn/${dir}/Passes ${doc} Passes/
               -gen-pass-doc)
endfunction()

# attn_add_dialect(NAME): from NAMEOps.td in this folder everything that the
# dialect `name` is made of, as "attn/Dialect/NAME/IR/NAME<Kind>.inc", and its
# documentation (mlir-doc).
function(attn_add_dialect name)
  string(TOLOWER ${name} mnemonic)
  set(LLVM_TARGET_DEFINITIONS ${name}Ops.td)
  set(folder ${CMAKE_BINARY_DIR}/include/attn/Dialect/${name}/IR)
  file(RELATIVE_PATH folder ${CMAKE_CURRENT_BINARY_DIR} ${folder})
  foreach(suffix decls defs)
    if(suffix STREQUAL decls)
      set(inc h.inc)
    else()
      set(inc cpp.inc)
    endif()
    mlir_tablegen(${folder}/${name}Dialect.${inc} -gen-dialect-${suffix}
                  -dialect=${mnemonic})
    mlir_tablegen(${folder}/${name}Enums.${inc} -gen-enum-${suffix})
    mlir_tablegen(${folder}/${name}Attrs.${inc} -gen-attrdef-${suffix}
                  -attrdefs-dialect=${mnemonic})
    mlir_tablegen(${folder}/${name}Types.${inc} -gen-typedef-${suffix}
                  -typedefs-dialect=${mnemonic})
    mlir_tablegen(${folder}/${name}Ops.${inc} -gen-op-${suffix})
  endforeach()
  add_public_tablegen_target(Attn${name}IncGen)
  add_dependencies(AttnHeaders Attn${name}IncGen)
  add_mlir_doc(${name}Ops ${name}Ops Dialects/ -gen-dialect-doc
               -dialect=${mnemonic})
endfunction()
