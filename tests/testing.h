/* testing.h: what every unit test includes first: cmocka and the headers that it wants before it. */
#ifndef SO_TESTS_TESTING_H
#define SO_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base.h"
#include "core/err.h"
#include "core/str.h"

/* Fails with both texts shown. */
#define assert_str(got, want) so_assert_str((got), (want), __FILE__, __LINE__)
static inline void so_assert_str(struct so_str got, const char *want, const char *file, int line)
{
    if (so_str_eq(got, so_str_c(want)))
        return;
    print_error("got:  %.*s\nwant: %s\n", SO_STR_ARG(got), want);
    _fail(file, line);
}

#endif
