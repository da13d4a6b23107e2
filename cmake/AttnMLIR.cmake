# Finds LLVM/MLIR 22.1 and sets up the flags that everything linking it needs.
#
# Debian's packages are found without help; any other build of LLVM/MLIR 22.1
# through -DMLIR_DIR=<prefix>/lib/cmake/mlir. The shared libMLIR is linked, so
# that the distribution's own mlir-opt can load our plugin (one copy of MLIR's
# type ids in a process).

if(NOT MLIR_DIR AND EXISTS /usr/lib/llvm-22/lib/cmake/mlir)
  set(MLIR_DIR /usr/lib/llvm-22/lib/cmake/mlir)
endif()
find_package(MLIR 22.1 REQUIRED CONFIG)
message(STATUS "MLIR ${LLVM_PACKAGE_VERSION} from ${MLIR_DIR}")

set(MLIR_LINK_MLIR_DYLIB ON)
# Without this the documentation targets write to the root of the file system.
set(MLIR_BINARY_DIR ${CMAKE_BINARY_DIR})
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include(HandleLLVMOptions)

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories(${ATTN_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include
                    ${ATTN_SOURCE_DIR}/runtime/include)
separate_arguments(ATTN_LLVM_DEFINITIONS NATIVE_COMMAND ${LLVM_DEFINITIONS})
add_definitions(${ATTN_LLVM_DEFINITIONS})
