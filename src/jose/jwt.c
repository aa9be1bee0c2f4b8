/* jwt.c: what a token claims (RFC 7519), once its signature is proved: times, issuer, audience. */
#include "jose/jwt.h"

#include <math.h>

#include "crypto/base64.h"
#include "jose/jwk_int.h"
#include "jose/jws.h"
#include "jose/signature.h"

enum { CLAIMS_DEPTH_MAX = 32, LEEWAY_MAX = 24 * 60 * 60 };

static int read_claims(struct so_arena *arena, struct so_str payload, struct so_json *out, struct so_err *err)
{
    const struct so_json_options options = {.depth_max = CLAIMS_DEPTH_MAX, .reject_duplicates = true};
    struct so_err own = SO_ERR_INIT;
    struct so_json claims;
    int rc = so_json_parse(arena, payload, &options, &claims, &own);
    if (rc == SO_ENOMEM)
        return so_err_oom(err);
    if (rc != SO_OK)
        return so_fail(err, rc, "the token's payload is not valid JSON: %s", own.message);
    if (claims.type != SO_JSON_OBJECT)
        return so_fail(err, SO_EINVAL, "the token's payload is not a JSON object");
    *out = claims;
    return SO_OK;
}

/* ---- times ---- */

/* A NumericDate (RFC 7519 section 2), which may have a fraction; rounded up, so that comparing whole seconds with it gives
 * what comparing with the fraction would.  *out stays as it is when the claim is not there.  The year 9999 as limit finds
 * milliseconds put where seconds belong, and leaves every sum far from overflow. */
static int read_time(const struct so_json *claims, const char *name, int64_t *out, struct so_err *err)
{
    static const int64_t TIME_MAX = 253402300799; /* 9999-12-31T23:59:59Z */
    const struct so_json *v = so_json_get(claims, so_str_c(name));
    int64_t seconds;
    if (v == NULL)
        return SO_OK;
    if (!so_json_is_number(v))
        return so_fail(err, SO_EINVAL, "the token's \"%s\" is no number", name);
    if (!so_json_to_i64(v, &seconds)) {
        double d = ceil(so_json_to_double(v));
        seconds = d >= 0 && d <= (double)TIME_MAX ? (int64_t)d : -1;
    }
    if (seconds < 0 || seconds > TIME_MAX)
        return so_fail(err, SO_EINVAL, "the token's \"%s\" is no time in seconds between 1970 and 9999", name);
    *out = seconds;
    return SO_OK;
}

int so_jwt_times_read(const struct so_json *claims, struct so_jwt_times *out, struct so_err *err)
{
    struct so_jwt_times times = {.nbf = INT64_MIN, .exp = INT64_MAX};
    int64_t iat = 0; /* must be a time; RFC 7519 section 4.1.6 asks nothing else of it */
    int rc = read_time(claims, "exp", &times.exp, err);
    if (rc == SO_OK)
        rc = read_time(claims, "nbf", &times.nbf, err);
    if (rc == SO_OK)
        rc = read_time(claims, "iat", &iat, err);
    if (rc == SO_OK)
        *out = times;
    return rc;
}

int so_jwt_times_check(const struct so_jwt_times *times, int64_t now, int64_t leeway, struct so_err *err)
{
    leeway = leeway < 0 ? 0 : leeway > LEEWAY_MAX ? LEEWAY_MAX : leeway;
    if (times->exp != INT64_MAX && now >= times->exp + leeway) /* section 4.1.4: on or after */
        return so_fail(err, SO_EEXPIRED, "the token expired at %lld, and it is %lld", (long long)times->exp, (long long)now);
    if (times->nbf != INT64_MIN && now < times->nbf - leeway) /* section 4.1.5: before */
        return so_fail(err, SO_EEARLY, "the token is not good before %lld, and it is %lld", (long long)times->nbf,
                       (long long)now);
    return SO_OK;
}

/* ---- issuer and audience ---- */

