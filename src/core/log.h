/* log.h: lines on stderr: text on a terminal, one JSON object per line elsewhere.  Only app/ and cli/ may call it.
 * Never give it a token, a key, a password or a body.   Threads: any; a line is written whole. */
#ifndef SO_CORE_LOG_H
#define SO_CORE_LOG_H

#include "core/base.h"

enum so_log_level { SO_LOG_ERROR, SO_LOG_WARN, SO_LOG_INFO, SO_LOG_DEBUG };
enum so_log_format { SO_LOG_AUTO, SO_LOG_TEXT, SO_LOG_JSON };

void so_log_setup(enum so_log_level max_level, enum so_log_format format);
bool so_log_wants(enum so_log_level level);
void so_log(enum so_log_level level, const char *format, ...) SO_PRINTF(2, 3);

#endif
