/* qr.c: QR codes (ISO/IEC 18004:2015; "section" below is of that).
 *
 *   text -> codewords with error correction, interleaved -> zigzag over what the function patterns leave free -> mask
 *
 * A module is two bits while the symbol is made: whether it is dark, and whether it belongs to a function pattern. */
#include "auth/qr.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION_MAX = 40, CODEWORDS_MAX = 3706, BLOCKS_MAX = 49, EC_MAX = 28 };
enum { DARK = 1, FUNCTION = 2 };
enum { FORMAT_LEVEL_M = 0 }; /* the two bits of section 7.9.1 */

/* Table 9, level M: error correction codewords of a block, and blocks, for versions 1 to 40. */
static const uint8_t EC_PER_BLOCK[VERSION_MAX + 1] = {0,  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22,
                                                      24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28,
                                                      28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28};
static const uint8_t BLOCKS[VERSION_MAX + 1] = {0,  1,  1,  1,  2,  2,  4,  4,  4,  5,  5,  5,  8,  9,
                                                9,  10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25,
                                                26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49};

struct symbol {
    size_t version, side;
    uint8_t *modules; /* side * side */
};

static uint8_t *at(const struct symbol *s, size_t row, size_t column) { return &s->modules[row * s->side + column]; }

static void set(const struct symbol *s, size_t row, size_t column, bool dark)
{
    *at(s, row, column) = (uint8_t)(FUNCTION | (dark ? DARK : 0));
}

/* ---- how much fits ---- */

/* Alignment patterns along one side. */
static size_t alignments(size_t version) { return version == 1 ? 0 : version / 7 + 2; }

/* Codewords of a symbol: its modules but those of finders, timing, alignment, format and version (section 6.3). */
static size_t codewords(size_t version)
{
    size_t side = 17 + 4 * version, n = alignments(version);
    size_t bits = side * side - 3 * 64 - 2 * (side - 16) - 31; /* finders with separators; timing; format */
    if (n > 0)
        bits -= 25 * (n * n - 3) - 2 * 5 * (n - 2); /* where one crosses a timing line, five modules are both */
    if (version >= 7)
        bits -= 36;
    return bits / 8;
}

static size_t data_codewords(size_t version) { return codewords(version) - (size_t)EC_PER_BLOCK[version] * BLOCKS[version]; }

static size_t count_bits(size_t version) { return version < 10 ? 8 : 16; } /* table 3, byte mode */

static size_t version_for(size_t bytes)
{
    size_t version = 1;
    while (version <= VERSION_MAX && 4 + count_bits(version) + 8 * bytes > 8 * data_codewords(version))
        version++;
    return version;
}

/* ---- data ---- */

struct bits {
    uint8_t *bytes;
    size_t count;
};

static void put_bits(struct bits *b, uint32_t value, size_t n)
{
    while (n-- > 0) {
        if (value >> n & 1)
            b->bytes[b->count / 8] |= (uint8_t)(0x80 >> b->count % 8);
        b->count++;
    }
}

/* Mode, count, bytes, terminator, padding (section 7.4). */
static void put_data(struct so_str text, size_t version, uint8_t *out)
{
    struct bits b = {out, 0};
    size_t capacity = data_codewords(version);
    memset(out, 0, capacity);
    put_bits(&b, 0x4, 4);
    put_bits(&b, (uint32_t)text.n, count_bits(version));
    for (size_t i = 0; i < text.n; i++)
        put_bits(&b, (uint8_t)text.p[i], 8);
    size_t used = (so_min_size(b.count + 4, capacity * 8) + 7) / 8; /* the terminator and what fills its byte are zeros */
    for (size_t i = used; i < capacity; i++)
        out[i] = (i - used) % 2 == 0 ? 0xEC : 0x11;
}

/* ---- error correction: Reed-Solomon over GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1 (section 7.5.2) ---- */

static uint8_t multiply(uint8_t a, uint8_t b)
{
    unsigned product = 0;
    for (int i = 7; i >= 0; i--) {
        product = product << 1 ^ (product >> 7) * 0x11D;
        product ^= (unsigned)(b >> i & 1) * a;
    }
    return (uint8_t)product;
}

