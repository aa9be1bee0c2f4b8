# bench.sh: figures beside peers, in one run.

help_bench() {
    cat <<'HELP'
./dev bench [http|nginx|json|schema|jwt|auth|db|growth|pg|pghttp|realtime]

  http [SECONDS]   Socle beside nginx, Fastify by hand and @supabase/lite on the same data, with wrk: a table with ratios
  growth [SECONDS] the same requests beside 100 to 10^6 rows and 1 to 500 tables: they must not grow
  nginx            the HTTP server alone beside nginx, both answering the same fixed bytes
  json             the parser beside simdjson and Node's JSON.parse, on documents made for it
  schema [FOLDER]  the validator beside ajv, on bench/schema or FOLDER/NAME/{schema.json,instances.jsonl}; BLAZE=PROGRAM adds
                   a local build of Blaze (bench/schema.mjs says how it is called)
  jwt              token verification beside OpenSSL's own, and of a token seen before
  auth [SECONDS]   tokens beside OpenSSL's own verify and npm's jose; sign-in beside the bare password hash; refresh
  db [DIR]         point reads and durable inserts of the database layer alone
  realtime [N]     one message to N WebSockets (1000), and 10,000 idle ones, beside Node with ws and a bare epoll loop
  pg [ROUNDS]      the same on PostgreSQL beside pgbench on the same server
  pghttp [SECONDS] Socle over HTTP on PostgreSQL beside pgbench with the very statements that Socle sends
HELP
}

bench_programs() {
    configure build-bench --buildtype=release -Dtests=disabled -Dbench=true
    ninja -C build-bench --quiet >&2
}

bench_json() {
    local dir
    dir=$(mktemp -d)
    node bench/make_json.mjs "$dir"
    build-bench/bench/json_bench "$dir"/*.json
    node bench/json.mjs "$dir"/*.json
    rm -rf "$dir"
}

dev_bench() {
    local what=${1:-http}
    [ $# -gt 0 ] && shift
    case "$what" in
        http | nginx | json | schema | jwt | auth | db | growth | pg | pghttp | realtime) ;;
        *) help_bench >&2; exit 2 ;;
    esac
    need "${PACKAGES_BENCH[@]}"
    need_npm bench
    dev_build
    [ "$what" = http ] || [ "$what" = growth ] || [ "$what" = schema ] || [ "$what" = pghttp ] || bench_programs
    case "$what" in
        http | schema | auth | growth | pghttp | realtime) SOCLE="$PWD/build/socle" node "bench/$what.mjs" "$@" ;;
        nginx) bench/http_vs_nginx.sh build-bench "$@" ;;
        json) bench_json ;;
        jwt) build-bench/bench/jwt_bench ;;
        db) build-bench/bench/db_bench "${1:-build-bench}" ;;
        pg) bench/pg.sh build-bench "$@" ;;
    esac
}
