#!/bin/sh
# Makes seed/: 1,000 authors and 10,000 books, the same ones every time.  `./dev run` calls it when seed/ is not there.
set -eu
cd "$(dirname "$0")"
mkdir -p seed.new
awk '
function pick(list, n) { return list[int(rand() * n) + 1] }
function uuid(i) { return sprintf("%08x-0000-4000-8000-%012x", i, i) }
BEGIN {
    srand(7)
    f = split("Ada Grace Alan Edsger Barbara Donald Niklaus Radia Ken Margaret Dennis Frances Tony Lynn John Adele", first, " ")
    l = split("Byrd Castell Duarte Ekholm Fabre Grieg Haas Ibsen Janik Kowal Lund Moreau Nagy Okafor Petit Quist Rossi Sato", last, " ")
    c = split("AR BR CH DE ES FR GB HU IN IT JP KE NG NO PL PT SE US", country, " ")
    a = split("Quiet Broken Silver Distant Paper Hidden Northern Golden Second Empty Long Open", adjective, " ")
    n = split("Harbour Garden Machine Letter River Proof Winter Library Mountain Signal Bridge Orchard", noun, " ")
    t = split("novel poetry history science travel essays mystery classics", tag, " ")
    for (i = 1; i <= 1000; i++)
        printf "{\"id\":\"%s\",\"name\":\"%s %s\",\"born\":%d,\"country\":\"%s\"}\n", \
            uuid(i), pick(first, f), pick(last, l), 1850 + int(rand() * 150), pick(country, c) > "seed.new/authors.jsonl"
    for (i = 1; i <= 10000; i++) {
        one = int(rand() * t) + 1
        two = (one + 1 + int(rand() * (t - 1)) - 1) % t + 1
        printf "{\"isbn\":\"978%010d\",\"title\":\"The %s %s, volume %d\",\"pages\":%d,\"price\":%.2f,\"tags\":[\"%s\",\"%s\"],\"author_id\":\"%s\"}\n", \
            i, pick(adjective, a), pick(noun, n), i % 9 + 1, 80 + int(rand() * 900), 3 + rand() * 60, tag[one], tag[two], \
            uuid(int(rand() * 1000) + 1) > "seed.new/books.jsonl"
    }
}'
rm -rf seed
mv seed.new seed