/* The product of (x - 2^i), i < degree, without its leading 1; highest power first. */
static void generator(size_t degree, uint8_t out[EC_MAX + 2])
{
    uint8_t root = 1;
    memset(out, 0, degree);
    out[degree - 1] = 1;
    for (size_t i = 0; i < degree; i++) {
        for (size_t j = 0; j < degree; j++)
            out[j] = (uint8_t)(multiply(out[j], root) ^ (j + 1 < degree ? out[j + 1] : 0));
        root = multiply(root, 2);
    }
}

static void remainder_of(const uint8_t *data, size_t n, const uint8_t *divisor, size_t degree, uint8_t *out)
{
    memset(out, 0, degree);
    for (size_t i = 0; i < n; i++) {
        uint8_t factor = data[i] ^ out[0];
        memmove(out, out + 1, degree - 1);
        out[degree - 1] = 0;
        for (size_t j = 0; j < degree; j++)
            out[j] ^= multiply(divisor[j], factor);
    }
}

/* Blocks of nearly equal length, the shorter ones first, are written column by column (section 7.6). */
static void interleave(const uint8_t *data, size_t version, uint8_t *out)
{
    size_t blocks = BLOCKS[version], degree = EC_PER_BLOCK[version], total = data_codewords(version);
    size_t shorter = total / blocks, longer_from = blocks - total % blocks;
    uint8_t divisor[32], ec[BLOCKS_MAX][32];
    size_t starts[BLOCKS_MAX + 1] = {0}, n = 0;
    generator(degree, divisor);
    for (size_t b = 0; b < blocks; b++) {
        size_t length = shorter + (b >= longer_from);
        remainder_of(data + starts[b], length, divisor, degree, ec[b]);
        starts[b + 1] = starts[b] + length;
    }
    for (size_t i = 0; i <= shorter; i++)
        for (size_t b = 0; b < blocks; b++)
            if (starts[b] + i < starts[b + 1])
                out[n++] = data[starts[b] + i];
    for (size_t i = 0; i < degree; i++)
        for (size_t b = 0; b < blocks; b++)
            out[n++] = ec[b][i];
}

/* ---- function patterns (section 6.3) ---- */

static size_t distance(size_t a, size_t b) { return a > b ? a - b : b - a; }

/* Squares in each other around a middle, clipped to the symbol: a finder with its separator reaches 4, an alignment 2. */
static void draw_square(const struct symbol *s, size_t row, size_t column, size_t reach)
{
    for (size_t r = row < reach ? 0 : row - reach; r <= row + reach && r < s->side; r++)
        for (size_t c = column < reach ? 0 : column - reach; c <= column + reach && c < s->side; c++) {
            size_t ring = so_max_size(distance(r, row), distance(c, column));
            set(s, r, c, reach == 4 ? ring != 2 && ring != 4 : ring != 1);
        }
}

/* Annex E: evenly spaced from the far side; the first stays at 6. */
static size_t alignment_at(const struct symbol *s, size_t index)
{
    size_t n = alignments(s->version);
    size_t step = s->version == 32 ? 26 : (s->version * 4 + n * 2 + 1) / (n * 2 - 2) * 2;
    return index == 0 ? 6 : s->side - 7 - (n - 1 - index) * step;
}

static void draw_alignments(const struct symbol *s)
{
    size_t n = alignments(s->version);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            bool is_corner = (i == 0 && j == 0) || (i == 0 && j == n - 1) || (i == n - 1 && j == 0);
            if (!is_corner)
                draw_square(s, alignment_at(s, i), alignment_at(s, j), 2);
        }
}

/* `value` followed by its BCH remainder of `bits` bits. */
static uint32_t with_bch(uint32_t value, uint32_t polynomial, int bits)
{
    uint32_t rest = value;
    for (int i = 0; i < bits; i++)
        rest = rest << 1 ^ (rest >> (bits - 1) & 1) * polynomial;
    return value << bits | (rest & ((1U << bits) - 1));
}

