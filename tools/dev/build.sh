# build.sh: configure and compile; serve the example.

help_build() {
    cat <<'HELP'
./dev build

Compiles the release binary with gcc (or $CC) and leaves it at build/socle.
HELP
}

help_run() {
    cat <<'HELP'
./dev run [DIR] [-- ARGUMENTS]

Builds, then runs `socle dev DIR` (default examples/bookstore): makes its keys and its data if they are not there, and serves
on http://127.0.0.1:54321 (PORT=... takes another port).  Ctrl-C stops it.
HELP
}

# configure DIR MESON-ARGUMENTS...
configure() {
    local dir=$1
    shift
    [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >&2
}

dev_build() {
    need "${PACKAGES_BUILD[@]}"
    configure build --buildtype=release -Dtests=disabled
    ninja -C build --quiet socle >&2
}

dev_run() {
    local dir=${1:-examples/bookstore}
    dev_build
    [ -x "$dir/make_seed.sh" ] && [ ! -e "$dir/seed" ] && "$dir/make_seed.sh"
    exec build/socle dev "$dir"
}
