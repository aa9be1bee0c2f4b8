/* text.c: whole characters are core/utf8.c's; here are those that are cut between two pieces. */
#include "ws/text.h"

#include "core/utf8.h"

/* First bytes and what may follow them (Unicode 15, table 3-7), in order of `to`. */
static const struct lead {
    uint8_t from, to, missing, low, high;
} LEADS[] = {
    {0x00, 0x7F, 0, 0x80, 0xBF}, {0xC2, 0xDF, 1, 0x80, 0xBF}, {0xE0, 0xE0, 2, 0xA0, 0xBF},
    {0xE1, 0xEC, 2, 0x80, 0xBF}, {0xED, 0xED, 2, 0x80, 0x9F}, {0xEE, 0xEF, 2, 0x80, 0xBF},
    {0xF0, 0xF0, 3, 0x90, 0xBF}, {0xF1, 0xF3, 3, 0x80, 0xBF}, {0xF4, 0xF4, 3, 0x80, 0x8F},
};

static bool begin(struct so_ws_text *text, uint8_t byte)
{
    size_t i = 0;
    while (i < COUNT_OF(LEADS) && byte > LEADS[i].to)
        i++;
    if (i == COUNT_OF(LEADS) || byte < LEADS[i].from)
        return false;
    *text = (struct so_ws_text){LEADS[i].missing, LEADS[i].low, LEADS[i].high};
    return true;
}

static bool step(struct so_ws_text *text, uint8_t byte)
{
    if (text->missing == 0)
        return begin(text, byte);
    if (byte < text->low || byte > text->high)
        return false;
    *text = (struct so_ws_text){(uint8_t)(text->missing - 1), 0x80, 0xBF};
    return true;
}

bool so_ws_text_feed(struct so_ws_text *text, struct so_str piece)
{
    size_t at = 0;
    while (at < piece.n && text->missing > 0)
        if (!step(text, (uint8_t)piece.p[at++]))
            return false;
    at += so_utf8_check(so_str_slice(piece, at, piece.n));
    while (at < piece.n) /* a character that is cut, at most three bytes, or a wrong one */
        if (!step(text, (uint8_t)piece.p[at++]))
            return false;
    return true;
}