/* Level and mask, twice (section 7.9). */
static void draw_format(const struct symbol *s, unsigned mask)
{
    uint32_t format = with_bch(FORMAT_LEVEL_M << 3 | mask, 0x537, 10) ^ 0x5412;
    for (size_t i = 0; i < 15; i++) {
        bool dark = format >> i & 1;
        /* Up the column beside the upper left finder, round its corner and to the left, past the timing lines. */
        size_t near = i < 6 ? i : i < 8 ? i + 1 : i == 8 ? 7 : 14 - i;
        if (i < 8)
            set(s, near, 8, dark);
        else
            set(s, 8, near, dark);
        /* The other copy: from the right below the upper right finder, then down beside the lower left one. */
        if (i < 8)
            set(s, 8, s->side - 1 - i, dark);
        else
            set(s, s->side - 15 + i, 8, dark);
    }
    set(s, s->side - 8, 8, true);
}

static void draw_version(const struct symbol *s)
{
    uint32_t version = with_bch((uint32_t)s->version, 0x1F25, 12);
    for (size_t i = 0; s->version >= 7 && i < 18; i++) {
        set(s, i / 3, s->side - 11 + i % 3, version >> i & 1);
        set(s, s->side - 11 + i % 3, i / 3, version >> i & 1);
    }
}

static void draw_functions(const struct symbol *s)
{
    for (size_t i = 0; i < s->side; i++) {
        set(s, 6, i, i % 2 == 0);
        set(s, i, 6, i % 2 == 0);
    }
    draw_square(s, 3, 3, 4);
    draw_square(s, 3, s->side - 4, 4);
    draw_square(s, s->side - 4, 3, 4);
    draw_alignments(s);
    draw_format(s, 0); /* keeps the place */
    draw_version(s);
}

/* ---- data modules ---- */

/* Columns in pairs from the right, upwards and downwards in turn; the timing column is passed over (section 7.7.3). */
static void draw_data(const struct symbol *s, const uint8_t *bytes, size_t n)
{
    size_t bit = 0;
    bool upwards = true;
    for (size_t right = s->side - 1; right > 0; right -= right == 8 ? 3 : 2, upwards = !upwards) {
        for (size_t i = 0; i < s->side; i++)
            for (size_t column = right; column + 2 > right; column--) {
                uint8_t *module = at(s, upwards ? s->side - 1 - i : i, column);
                if ((*module & FUNCTION) == 0 && bit < 8 * n) {
                    *module = bytes[bit / 8] >> (7 - bit % 8) & 1;
                    bit++;
                }
            }
        if (right == 1)
            break;
    }
}

/* Table 10. */
static bool is_masked(unsigned mask, size_t row, size_t column)
{
    size_t product = row * column;
    switch (mask) {
    case 0: return (row + column) % 2 == 0;
    case 1: return row % 2 == 0;
    case 2: return column % 3 == 0;
    case 3: return (row + column) % 3 == 0;
    case 4: return (row / 2 + column / 3) % 2 == 0;
    case 5: return product % 2 + product % 3 == 0;
    case 6: return (product % 2 + product % 3) % 2 == 0;
    default: return ((row + column) % 2 + product % 3) % 2 == 0;
    }
}

static void apply_mask(const struct symbol *s, unsigned mask)
{
    for (size_t row = 0; row < s->side; row++)
        for (size_t column = 0; column < s->side; column++)
            if ((*at(s, row, column) & FUNCTION) == 0 && is_masked(mask, row, column))
                *at(s, row, column) ^= DARK;
    draw_format(s, mask);
}

/* ---- the best mask (section 7.8.3) ---- */

static bool is_dark(const struct symbol *s, size_t line, size_t i, bool by_column)
{
    return *at(s, by_column ? i : line, by_column ? line : i) & DARK;
}

