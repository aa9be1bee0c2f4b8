/* chunk.c: decode an HTTP/1.1 chunked body (RFC 9112 section 7.1).
 *
 *   SIZE --[;extensions]--> SIZE_LF --LF--> DATA --n bytes--> DATA_CR --> DATA_LF --> SIZE
 *   a size of 0:            SIZE_LF --LF--> TRAILER --line--> TRAILER    --empty line--> DONE
 *   any odd octet --> FAILED
 *
 * Strict on purpose: a bare LF, a sign or a space in a size is an error.  A proxy that reads them another way would let a
 * client smuggle in a second request (RFC 9112 section 11.2). */
#include "http/chunk.h"

/* 15 hex digits stay below 2^60: no sum of such a size and a buffer's length overflows. */
enum { SIZE_DIGITS_MAX = 15 };

enum state {
    SIZE,
    EXT,         /* after a blank that follows the size or an extension: only ';' may come */
    EXT_NAME_AT, /* after ';' */
    EXT_NAME,
    EXT_NAME_END, /* after a blank that follows the name: '=' or ';' */
    EXT_VALUE_AT, /* after '=' */
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPE,   /* after '\' in a quoted value */
    EXT_UNQUOTED, /* after the closing quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at the start of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    DONE,
    FAILED
};

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    unsigned char lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_blank(unsigned char c) { return c == ' ' || c == '\t'; }

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_text(unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7F); }

/* Where an extension may end: the state that `c` leads to, or `otherwise`. */
static enum state after_extension(unsigned char c, enum state otherwise)
{
    return c == '\r' ? SIZE_LF : c == ';' ? EXT_NAME_AT : otherwise;
}

static enum state in_size(struct so_chunk *c, unsigned char byte)
{
    int digit = hex_value(byte);
    if (digit >= 0) {
        if (++c->digits > SIZE_DIGITS_MAX)
            return FAILED;
        c->size = c->size << 4 | (unsigned)digit;
        return SIZE;
    }
    if (c->digits == 0)
        return FAILED;
    return after_extension(byte, is_blank(byte) ? EXT : FAILED);
}

/* chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), where BWS is optional blanks. */
static enum state in_extension(enum state state, unsigned char c)
{
    switch (state) {
    case EXT: return is_blank(c) ? EXT : c == ';' ? EXT_NAME_AT : FAILED;
    case EXT_NAME_AT: return is_blank(c) ? EXT_NAME_AT : is_token_char(c) ? EXT_NAME : FAILED;
    case EXT_NAME:
        if (is_token_char(c))
            return EXT_NAME;
        return c == '=' ? EXT_VALUE_AT : after_extension(c, is_blank(c) ? EXT_NAME_END : FAILED);
    case EXT_NAME_END: return is_blank(c) ? EXT_NAME_END : c == '=' ? EXT_VALUE_AT : c == ';' ? EXT_NAME_AT : FAILED;
    case EXT_VALUE_AT: return is_blank(c) ? EXT_VALUE_AT : c == '"' ? EXT_QUOTED : is_token_char(c) ? EXT_VALUE : FAILED;
    case EXT_VALUE: return is_token_char(c) ? EXT_VALUE : after_extension(c, is_blank(c) ? EXT : FAILED);
    case EXT_QUOTED: return c == '"' ? EXT_UNQUOTED : c == '\\' ? EXT_ESCAPE : is_text(c) ? EXT_QUOTED : FAILED;
    case EXT_ESCAPE: return is_text(c) ? EXT_QUOTED : FAILED;
    case EXT_UNQUOTED: return after_extension(c, is_blank(c) ? EXT : FAILED);
    default: return FAILED;
    }
}

static enum state in_trailer(enum state state, unsigned char c)
{
    switch (state) {
    case TRAILER: return c == '\r' ? END_LF : is_token_char(c) ? TRAILER_NAME : FAILED;
    case TRAILER_NAME: return c == ':' ? TRAILER_VALUE : is_token_char(c) ? TRAILER_NAME : FAILED;
    case TRAILER_VALUE: return c == '\r' ? TRAILER_LF : is_text(c) ? TRAILER_VALUE : FAILED;
    case TRAILER_LF: return c == '\n' ? TRAILER : FAILED;
    case END_LF: return c == '\n' ? DONE : FAILED;
    default: return FAILED;
    }
}

static enum state after_size(struct so_chunk *c)
{
    c->digits = 0;
    return c->size == 0 ? TRAILER : DATA;
}

/* One octet that is not data. */
static enum state step(struct so_chunk *c, unsigned char byte)
{
    enum state state = (enum state)c->state;
    switch (state) {
    case SIZE: return in_size(c, byte);
    case SIZE_LF: return byte == '\n' ? after_size(c) : FAILED;
    case DATA_CR: return byte == '\r' ? DATA_LF : FAILED;
    case DATA_LF: return byte == '\n' ? SIZE : FAILED;
    default: break;
    }
    if (++c->extra > SO_CHUNK_EXTRA_MAX)
        return FAILED;
    return state < SIZE_LF ? in_extension(state, byte) : in_trailer(state, byte);
}

void so_chunk_init(struct so_chunk *c) { *c = (struct so_chunk){.state = SIZE}; }

enum so_chunk_result so_chunk_next(struct so_chunk *c, struct so_str *input, struct so_str *out_data)
{
    while (c->state != DONE && c->state != FAILED) {
        if (input->n == 0)
            return SO_CHUNK_MORE;
        if (c->state == DATA) {
            size_t n = c->size < input->n ? (size_t)c->size : input->n;
            *out_data = so_str(input->p, n);
            *input = so_str(input->p + n, input->n - n);
            c->size -= n;
            if (c->size == 0)
                c->state = DATA_CR;
            return SO_CHUNK_DATA;
        }
        unsigned char byte = (unsigned char)input->p[0];
        *input = so_str(input->p + 1, input->n - 1);
        c->state = (int)step(c, byte);
    }
    return c->state == DONE ? SO_CHUNK_DONE : SO_CHUNK_BAD;
}
