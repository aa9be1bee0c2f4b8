/* library.c: dlopen() and dlsym(). */
#include "core/library.h"

#include <dlfcn.h>
#include <string.h>

bool so_library_load(const char *const *names, size_t name_count, const struct so_library_function *functions,
                     size_t function_count, void *pointers)
{
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < name_count; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library != NULL && i < function_count; i++) {
        void *symbol = dlsym(library, functions[i].name);
        if (symbol == NULL)
            return false;
        /* POSIX lets this pointer be a function's; ISO C has no cast for it, so its bytes are copied. */
        memcpy((char *)pointers + functions[i].at, &symbol, sizeof(symbol));
    }
    return library != NULL;
}
