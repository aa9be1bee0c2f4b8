/* secrets.h: texts nobody can guess, and what the database keeps of them. */
#ifndef SO_AUTH_SECRETS_H
#define SO_AUTH_SECRETS_H

#include "core/arena.h"
#include "core/err.h"

/* 32 random bytes in base64url. */
int so_auth_random_text(struct so_arena *arena, struct so_str *out, struct so_err *err) SO_MUST_CHECK;
/* Six random digits. */
int so_auth_random_digits(struct so_arena *arena, struct so_str *out, struct so_err *err) SO_MUST_CHECK;
/* SHA-256 in base64url. */
int so_auth_hash_text(struct so_arena *arena, struct so_str text, struct so_str *out, struct so_err *err) SO_MUST_CHECK;
/* HMAC-SHA256 in base64url. */
int so_auth_hmac_text(struct so_arena *arena, struct so_str key, struct so_str text, struct so_str *out,
                      struct so_err *err) SO_MUST_CHECK;

#endif
