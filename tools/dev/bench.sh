# bench.sh: figures beside peers, in one run.

help_bench() {
    cat <<'HELP'
./dev bench [http|json|schema|jwt|db]

  http     Socle beside nginx, Fastify by hand and @supabase/lite on the same data, with wrk: a table with ratios (bench/http.mjs)
  json     the parser beside simdjson and Node's JSON.parse (bench/json.mjs)
  schema   the validator beside ajv (bench/schema.mjs)
  jwt      token verification beside OpenSSL's own
  db       point reads and durable inserts of the database layer alone
HELP
}

bench_build() {
    dev_build
    need "${PACKAGES_BENCH[@]}"
    need_npm bench
    configure build-bench --buildtype=release -Dtests=disabled -Dbench=true
    ninja -C build-bench --quiet >&2
}

dev_bench() {
    local what=${1:-http}
    [ $# -gt 0 ] && shift
    case "$what" in
        http | json | schema) bench_build; SOCLE="$PWD/build/socle" node "bench/$what.mjs" "$@" ;;
        jwt | db) bench_build; "build-bench/bench/${what}_bench" "$@" ;;
        *) help_bench >&2; exit 2 ;;
    esac
}
