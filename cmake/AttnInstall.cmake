# The package Attn, of an installed tree and of this build folder: the runtime,
# for engines to link, and where the tools are.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(_package ${CMAKE_INSTALL_LIBDIR}/cmake/attn)
set(_build_package ${CMAKE_BINARY_DIR}/lib/cmake/attn)

write_basic_package_version_file(${_build_package}/AttnConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)

export(EXPORT AttnTargets NAMESPACE Attn::
       FILE ${_build_package}/AttnTargets.cmake)
set(ATTN_TOOLS_DIR ${CMAKE_BINARY_DIR}/bin)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/AttnConfig.cmake.in
  ${_build_package}/AttnConfig.cmake
  INSTALL_DESTINATION ${_build_package}
  INSTALL_PREFIX ${CMAKE_BINARY_DIR}
  PATH_VARS ATTN_TOOLS_DIR)

install(EXPORT AttnTargets NAMESPACE Attn:: DESTINATION ${_package})
set(ATTN_TOOLS_DIR ${CMAKE_INSTALL_BINDIR})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/AttnConfig.cmake.in
  ${CMAKE_BINARY_DIR}/install/AttnConfig.cmake
  INSTALL_DESTINATION ${_package}
  PATH_VARS ATTN_TOOLS_DIR)
install(FILES ${CMAKE_BINARY_DIR}/install/AttnConfig.cmake
              ${_build_package}/AttnConfigVersion.cmake
        DESTINATION ${_package})
