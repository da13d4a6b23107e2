# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What quickstart, check and .ci/run share: the packages, and how to configure
# and build. Sourced, with `root` set to the repository's root.

jobs=$(nproc)
build_dir=$root/build
# More -D arguments for CMake; MLIR_DIR may come from the environment.
cmake_args=()
[ -n "${MLIR_DIR:-}" ] && cmake_args+=("-DMLIR_DIR=$MLIR_DIR")

build_packages=(cmake ninja-build ccache clang-22 lld-22 llvm-22-dev
  llvm-22-tools libmlir-22-dev mlir-22-tools libgtest-dev libgmock-dev python3)

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# parse_options ARGUMENTS...: the options that quickstart and check share.
parse_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      -D*=*) cmake_args+=("$1") ;;
      --build) build_dir=${2:?--build needs a folder}; shift ;;
      --jobs) jobs=${2:?--jobs needs a number}; shift ;;
      --help) usage; exit 0 ;;
      *) usage >&2; die "unknown option $1" ;;
    esac
    shift
  done
  case $jobs in ''|*[!0-9]*|0) die "--jobs must be a number of at least 1" ;; esac
}

mlir_dir_given() { case " ${cmake_args[*]-} " in *' -DMLIR_DIR='*) ;; *) false ;; esac; }

# install_packages PACKAGES...: those that are missing, from Debian's archive.
install_packages() {
  local missing=() package sudo=()
  if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    say "not a Debian system: nothing is installed"
    return 0
  fi
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] ||
      missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "every package needed is installed"
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null ||
      die "missing packages; as root: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  say "installing from Debian's packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  "${sudo[@]}" apt-get update -qq &&
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" \
      < /dev/null | sed -n 's/^Setting up /   /p'
  [ "${PIPESTATUS[0]}" -eq 0 ] ||
    die "apt-get could not install them. LLVM 22 is in Debian 12's security
    archive and in later releases; any LLVM/MLIR 22.1 works with
    ${0##*/} -DMLIR_DIR=<prefix>/lib/cmake/mlir"
}

# Where the LLVM that is built against keeps its programs.
llvm_bin() {
  local argument dir=/usr/lib/llvm-22
  for argument in "${cmake_args[@]+"${cmake_args[@]}"}"; do
    case $argument in -DMLIR_DIR=*) dir=${argument#*=}/../../.. ;; esac
  done
  echo "$dir/bin"
}

# configure FOLDER ARGUMENTS...: CMake; the compiler and the linker of the LLVM
# in use where it has them, else the system's. A folder keeps what it was first
# configured with.
configure() {
  local folder=$1 bin arguments=("${cmake_args[@]+"${cmake_args[@]}"}")
  shift
  command -v cmake > /dev/null || die "cmake is missing"
  if [ ! -f "$folder/CMakeCache.txt" ]; then
    bin=$(llvm_bin)
    command -v ninja > /dev/null && arguments+=(-G Ninja)
    if [ -z "${CXX:-}" ] && [ -x "$bin/clang++" ]; then
      arguments+=("-DCMAKE_C_COMPILER=$bin/clang" "-DCMAKE_CXX_COMPILER=$bin/clang++")
      if [ -x "$bin/ld.lld" ]; then
        arguments+=(-DCMAKE_EXE_LINKER_FLAGS_INIT=-fuse-ld=lld
          -DCMAKE_SHARED_LINKER_FLAGS_INIT=-fuse-ld=lld
          -DCMAKE_MODULE_LINKER_FLAGS_INIT=-fuse-ld=lld)
      fi
    fi
  fi
  mkdir -p "$folder"
  say "configuring $folder"
  if ! cmake -S "$root" -B "$folder" "${arguments[@]}" "$@" > "$folder/configure.log" 2>&1; then
    tail -n 20 "$folder/configure.log" >&2
    grep -q 'MLIRConfig.cmake' "$folder/configure.log" &&
      echo "LLVM/MLIR 22.1 was not found. Say where it is:
    ${0##*/} -DMLIR_DIR=<prefix>/lib/cmake/mlir" >&2
    die "CMake failed (all of it: $folder/configure.log)"
  fi
}

# build FOLDER TARGETS...
build() {
  local folder=$1
  shift
  say "building $folder with $jobs jobs"
  NINJA_STATUS='[%f/%t, %e s] ' cmake --build "$folder" -j "$jobs" --target "$@" ||
    die "the build failed"
}
