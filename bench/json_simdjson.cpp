/* json_simdjson.cpp: simdjson, the fastest JSON parser there is, for comparison. */
#include <simdjson.h>

#include "json_bench.h"

bool simdjson_parse(const char *text, size_t len)
{
    static simdjson::dom::parser parser;
    simdjson::dom::element root;
    return parser.parse(text, len).get(root) == simdjson::SUCCESS;
}
