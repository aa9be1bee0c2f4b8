#!/bin/sh
# http_vs_nginx.sh: our server and nginx answer the same 80 bytes, by turns, one thread each, under wrk.
#   bench/http_vs_nginx.sh BUILD_DIR [SECONDS] [CONNECTIONS]
set -eu
server="$1/bench/http_bench_server" seconds="${2:-4}" connections="${3:-32}"
dir=$(mktemp -d)
trap 'kill $ours $nginx 2>/dev/null; rm -rf "$dir"' EXIT
cat > "$dir/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $dir/pid; error_log stderr error;
events { worker_connections 1024; }
http {
    access_log off; keepalive_requests 100000000; default_type application/json;
    client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
    server {
        listen 127.0.0.1:18502;
        location / { return 200 '{"isbn":"9780131103627","title":"The C Programming Language","pages":272,"a":1}'; }
    }
}
CONF
"$server" 18501 1 & ours=$!
nginx -e stderr -p "$dir" -c "$dir/nginx.conf" & nginx=$!
sleep 1
rate() { wrk -t1 -c"$connections" -d"$seconds"s "http://127.0.0.1:$1/books/1" | awk '/Requests\/sec/ {print $2}'; }
for round in 1 2 3; do
    a=$(rate 18501) b=$(rate 18502)
    echo "round $round: ours $a req/s, nginx $b req/s, ratio $(echo "$a $b" | awk '{printf "%.2f", $1 / $2}')"
done
