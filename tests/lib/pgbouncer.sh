#!/usr/bin/env bash
# pgbouncer.sh: a pooler in transaction mode in front of a server of postgres.sh, where pgbouncer is installed.
#
#   pgbouncer.sh start DIR SERVER-DIR    makes DIR, starts it there; its socket is DIR/.s.PGSQL.6432
#   pgbouncer.sh remove DIR              stops it by its pid and deletes DIR
#   pgbouncer.sh have                    exit 0 when this machine has it
set -euo pipefail

BIN=${SOCLE_TEST_PGBOUNCER:-$(command -v pgbouncer || echo /usr/sbin/pgbouncer)}

# It refuses to run as root, too.
as_user() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        runuser -u postgres -- "$@"
    else
        runuser -u nobody -- "$@"
    fi
}

start() {
    local dir=$1
    mkdir -m 700 "$dir"
    cat >"$dir/ini" <<INI
[databases]
* = host=$2 user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = $dir
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 2
pidfile = $dir/pid
logfile = $dir/log
INI
    [ "$(id -u)" -ne 0 ] || chown -R "$(as_user id -u)" "$dir"
    (cd / && as_user "$BIN" -q -d "$dir/ini")
    local tries=0 # it goes into the background before it listens
    until [ -S "$dir/.s.PGSQL.6432" ] && [ -s "$dir/pid" ] || [ $((tries++)) -ge 200 ]; do
        sleep 0.02
    done
}

remove() {
    [ ! -f "$1/pid" ] || kill "$(cat "$1/pid")"
    rm -rf "$1"
}

case "${1:-}" in
    start | remove) "$@" ;;
    have) [ -x "$BIN" ] ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