/* Runs of five and more, and what looks like a finder with four light modules at one side. */
static unsigned penalty_of_line(const struct symbol *s, size_t line, bool by_column)
{
    unsigned penalty = 0, run = 0, window = 0;
    bool last = false;
    for (size_t i = 0; i < s->side; i++) {
        bool dark = is_dark(s, line, i, by_column);
        run = i > 0 && dark == last ? run + 1 : 1;
        penalty += run == 5 ? 3 : run > 5;
        last = dark;
        window = (window << 1 | dark) & 0x7FF;
        if (i >= 10 && (window == 0x05D || window == 0x5D0))
            penalty += 40;
    }
    return penalty;
}

static unsigned penalty_of(const struct symbol *s)
{
    unsigned penalty = 0, dark = 0, total = (unsigned)(s->side * s->side);
    for (size_t i = 0; i < s->side; i++)
        penalty += penalty_of_line(s, i, false) + penalty_of_line(s, i, true);
    for (size_t row = 0; row + 1 < s->side; row++)
        for (size_t column = 0; column + 1 < s->side; column++) {
            int sum = (*at(s, row, column) & DARK) + (*at(s, row, column + 1) & DARK) + (*at(s, row + 1, column) & DARK) +
                      (*at(s, row + 1, column + 1) & DARK);
            penalty += sum == 0 || sum == 4 ? 3 : 0;
        }
    for (size_t i = 0; i < total; i++)
        dark += (s->modules[i] & DARK) != 0;
    unsigned away = (unsigned)abs((int)(dark * 20) - (int)(total * 10)); /* from one half, in twentieths */
    return penalty + (away == 0 ? 0 : (away + total - 1) / total - 1) * 10;
}

static unsigned best_mask(const struct symbol *s)
{
    unsigned best = 0, least = ~0U;
    for (unsigned mask = 0; mask < 8; mask++) {
        apply_mask(s, mask);
        unsigned penalty = penalty_of(s);
        if (penalty < least) {
            least = penalty;
            best = mask;
        }
        apply_mask(s, mask); /* twice is not at all */
    }
    return best;
}

/* ---- all of it ---- */

int so_qr_make(struct so_str text, int mask, struct so_arena *arena, struct so_qr *out, struct so_err *err)
{
    uint8_t data[CODEWORDS_MAX], all[CODEWORDS_MAX];
    if (text.n > SO_QR_TEXT_MAX)
        return so_fail(err, SO_ELIMIT, "a QR code holds at most %d bytes", SO_QR_TEXT_MAX);
    struct symbol s = {.version = version_for(text.n)};
    s.side = 17 + 4 * s.version;
    s.modules = so_alloc_zero(arena, s.side * s.side);
    if (s.modules == NULL)
        return so_err_oom(err);
    put_data(text, s.version, data);
    interleave(data, s.version, all);
    draw_functions(&s);
    draw_data(&s, all, codewords(s.version));
    apply_mask(&s, mask == SO_QR_MASK_BEST ? best_mask(&s) : (unsigned)mask);
    for (size_t i = 0; i < s.side * s.side; i++)
        s.modules[i] &= DARK;
    *out = (struct so_qr){s.side, s.modules};
    return SO_OK;
}

/* One path: a stroke for each run of dark modules. */
void so_qr_put_svg(const struct so_qr *qr, struct so_buf *out)
{
    enum { QUIET = 4 };
    size_t side = qr->side + 2 * (size_t)QUIET;
    so_buf_printf(out,
                  "<svg xmlns='http://www.w3.org/2000/svg' width='%zu' height='%zu' viewBox='0 0 %zu %zu'"
                  " shape-rendering='crispEdges'><rect width='%zu' height='%zu' fill='white'/><path fill='black' d='",
                  side * 4, side * 4, side, side, side, side);
    for (size_t row = 0; row < qr->side; row++)
        for (size_t column = 0, run; column < qr->side; column += run) {
            const uint8_t *line = qr->modules + row * qr->side;
            for (run = 1; column + run < qr->side && line[column + run] == line[column];)
                run++;
            if (line[column] != 0)
                so_buf_printf(out, "M%zu %zuh%zuv1h-%zuz", column + QUIET, row + QUIET, run, run);
        }
    so_buf_lit(out, "'/></svg>");
}
