/* config_int.h: what the files of the settings share. */
#ifndef SO_APP_CONFIG_INT_H
#define SO_APP_CONFIG_INT_H

#include "app/config.h"
#include "core/map.h"

/* ---- the table (config.c) ---- */

enum { SO_SETTING_MAX = 16 * 1024 }; /* bytes of a value */
enum so_setting_kind { TEXT, COUNT, FLAG, CHOICE };

struct so_setting {
    const char *name;
    const char *alias; /* the names other platforms use, "A|B", the first that is set counts; NULL when there is none */
    enum so_setting_kind kind;
    bool secret; /* masked when printed; NAME_FILE names a file that holds it */
    size_t at;   /* offset in struct so_config */
    int64_t min, max;
    const char *fallback; /* as it would be written; NULL: not set */
    const char *choices;  /* for CHOICE: "error|warn|info|debug", the index is the value */
    const char *meaning;
};
extern const struct so_setting so_settings[];
extern const size_t so_setting_count;

/* ---- reading ---- */

/* The value of `name`: environment, then .env (`values`); with `secret` also the first line of the file that NAME_FILE
 * names; then `alias` ("A|B"; may be NULL).  *out is NULL when it is not set. */
int so_config_find(struct so_config *c, const struct so_map *values, const char *name, const char *alias, bool secret,
                   const char **out, struct so_err *err) SO_MUST_CHECK;
/* Of the environment or .env; NULL when it is not set or empty. */
const char *so_config_get(const struct so_map *values, const char *name);
/* true, false, 1, 0, yes, no, on, off */
bool so_config_flag(const char *text, bool *out) SO_MUST_CHECK;

/* A setting whose name the table cannot hold, because a part of it is the user's choice: for printing. */
struct so_config_shown {
    const char *name, *value, *meaning; /* secrets are masked */
};

/* SOCLE_AUTH_PROVIDERS, and the settings of each: fills providers and shown. */
int so_config_load_providers(struct so_config *c, const struct so_map *values, struct so_err *err) SO_MUST_CHECK;

/* PGRST_APP_SETTINGS_*, PGRST_DB_CHANNEL_ENABLED, and what is refused (config_pgrst.c). */
int so_config_load_pgrst(struct so_config *c, const struct so_map *values, struct so_err *err) SO_MUST_CHECK;

#endif
