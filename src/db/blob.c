/* blob.c: base64 and hex. */
#include "db/blob.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void so_blob_put(struct so_buf *out, struct so_str bytes)
{
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t have = so_min_size(bytes.n - i, 3);
        uint32_t word = 0;
        for (size_t k = 0; k < 3; k++)
            word = word << 8 | (k < have ? (unsigned char)bytes.p[i + k] : 0);
        char quad[4];
        for (size_t k = 0; k < 4; k++)
            quad[k] = k <= have ? ALPHABET[word >> (18 - 6 * k) & 63] : '=';
        so_buf_put(out, quad, 4);
    }
}

static int value_of(const char *alphabet, size_t count, char c)
{
    const char *at = memchr(alphabet, c, count);
    return at == NULL ? -1 : (int)(at - alphabet);
}

static bool read_base64(struct so_str text, struct so_buf *out)
{
    size_t n = text.n;
    while (n > 0 && text.n - n < 2 && text.p[n - 1] == '=')
        n--;
    if (n % 4 == 1 || (n != text.n && text.n % 4 != 0))
        return false;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < n; i++) {
        int value = value_of(ALPHABET, 64, text.p[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            so_buf_putc(out, (char)(bits >> have & 0xFF));
        }
    }
    return true;
}

static bool read_hex(struct so_str text, struct so_buf *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    if (text.n % 2 != 0)
        return false;
    for (size_t i = 0; i < text.n; i += 2) {
        int value = 0;
        for (size_t k = 0; k < 2; k++) {
            char c = text.p[i + k];
            int digit = value_of(DIGITS, 16, c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c);
            if (digit < 0)
                return false;
            value = value * 16 + digit;
        }
        so_buf_putc(out, (char)value);
    }
    return true;
}

bool so_blob_read(struct so_str text, struct so_buf *out)
{
    struct so_str prefix = SO_STR("\\x");
    return so_str_starts(text, prefix) ? read_hex(so_str_slice(text, 2, text.n), out) : read_base64(text, out);
}
