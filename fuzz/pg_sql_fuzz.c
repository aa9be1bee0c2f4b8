/* pg_sql_fuzz.c: any text as a statement: its translation stays in bounds, and is a fixed point. */
#include "db/pg_sql.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct so_pg_sql once, twice;
    if (so_pg_sql_translate(so_str((const char *)data, size), &once, NULL) == SO_OK) {
        struct so_str text = so_str(once.text.p, once.text.len - 1); /* without its NUL */
        if (so_pg_sql_translate(text, &twice, NULL) != SO_OK ||
            !so_str_eq(so_buf_str(&once.text), so_buf_str(&twice.text)) || once.parameter_count != twice.parameter_count)
            abort();
        so_buf_deinit(&twice.text);
    }
    so_buf_deinit(&once.text);
    return 0;
}
