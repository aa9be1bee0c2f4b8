/* library.h: a shared library that only some need, loaded when they do, as a struct of pointers to its functions. */
#ifndef SO_CORE_LIBRARY_H
#define SO_CORE_LIBRARY_H

#include "core/base.h"

struct so_library_function {
    const char *name;
    size_t at; /* offset in the struct of the pointer to it */
};

/* Opens the first of `names` that is there, and fills `pointers`.  false: none is, or it lacks a function.  The library
 * stays loaded, as one that was linked would: its threads may outlive whoever used it. */
bool so_library_load(const char *const *names, size_t name_count, const struct so_library_function *functions,
                     size_t function_count, void *pointers) SO_MUST_CHECK;

#endif
