# What building Sluice wants of a machine, found and installed: sourced by examples/quickstart/run and tests/run, never run.
# Packages are Debian's and Ubuntu's. It never calls sudo, and installs nothing where nothing is missing.

# A compiler without the C library's headers compiles nothing, so try one line.
compiles() { command -v "$1" > /dev/null && printf '#include <stdlib.h>\nint main(void) { return 0; }\n' | "$1" -x "$2" -fsyntax-only - 2> /dev/null; }

# Whether the compiler that builds this project has the target's standard library.
has_wasm_target() {
  local libdir
  [ -z "${SLUICE_WASM_SYSROOT:-}" ] || return 0
  libdir=$(rustc --print target-libdir --target wasm32-unknown-unknown) && compgen -G "$libdir/libcore-*.rlib" > /dev/null
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]; }

# Adds to the array `packages` what the build wants and is not there: a C and C++ compiler, make and perl (for librdkafka
# and OpenSSL), Rust's WebAssembly target (for the plugins). The target is rustup's where it answers; else `wasm_sysroot`
# is set, and build_sysroot makes one from Debian's packages once they are installed.
need_build() {
  local package
  if ! compiles cc c || ! compiles c++ c++ || ! command -v make > /dev/null; then packages+=(build-essential); fi
  # OpenSSL's configure script uses modules that Debian's perl-base lacks.
  perl -MFindBin -MIPC::Cmd -MFile::Compare -e 1 2> /dev/null || packages+=(perl)
  wasm_sysroot=''
  ! has_wasm_target || return 0
  if command -v rustup > /dev/null; then
    say "adding the target wasm32-unknown-unknown with rustup"
    timeout 300 rustup target add wasm32-unknown-unknown >&2 || say "rustup does not answer; taking Debian's packages"
    ! has_wasm_target || return 0
  fi
  wasm_sysroot=yes
  for package in rustc-web cargo-web rust-web-src lld-22; do
    installed "$package" || packages+=("$package")
  done
}

# Installs `packages` as root; else says the one line to run, and ends.
install_packages() {
  [ ${#packages[@]} -gt 0 ] || return 0
  command -v apt-get > /dev/null || die "missing, by the names of Debian's packages: ${packages[*]}; install what your system calls them, then run this again"
  if [ "$(id -u)" -ne 0 ]; then
    say "missing: ${packages[*]}. Run this line, then run this again:"
    say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}"
    exit 1
  fi
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >&2 ||
    die "apt-get cannot install ${packages[*]}; install them by other means${wasm_sysroot:+ (or only the target: rustup target add wasm32-unknown-unknown)}, then run this again"
}

build_sysroot() {
  [ -n "$wasm_sysroot" ] || return 0
  say "building Rust's standard library for WebAssembly from Debian's packages (once)"
  sdk/wasm-sysroot >&2
}
