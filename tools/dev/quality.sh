# quality.sh: format, lint, fuzz, crash rounds, histories.

help_fmt() {
    echo './dev fmt: formats every C source and header with clang-format (.clang-format).'
}

c_files() { git ls-files -co --exclude-standard '*.c' '*.h'; }

dev_fmt() {
    need clang-format
    c_files | xargs clang-format -i
}

help_lint() {
    cat <<'HELP'
./dev lint [format|includes|banned|tidy]...

  format     every source is as clang-format leaves it
  includes   a folder includes only what its arrow in ARCHITECTURE.md names (tools/lint_includes.mjs)
  banned     no function that invites overflows or has a safer name here (tools/banned.txt)
  tidy       clang-tidy with .clang-tidy
Without arguments: all four.
HELP
}

lint_format() {
    need clang-format
    c_files | xargs clang-format --dry-run --Werror
}

lint_includes() {
    need_node
    node tools/lint_includes.mjs
}

lint_banned() {
    local bad
    bad=$(grep -v '^#' tools/banned.txt | while read -r word why; do
        c_files | grep '^src/' | xargs grep -nE "(^|[^A-Za-z0-9_>.])$word\(" | sed "s|\$|    <- $word: $why|" || true
    done)
    [ -z "$bad" ] || { echo "$bad" >&2; return 1; }
}

lint_tidy() {
    need "${PACKAGES_BUILD[@]}" clang-tidy clang
    [ -f build-tidy/build.ninja ] || CC=clang meson setup build-tidy -Dtests=disabled >&2
    ninja -C build-tidy --quiet >&2
    git ls-files 'src/*.c' | xargs -P 2 -n 8 clang-tidy -p build-tidy --quiet 2>/dev/null
}

dev_lint() {
    local what rc=0
    [ $# -gt 0 ] || set -- format includes banned tidy
    for what in "$@"; do
        case "$what" in
            format | includes | banned | tidy) "lint_$what" || { echo "./dev lint: $what failed" >&2; rc=1; } ;;
            *) help_lint >&2; exit 2 ;;
        esac
    done
    return $rc
}

help_fuzz() {
    cat <<'HELP'
./dev fuzz [TARGET] [SECONDS]

Builds the libFuzzer targets (fuzz/*_fuzz.c) with clang under ASan and UBSan and runs TARGET (all when left out or "all") for
SECONDS each (default 30), from fuzz/seeds/TARGET and what earlier runs found in build-fuzz/corpus.
HELP
}

dev_fuzz() {
    local target=${1:-all} seconds=${2:-30} name
    need "${PACKAGES_BUILD[@]}" clang libclang-rt-14-dev
    [ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz --buildtype=debugoptimized -Dfuzz=true -Dtests=disabled >&2
    for name in fuzz/*_fuzz.c; do
        name=$(basename "$name" _fuzz.c)
        [ "$target" = all ] || [ "$target" = "$name" ] || continue
        ninja -C build-fuzz --quiet "fuzz/${name}_fuzz" >&2
        mkdir -p "build-fuzz/corpus/$name" "fuzz/seeds/$name"
        echo "fuzz $name for $seconds s" >&2
        "build-fuzz/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
            -artifact_prefix="build-fuzz/$name-" "build-fuzz/corpus/$name" "fuzz/seeds/$name" 2>"build-fuzz/$name.log" ||
            { tail -n 40 "build-fuzz/$name.log" >&2; return 1; }
        grep -E 'number_of_executed_units' "build-fuzz/$name.log" >&2 || true
    done
}

help_crash() {
    cat <<'HELP'
./dev crash [ROUNDS]

ROUNDS times (default 100): concurrent inserts over HTTP, kill -9 in the middle, restart; every acknowledged row must be
there and the database intact.
HELP
}

dev_crash() {
    dev_build
    need_npm tests
    SOCLE="$PWD/build/socle" node tests/crash/rounds.mjs "${1:-100}"
}

help_histories() {
    cat <<'HELP'
./dev histories [N] [--seed S] [--postgres] [--nodes 1|2]

N random histories (default 1000) of realtime against the real server: rows change, people with different rights listen, connections and
servers break; then everybody must have heard what the committed rows say: in order, nothing lost, nothing twice, nothing that
is not theirs; and know who is present.  Ten histories share a world; a failing one prints its seed and a trace.
  --seed S      from this seed on; without N the round of that seed alone
  --postgres    on PostgreSQL (one is started if SOCLE_TEST_POSTGRES names none), with one server or two
HELP
}

dev_histories() {
    dev_build
    need_npm tests
    case " $* " in *" --postgres "*) start_postgres ;; esac
    SOCLE="$PWD/build/socle" node tests/histories/run.mjs "$@"
}