static int check_issuer(const struct so_json *claims, struct so_str want, struct so_err *err)
{
    const struct so_json *iss = so_json_get(claims, SO_STR("iss"));
    if (iss != NULL && iss->type != SO_JSON_STRING)
        return so_fail(err, SO_EINVAL, "the token's \"iss\" is no text");
    if (want.p != NULL && (iss == NULL || !so_str_eq(so_json_str(iss), want)))
        return so_fail(err, SO_EDENIED, "the token is not from the issuer expected");
    return SO_OK;
}

/* A text, or an array of texts (RFC 7519 section 4.1.3). */
static int check_audience(const struct so_json *claims, struct so_str want, struct so_err *err)
{
    const struct so_json *aud = so_json_get(claims, SO_STR("aud"));
    bool is_array = aud != NULL && aud->type == SO_JSON_ARRAY, found = false;
    const struct so_json *items = is_array ? aud->u.items : aud;
    size_t count = is_array ? aud->len : aud != NULL;
    for (size_t i = 0; i < count; i++) {
        if (items[i].type != SO_JSON_STRING)
            return so_fail(err, SO_EINVAL, "the token's \"aud\" is neither a text nor an array of texts");
        found = found || so_str_eq(so_json_str(&items[i]), want);
    }
    if (want.p != NULL && !found)
        return so_fail(err, SO_EDENIED, "the token is not for this audience");
    return SO_OK;
}

/* ---- the whole ---- */

int so_jwt_verify(const struct so_jwks *keys, struct so_str token, const struct so_jwt_checks *checks,
                  struct so_arena *arena, struct so_json *out_claims, const struct so_jwk **out_key, struct so_err *err)
{
    struct so_str payload;
    struct so_json claims;
    struct so_jwt_times times;
    const struct so_jwk *key;
    int rc = so_jws_verify(keys, token, checks->alg, arena, &payload, &key, err);
    if (rc == SO_OK)
        rc = read_claims(arena, payload, &claims, err);
    if (rc == SO_OK)
        rc = so_jwt_times_read(&claims, &times, err);
    if (rc == SO_OK)
        rc = so_jwt_times_check(&times, checks->now, checks->leeway, err);
    if (rc == SO_OK)
        rc = check_audience(&claims, checks->aud, err);
    if (rc == SO_OK)
        rc = check_issuer(&claims, checks->iss, err);
    if (rc != SO_OK)
        return rc;
    *out_claims = claims;
    if (out_key != NULL)
        *out_key = key;
    return SO_OK;
}

int so_jwt_sign(const struct so_jwk *key, struct so_str payload, struct so_buf *out, struct so_err *err)
{
    size_t start = out->len, n = 0;
    uint8_t signature[SO_SIGNATURE_MAX];
    so_buf_put_str(out, key->header);
    so_buf_putc(out, '.');
    so_base64url_put(out, payload);
    int rc = so_buf_check(out, "the token", err);
    if (rc == SO_OK)
        rc = so_signature_make(key, so_str(out->p + start, out->len - start), signature, &n, err);
    if (rc == SO_OK) {
        so_buf_putc(out, '.');
        so_base64url_put(out, so_str((const char *)signature, n));
        rc = so_buf_check(out, "the token", err);
    }
    if (rc == SO_OK && out->len - start > SO_JWT_MAX)
        rc = so_fail(err, SO_ELIMIT, "the token would have more than %d bytes, which nobody would accept", SO_JWT_MAX);
    if (rc != SO_OK)
        out->len = start;
    return rc;
}

int so_jwt_decode(struct so_str token, struct so_arena *arena, struct so_json *out_header, struct so_json *out_payload,
                  struct so_err *err)
{
    struct so_json header, claims;
    struct so_str payload;
    int rc = so_jws_decode(token, arena, &header, &payload, err);
    if (rc == SO_OK)
        rc = read_claims(arena, payload, &claims, err);
    if (rc != SO_OK)
        return rc;
    *out_header = header;
    *out_payload = claims;
    return SO_OK;
}
