# test.sh: unit tests (cmocka), API scenarios and end-to-end tests (Node), all against one build under ASan and UBSan.

help_test() {
    cat <<'HELP'
./dev test [NAME]

Builds under AddressSanitizer and UndefinedBehaviorSanitizer and runs
  unit          tests/MODULE/*_test.c (cmocka)
  api           tests/api/*.json: requests and expected answers, against the real server on a real database
  e2e           tests/e2e/*.test.mjs: @supabase/supabase-js under Node, and headless Chromium
With NAME only what has NAME in its name: `./dev test json/parse`, `./dev test api`, `./dev test e2e/auth`.
One PostgreSQL is started for the run (tests/lib/postgres.sh) where version 15 or later is installed.
Ends with a line: N passed, N failed, N skipped.
HELP
}

test_build() {
    need "${PACKAGES_BUILD[@]}" "${PACKAGES_TEST[@]}"
    configure build-test --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dtests=enabled -Dwerror=true
    ninja -C build-test --quiet >&2
}

# count FILE: adds the TAP lines of FILE to passed, failed, skipped
count() {
    local result
    result=$(awk '/^ *not ok /{f++; next} /^ *ok .*# [Ss][Kk][Ii][Pp]/{s++; next} /^ *ok /{p++} END{print p+0, f+0, s+0}' "$1")
    read -r p f s <<<"$result"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# One PostgreSQL for the whole run, where there is one; what needs it is skipped elsewhere, and says why.
start_postgres() {
    [ -z "${SOCLE_TEST_POSTGRES:-}" ] || return 0
    tests/lib/postgres.sh have || return 0
    local dir
    dir=$(mktemp -d /tmp/socle-postgres-XXXXXX)
    # shellcheck disable=SC2064
    trap "tests/lib/postgres.sh remove '$dir/server'; rmdir '$dir'" EXIT
    chmod 711 "$dir"
    SOCLE_TEST_POSTGRES=$(tests/lib/postgres.sh start "$dir/server")
    export SOCLE_TEST_POSTGRES
    tests/lib/postgres.sh roles "$SOCLE_TEST_POSTGRES"
}

unit_tests() {
    local names
    names=$(meson test -C build-test --list 2>/dev/null | sed 's/^.* \/ //; s/^socle://' | grep -F -- "${1:-}" || true)
    [ -n "$names" ] || return 0
    # shellcheck disable=SC2086
    meson test -C build-test --no-rebuild --print-errorlogs --quiet $names >&2 || broken=1
    count build-test/meson-logs/testlog.txt
}

# The leaf tests of Node's runner are indented under their file's; only they are counted.
node_tests() {
    local files log=build-test/node.tap
    files=$(ls tests/api/*.test.mjs tests/e2e/*.test.mjs tests/cli/*.test.mjs 2>/dev/null | grep -F -- "${1:-}" || true)
    [ -n "$files" ] || return 0
    need_npm tests
    # shellcheck disable=SC2086
    SOCLE="$PWD/build-test/socle" node --test --test-reporter=tap --test-concurrency=2 $files >"$log" || broken=1
    read -r p f s < <(awk '/^# pass /{p=$3} /^# fail /{f=$3} /^# (skipped|todo) /{s+=$3} END{print p+0, f+0, s+0}' "$log")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    grep -B2 -A40 -E '^ *not ok ' "$log" >&2 || true
    grep -E '^ *ok .*# SKIP' "$log" >&2 || true
}

dev_test() {
    local name=${1:-} broken=0
    passed=0 failed=0 skipped=0
    test_build
    start_postgres
    unit_tests "$name"
    node_tests "$name"
    if [ "$broken" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1 # a program that crashed reports no failed test of its own
    fi
    if [ $((passed + failed + skipped)) -eq 0 ]; then
        echo "./dev test: nothing is called \"$name\"" >&2
        exit 2
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

help_tsan() {
    cat <<'HELP'
./dev tsan

Builds under ThreadSanitizer and runs the tests of what has threads: net, http, db, auth, jose, realtime.
HELP
}

dev_tsan() {
    need "${PACKAGES_BUILD[@]}" "${PACKAGES_TEST[@]}"
    configure build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false -Dtests=enabled -Dwerror=true
    ninja -C build-tsan --quiet >&2
    start_postgres
    TSAN_OPTIONS=halt_on_error=1 meson test -C build-tsan --no-rebuild --print-errorlogs --suite net --suite http --suite db --suite auth --suite jose --suite realtime
}
