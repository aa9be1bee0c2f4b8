#!/usr/bin/env bash
# postgres.sh: a PostgreSQL server for tests: in a folder of its own, on a socket there, run by an unprivileged user, stopped by
# its own pid.
#
#   postgres.sh start DIR [NAME=VALUE...]   makes a cluster in DIR, which must not be there, and starts it; prints its URL.
#                                           NAME=VALUE are settings of the server: fsync=on, listen_addresses=127.0.0.1 ...
#                                           ssl=on makes a certificate for 127.0.0.1, which is also DIR/data/server.crt
#   postgres.sh standby DIR OF          makes a standby of the server in the folder OF by pg_basebackup, and starts it; prints its URL
#   postgres.sh stop DIR [MODE]             MODE: fast (the default) or immediate, which is as good as a crash
#   postgres.sh again DIR                   starts it again after a stop
#   postgres.sh remove DIR                  stops it and deletes DIR
#   postgres.sh roles URL                   makes the roles of the API, as Supabase has them
#   postgres.sh have                        exit 0 when this machine has PostgreSQL 15 or later
#
# Without fsync unless asked, since nobody pulls the plug in a test.
set -euo pipefail

newest_bin() {
    # shellcheck disable=SC2012
    ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -n | tail -1
}

BIN=${SOCLE_TEST_POSTGRES_BIN:-$(newest_bin)}

have() {
    [ -n "$BIN" ] && [ -x "$BIN/initdb" ] && [ "$("$BIN/postgres" --version | sed 's/^[^0-9]*//; s/[^0-9].*//')" -ge 15 ]
}

# The server refuses to run as root.
as_user() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        runuser -u postgres -- "$@"
    else
        runuser -u nobody -- "$@"
    fi
}

launch() {
    (cd / && as_user "$BIN/pg_ctl" start --silent --wait --timeout=60 -D "$1/data" -l "$1/log" >/dev/null) ||
        { cat "$1/log" >&2; return 1; }
}

make_certificate() {
    as_user openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$1/data/server.key" -out "$1/data/server.crt" 2>/dev/null
}

start() {
    local dir=$1
    shift
    mkdir -m 700 "$dir"
    [ "$(id -u)" -ne 0 ] || chown "$(as_user id -u)" "$dir"
    (cd / && as_user "$BIN/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null)
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$dir'"
        echo "max_connections = 200"
        echo "shared_buffers = 64MB"
        echo "fsync = off"
        echo "log_min_messages = fatal"
        local setting
        for setting in "$@"; do
            echo "${setting%%=*} = '${setting#*=}'"
            [ "$setting" != ssl=on ] || (cd / && make_certificate "$dir")
        done
    } >>"$dir/data/postgresql.conf"
    launch "$dir"
    echo "postgresql://postgres@/postgres?host=$dir"
}

standby() {
    local dir=$1 of=$2
    mkdir -m 700 "$dir"
    [ "$(id -u)" -ne 0 ] || chown "$(as_user id -u)" "$dir"
    (cd / && as_user "$BIN/pg_basebackup" -D "$dir/data" -h "$of" -U postgres -R -X stream --checkpoint=fast --no-sync)
    echo "unix_socket_directories = '$dir'" | as_user tee -a "$dir/data/postgresql.conf" >/dev/null
    launch "$dir"
    echo "postgresql://postgres@/postgres?host=$dir"
}

stop() { (cd / && as_user "$BIN/pg_ctl" stop --silent --wait -D "$1/data" -m "${2:-fast}" >/dev/null); }

# Roles belong to the whole server, and tests that run at once would each make them in their own way.
roles() {
    "$BIN/psql" -X -q "$1" -c 'CREATE ROLE anon NOLOGIN; CREATE ROLE authenticated NOLOGIN; CREATE ROLE service_role NOLOGIN BYPASSRLS'
}

remove() {
    stop "$1" immediate 2>/dev/null || true
    rm -rf "$1"
}

case "${1:-}" in
    start | standby | stop | remove | roles) "$@" ;;
    again) launch "$2" ;;
    have) have ;;
    *) sed -n '2,17s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
