/* alg.c: the table of algorithms.  A new one is one row, and a case in signature.c should its kind be new. */
#include "jose/alg.h"

static const struct so_jws_info ALGS[] = {
    /*                 name     kind         digest      kty    curve      coordinate */
    [SO_ALG_NONE] = {"", SO_JWS_HMAC, SO_SHA256, "", NULL, 0},
    [SO_ALG_HS256] = {"HS256", SO_JWS_HMAC, SO_SHA256, "oct", NULL, 0},
    [SO_ALG_HS384] = {"HS384", SO_JWS_HMAC, SO_SHA384, "oct", NULL, 0},
    [SO_ALG_HS512] = {"HS512", SO_JWS_HMAC, SO_SHA512, "oct", NULL, 0},
    [SO_ALG_RS256] = {"RS256", SO_JWS_RSA, SO_SHA256, "RSA", NULL, 0},
    [SO_ALG_RS384] = {"RS384", SO_JWS_RSA, SO_SHA384, "RSA", NULL, 0},
    [SO_ALG_RS512] = {"RS512", SO_JWS_RSA, SO_SHA512, "RSA", NULL, 0},
    [SO_ALG_PS256] = {"PS256", SO_JWS_PSS, SO_SHA256, "RSA", NULL, 0},
    [SO_ALG_PS384] = {"PS384", SO_JWS_PSS, SO_SHA384, "RSA", NULL, 0},
    [SO_ALG_PS512] = {"PS512", SO_JWS_PSS, SO_SHA512, "RSA", NULL, 0},
    [SO_ALG_ES256] = {"ES256", SO_JWS_EC, SO_SHA256, "EC", "P-256", 32},
    [SO_ALG_ES384] = {"ES384", SO_JWS_EC, SO_SHA384, "EC", "P-384", 48},
    [SO_ALG_ES512] = {"ES512", SO_JWS_EC, SO_SHA512, "EC", "P-521", 66},
    [SO_ALG_EDDSA] = {"EdDSA", SO_JWS_ED, SO_SHA512, "OKP", "Ed25519", 32},
    [SO_ALG_ED25519] = {"Ed25519", SO_JWS_ED, SO_SHA512, "OKP", "Ed25519", 32},
    [SO_ALG_ED448] = {"Ed448", SO_JWS_ED, SO_SHA512, "OKP", "Ed448", 57},
};
_Static_assert(COUNT_OF(ALGS) == SO_ALG_COUNT, "every algorithm has a row");

const struct so_jws_info *so_jws_info(enum so_jws_alg alg) { return &ALGS[alg]; }

const char *so_jws_alg_name(enum so_jws_alg alg) { return ALGS[alg].name; }

enum so_jws_alg so_jws_alg_find(struct so_str name)
{
    for (int alg = SO_ALG_NONE + 1; alg < SO_ALG_COUNT; alg++)
        if (so_str_eq_c(name, ALGS[alg].name))
            return (enum so_jws_alg)alg;
    return SO_ALG_NONE;
}

bool so_jws_covers(enum so_jws_alg named, enum so_jws_alg keys)
{
    const struct so_jws_info *name = &ALGS[named], *key = &ALGS[keys];
    if (named == keys)
        return named != SO_ALG_NONE;
    return name->kind == SO_JWS_ED && key->kind == SO_JWS_ED &&
           (named == SO_ALG_EDDSA || strcmp(name->curve, key->curve) == 0);
}
