/* json_bench.c: how fast JSON files are parsed and written: json_bench FILE...
 * The best of the rounds that fit into half a second counts: the others were disturbed. */
#include <stdio.h>

#include "core/clock.h"
#include "core/fs.h"
#include "json/write.h"

#ifdef HAVE_SIMDJSON
#include "json_bench.h"
#endif

static const int64_t ROUND_NS = 500000000;
static const size_t LIMIT = (size_t)1 << 30;

struct subject {
    struct so_str text;
    struct so_arena arena;
    struct so_buf out;
    struct so_json value;
};

static bool parse(struct subject *s)
{
    so_arena_reset(&s->arena);
    return so_json_parse(&s->arena, s->text, NULL, &s->value, NULL) == SO_OK;
}

static bool parse_strictly(struct subject *s)
{
    static const struct so_json_options STRICT = {.reject_duplicates = true};
    so_arena_reset(&s->arena);
    return so_json_parse(&s->arena, s->text, &STRICT, &s->value, NULL) == SO_OK;
}

static bool write_compact(struct subject *s)
{
    so_buf_reset(&s->out);
    so_json_put(&s->out, &s->value);
    return s->out.rc == SO_OK;
}

#ifdef HAVE_SIMDJSON
static bool parse_with_simdjson(struct subject *s) { return simdjson_parse(s->text.p, s->text.n); }
#endif

static const struct {
    const char *name;
    bool (*run)(struct subject *);
} WORK[] = {
    {"parse", parse},
    {"parse strictly", parse_strictly},
    {"write", write_compact},
#ifdef HAVE_SIMDJSON
    {"simdjson DOM", parse_with_simdjson},
#endif
};

/* Megabytes a second, or a negative number when the work failed. */
static double measure(bool (*run)(struct subject *), struct subject *s)
{
    int batch = s->text.n < 1000000 ? (int)(1000000 / (s->text.n + 1)) : 1;
    double best = 0;
    for (int64_t end = so_clock_mono_ns() + ROUND_NS; so_clock_mono_ns() < end;) {
        int64_t start = so_clock_mono_ns();
        for (int i = 0; i < batch; i++)
            if (!run(s))
                return -1;
        double bytes = (double)s->text.n * batch, speed = bytes * 1e3 / (double)(so_clock_mono_ns() - start);
        best = speed > best ? speed : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct so_buf file;
        struct so_err err = SO_ERR_INIT;
        struct subject s = {0};
        so_buf_init(&file, LIMIT);
        so_buf_init(&s.out, LIMIT);
        so_arena_init(&s.arena, LIMIT);
        if (so_fs_read(argv[i], &file, &err) != SO_OK) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        s.text = so_buf_str(&file);
        const char *slash = strrchr(argv[i], '/');
        for (size_t k = 0; k < COUNT_OF(WORK); k++)
            printf("%-16s %-16s %6.0f MB/s\n", slash == NULL ? argv[i] : slash + 1, WORK[k].name, measure(WORK[k].run, &s));
        so_arena_deinit(&s.arena);
        so_buf_deinit(&s.out);
        so_buf_deinit(&file);
    }
    return 0;
}
