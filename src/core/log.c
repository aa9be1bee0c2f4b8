/* log.c: format one line and write it with one write(2), so that threads never mix theirs. */
#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

enum { LINE_MAX_BYTES = 2048 };

static enum so_log_level max_level = SO_LOG_INFO;
static bool as_json;

void so_log_setup(enum so_log_level level, enum so_log_format format)
{
    max_level = level;
    as_json = format == SO_LOG_JSON || (format == SO_LOG_AUTO && !isatty(STDERR_FILENO));
}

bool so_log_wants(enum so_log_level level) { return level <= max_level; }

/* Quotes and escapes `text` as a JSON string, cut to what fits; returns the bytes written. */
static size_t quote(char *out, size_t size, const char *text)
{
    size_t at = 0;
    out[at++] = '"';
    for (; *text != '\0' && at + 8 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < 0x20) {
            at += (size_t)snprintf(out + at, size - at, "\\u%04x", c);
        } else {
            out[at++] = (char)c;
        }
    }
    out[at++] = '"';
    return at;
}

void so_log(enum so_log_level level, const char *format, ...)
{
    static const char *const NAMES[] = {"error", "warn", "info", "debug"};
    if (!so_log_wants(level))
        return;
    char text[LINE_MAX_BYTES / 2], line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    time_t seconds = (time_t)so_clock_now();
    struct tm utc;
    char when[32];
    gmtime_r(&seconds, &utc);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);

    size_t len;
    if (as_json) {
        len = (size_t)snprintf(line, sizeof(line), "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", when, NAMES[level]);
        len += quote(line + len, sizeof(line) - len - 2, text);
        line[len++] = '}';
    } else {
        len = (size_t)snprintf(line, sizeof(line), "%s %-5s %s", when + 11, NAMES[level], text);
        len = so_min_size(len, sizeof(line) - 1);
    }
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* nobody is left to tell */
}
