/* parcel.c: a table says which texts a parcel has, and in which order. */
#include "realtime/parcel.h"

enum { TEXTS_MAX = 5, LENGTH_SIZE = 4 };

#define TEXT(member) offsetof(struct so_parcel, member)
static const struct {
    size_t count;
    size_t texts[TEXTS_MAX];
} SHAPES[] = {
    [SO_PARCEL_BROADCAST] = {4, {TEXT(note.room.topic), TEXT(note.event), TEXT(note.meta), TEXT(note.body)}},
    [SO_PARCEL_HERE] = {5, {TEXT(note.room.topic), TEXT(note.event), TEXT(note.meta), TEXT(note.ref), TEXT(note.previous)}},
    [SO_PARCEL_GONE] = {1, {TEXT(note.ref)}},
    [SO_PARCEL_HELLO] = {1, {TEXT(to)}},
    [SO_PARCEL_ALL] = {0, {0}},
    [SO_PARCEL_ALL_END] = {0, {0}},
    [SO_PARCEL_BYE] = {0, {0}},
};

struct so_parcel so_parcel_of(const struct so_note *note)
{
    bool is_broadcast = note->kind == SO_NOTE_BROADCAST, comes = note->meta.n > 0;
    return (struct so_parcel){.kind = is_broadcast ? SO_PARCEL_BROADCAST
                                      : comes      ? SO_PARCEL_HERE
                                                   : SO_PARCEL_GONE,
                              .note = *note};
}

/* ---- writing ---- */

static void write_length(char to[LENGTH_SIZE], size_t n)
{
    for (int i = 0; i < LENGTH_SIZE; i++)
        to[i] = (char)(uint8_t)(n >> (8 * (LENGTH_SIZE - 1 - i)));
}

static void put_text(struct so_buf *out, struct so_str text)
{
    char length[LENGTH_SIZE];
    write_length(length, text.n);
    so_buf_put(out, length, sizeof(length));
    so_buf_put_str(out, text);
}

void so_parcel_put(struct so_buf *out, const struct so_parcel *parcel)
{
    size_t at = out->len;
    put_text(out, SO_STR("")); /* its place */
    so_buf_putc(out, (char)parcel->kind);
    so_buf_putc(out, parcel->note.room.is_private ? 1 : 0);
    so_buf_putc(out, (char)parcel->note.encoding);
    for (size_t i = 0; i < SHAPES[parcel->kind].count; i++)
        put_text(out, *(const struct so_str *)((const char *)parcel + SHAPES[parcel->kind].texts[i]));
    if (out->rc == SO_OK)
        write_length(out->p + at, out->len - at - LENGTH_SIZE);
}

/* ---- reading ---- */

static bool take(struct so_str *rest, size_t n, struct so_str *out)
{
    if (rest->n < n)
        return false;
    *out = so_str(rest->p, n);
    *rest = so_str(rest->p + n, rest->n - n);
    return true;
}

static bool take_text(struct so_str *rest, struct so_str *out)
{
    struct so_str length;
    size_t n = 0;
    if (!take(rest, LENGTH_SIZE, &length))
        return false;
    for (int i = 0; i < LENGTH_SIZE; i++)
        n = n << 8 | (uint8_t)length.p[i];
    return take(rest, n, out);
}

/* Names that are longer than clients may make them would not fit into frames. */
static bool is_sound(const struct so_parcel *p)
{
    return p->note.encoding <= SO_WIRE_WHOLE && p->note.room.topic.n <= SO_WIRE_NAME_MAX &&
           (p->kind != SO_PARCEL_BROADCAST || (p->note.event.n <= SO_WIRE_NAME_MAX && p->note.meta.n <= SO_WIRE_NAME_MAX));
}

int so_parcel_read(struct so_str *rest, struct so_parcel *out, bool *out_found)
{
    struct so_str all, head;
    struct so_parcel p = {0};
    if (rest->n == 0) {
        *out_found = false;
        return SO_OK;
    }
    if (!take_text(rest, &all) || !take(&all, 3, &head))
        return SO_EINVAL;
    size_t kind = (uint8_t)head.p[0];
    if (kind > 0 && kind < COUNT_OF(SHAPES)) {
        p.kind = (enum so_parcel_kind)kind;
        p.note.kind = p.kind == SO_PARCEL_BROADCAST ? SO_NOTE_BROADCAST : SO_NOTE_PRESENCE;
        p.note.room.is_private = head.p[1] != 0;
        p.note.encoding = (enum so_wire_encoding)(uint8_t)head.p[2];
        for (size_t i = 0; i < SHAPES[kind].count; i++)
            if (!take_text(&all, (struct so_str *)((char *)&p + SHAPES[kind].texts[i])))
                return SO_EINVAL;
        if (!is_sound(&p))
            return SO_EINVAL;
    }
    *out = p;
    *out_found = true;
    return SO_OK;
}

size_t so_parcel_measure(struct so_str all, size_t max)
{
    struct so_str rest = all, one;
    size_t n = 0;
    while (take_text(&rest, &one) && (n == 0 || all.n - rest.n <= max))
        n = all.n - rest.n;
    return n;
}
