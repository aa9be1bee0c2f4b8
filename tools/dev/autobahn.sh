# autobahn.sh: the Autobahn testsuite against `socle ws echo`.

help_autobahn() {
    cat <<'HELP'
./dev autobahn [CASES]...

Runs the fuzzing client of the Autobahn testsuite against `socle ws echo`: sections 1 to 10, and 12 and 13 with --deflate, or only
CASES ("7.*" 12.1.1).  Needs the suite's own command, `wstest`, in PATH or named by WSTEST: it is a program for Python 2.7
(package autobahntestsuite) and no part of this tree.  All of it takes about ten minutes, sections 1 to 8 ten seconds.
SOCLE names another binary, such as one under sanitizers.  Tells each case and ends with a line: N passed, N failed, N skipped.
HELP
}

dev_autobahn() {
    need_npm tests
    if ! command -v "${WSTEST:-wstest}" >/dev/null; then
        echo "./dev autobahn: there is no ${WSTEST:-wstest}; ./dev autobahn --help says what it is" >&2
        exit 2
    fi
    if [ -z "${SOCLE:-}" ]; then
        dev_build >&2
        SOCLE=$PWD/build/socle
    fi
    SOCLE=$SOCLE node tools/autobahn.mjs "$@"
}
