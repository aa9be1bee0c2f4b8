/* json_bench.h: what the C++ half of the benchmark offers to the C half. */
#ifndef SO_BENCH_JSON_BENCH_H
#define SO_BENCH_JSON_BENCH_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Parses with simdjson's DOM and one parser for all calls, as its documentation advises.  False when it is not JSON. */
bool simdjson_parse(const char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
