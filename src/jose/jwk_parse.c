/* jwk_parse.c: JSON to keys (RFC 7517; the members of each type: RFC 7518 section 6, RFC 8037 section 2).
 *
 * The members are decoded into one block on the stack, handed to OpenSSL, and zeroed.  Lengths are exact where the RFCs
 * say so, because OpenSSL would quietly take other ones.  Whoever parsed the JSON has refused duplicate members. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "crypto/base64.h"
#include "jose/jwk_int.h"

static const struct so_jwk_part RSA_PARTS[] = {
    {"n", OSSL_PKEY_PARAM_RSA_N, false},
    {"e", OSSL_PKEY_PARAM_RSA_E, false},
    {"d", OSSL_PKEY_PARAM_RSA_D, true},
    {"p", OSSL_PKEY_PARAM_RSA_FACTOR1, true},
    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2, true},
    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1, true},
    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2, true},
    {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1, true},
    {NULL, NULL, false},
};
static const struct so_jwk_part EC_PARTS[] = {
    {"x", OSSL_PKEY_PARAM_EC_PUB_X, false},
    {"y", OSSL_PKEY_PARAM_EC_PUB_Y, false},
    {"d", OSSL_PKEY_PARAM_PRIV_KEY, true},
    {NULL, NULL, false},
};
static const struct so_jwk_part OKP_PARTS[] = {
    {"x", OSSL_PKEY_PARAM_PUB_KEY, false},
    {"d", OSSL_PKEY_PARAM_PRIV_KEY, true},
    {NULL, NULL, false},
};

const struct so_jwk_part *so_jwk_parts(struct so_str kty)
{
    if (so_str_eq_c(kty, "RSA"))
        return RSA_PARTS;
    if (so_str_eq_c(kty, "EC"))
        return EC_PARTS;
    return so_str_eq_c(kty, "OKP") ? OKP_PARTS : NULL;
}

/* ---- members ---- */

/* The decoded members, big-endian; a member that is not there has p == NULL.  Zeroed after use. */
struct parts {
    struct so_str bytes[SO_JWK_PARTS_MAX]; /* in the order of the type's table */
    uint8_t pool[9 * SO_RSA_SIZE_MAX];     /* each of the eight needs up to the modulus' size, and 3 bytes to decode in */
    size_t used;
};

static const struct so_json *get(const struct so_json *jwk, const char *name) { return so_json_get(jwk, so_str_c(name)); }

static int read_bytes(const struct so_json *jwk, const char *name, struct parts *parts, struct so_str *out,
                      struct so_err *err)
{
    const struct so_json *member = get(jwk, name);
    if (member == NULL)
        return SO_OK; /* whoever needs it will miss it */
    if (member->type != SO_JSON_STRING || member->len == 0)
        return so_fail(err, SO_EINVAL, "the JWK member \"%s\" is no text in base64url", name);
    uint8_t *to = parts->pool + parts->used;
    size_t n;
    if (so_base64_decoded_max(member->len) > SO_RSA_SIZE_MAX + 8)
        return so_fail(err, SO_ELIMIT, "the JWK member \"%s\" is too long", name);
    if (!so_base64url_decode(so_json_str(member), to, &n))
        return so_fail(err, SO_EINVAL, "the JWK member \"%s\" is not canonical base64url", name);
    parts->used += n;
    *out = so_str((const char *)to, n);
    return SO_OK;
}

static int read_parts(const struct so_json *jwk, const struct so_jwk_part *table, struct parts *parts, struct so_err *err)
{
    for (size_t i = 0; table[i].name != NULL; i++) {
        int rc = read_bytes(jwk, table[i].name, parts, &parts->bytes[i], err);
        if (rc != SO_OK)
            return rc;
        if (parts->bytes[i].p == NULL && !table[i].is_private)
            return so_fail(err, SO_EINVAL, "the JWK has no \"%s\"", table[i].name);
    }
    return SO_OK;
}

/* ---- what the members must look like ---- */

static bool is_odd(struct so_str number) { return ((uint8_t)number.p[number.n - 1] & 1) != 0; }

enum { N, E, D, P, Q, DP, DQ, QI }; /* rows of RSA_PARTS */

static int check_rsa(const struct so_json *jwk, const struct parts *parts, struct so_err *err)
{
    const struct so_str *b = parts->bytes;
    bool first_bit = ((uint8_t)b[N].p[0] & 0x80) != 0;
    for (size_t i = 0; i < SO_JWK_PARTS_MAX; i++) /* RFC 7518 section 2: Base64urlUInt has no leading zeros */
        if (b[i].p != NULL && (b[i].p[0] == 0 || b[i].n > b[N].n))
            return so_fail(err, SO_EINVAL, "the JWK member \"%s\" has leading zeros or is too long", RSA_PARTS[i].name);
    if (b[N].n < SO_RSA_SIZE_MIN || (b[N].n == SO_RSA_SIZE_MIN && !first_bit))
        return so_fail(err, SO_EINVAL, "the RSA key has fewer than %d bits (RFC 7518 section 3.3)", SO_RSA_SIZE_MIN * 8);
    if (b[N].n > SO_RSA_SIZE_MAX)
        return so_fail(err, SO_ELIMIT, "the RSA key has more than %d bits", SO_RSA_SIZE_MAX * 8);
    if (!is_odd(b[N]))
        return so_fail(err, SO_EINVAL, "the JWK member \"n\" is even: no RSA modulus is");
    if (b[E].n > sizeof(uint64_t) || !is_odd(b[E]) || (b[E].n == 1 && b[E].p[0] == 1))
        return so_fail(err, SO_EINVAL, "the JWK member \"e\" is no public exponent (odd, at least 3, at most 8 bytes)");
    size_t crt = 0;
    for (size_t i = P; i <= QI; i++)
        crt += b[i].p != NULL;
    if ((crt != 0 && crt != 5) || (crt != 0 && b[D].p == NULL)) /* RFC 7518 section 6.3.2 */
        return so_fail(err, SO_EINVAL, "an RSA private key has \"d\", and either all of p, q, dp, dq, qi or none");
    if (get(jwk, "oth") != NULL)
        return so_fail(err, SO_EINVAL, "RSA keys of more than two primes (\"oth\") are not supported");
    return SO_OK;
}

/* Coordinates and private keys have exactly the curve's length (RFC 7518 section 6.2, RFC 8037 section 2). */
static int check_curve(const struct parts *parts, const struct so_jwk_part *table, const struct so_jws_info *info,
                       struct so_err *err)
{
    for (size_t i = 0; table[i].name != NULL; i++)
        if (parts->bytes[i].p != NULL && parts->bytes[i].n != info->coordinate)
            return so_fail(err, SO_EINVAL, "the JWK member \"%s\" must have %zu bytes on %s, not %zu", table[i].name,
                           info->coordinate, info->curve, parts->bytes[i].n);
    return SO_OK;
}

/* ---- to OpenSSL ---- */

static void *mutable(struct so_str s) { return (void *)(uintptr_t)s.p; }

/* OSSL_PARAM wants numbers in the machine's byte order. */
static OSSL_PARAM number_param(const char *name, struct so_str big_endian)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint8_t *bytes = mutable(big_endian);
    for (size_t i = 0, j = big_endian.n; i + 1 < j; i++) {
        uint8_t swap = bytes[i];
        bytes[i] = bytes[--j];
        bytes[j] = swap;
    }
#endif
    return OSSL_PARAM_construct_BN(name, mutable(big_endian), big_endian.n);
}

static size_t rsa_params(const struct parts *parts, OSSL_PARAM *out)
{
    size_t n = 0;
    for (size_t i = 0; RSA_PARTS[i].name != NULL; i++)
        if (parts->bytes[i].p != NULL)
            out[n++] = number_param(RSA_PARTS[i].param, parts->bytes[i]);
    return n;
}

enum { X, Y, EC_D, OKP_D = 1, POINT_MAX = 1 + 2 * 66 }; /* rows of EC_PARTS and OKP_PARTS */

/* OpenSSL takes the point whole: 04, x, y (SEC 1 section 2.3.3); it refuses one that is not on the curve. */
static size_t ec_params(const struct parts *parts, const char *curve, uint8_t point[POINT_MAX], OSSL_PARAM *out)
{
    size_t half = parts->bytes[X].n, n = 0;
    point[0] = 0x04;
    memcpy(point + 1, parts->bytes[X].p, half);
    memcpy(point + 1 + half, parts->bytes[Y].p, half);
    out[n++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, mutable(so_str_c(curve)), 0);
    out[n++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * half);
    if (parts->bytes[EC_D].p != NULL)
        out[n++] = number_param(OSSL_PKEY_PARAM_PRIV_KEY, parts->bytes[EC_D]);
    return n;
}

static size_t okp_params(const struct parts *parts, OSSL_PARAM *out)
{
    size_t n = 0;
    for (size_t i = 0; OKP_PARTS[i].name != NULL; i++)
        if (parts->bytes[i].p != NULL)
            out[n++] = OSSL_PARAM_construct_octet_string(OKP_PARTS[i].param, mutable(parts->bytes[i]), parts->bytes[i].n);
    return n;
}

static EVP_PKEY *import(const char *type, OSSL_PARAM *params, bool is_private)
{
    EVP_PKEY *pkey = NULL;
    ERR_set_mark();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    bool ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, &pkey, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_pop_to_mark();
    return ok ? pkey : NULL;
}

/* Whether an RSA key's members agree.  Signing alone would not tell: OpenSSL works around a wrong "dp", and never looks at a
 * wrong "d" beside right ones.  A key without p, q and the rest has nothing that could disagree but what signing shows. */
static bool is_consistent(EVP_PKEY *pkey, const struct parts *parts)
{
    if (parts->bytes[P].p == NULL)
        return true;
    ERR_set_mark();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool ok = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_pop_to_mark();
    return ok;
}

/* A key's private half may sign, and its public half, which is in it, may verify.  A half that "key_ops" forbids to sign is
 * forgotten at once: what is not kept cannot leak, and nobody has proved that it belongs to this key. */
static int settle_use(struct parts *parts, const struct so_jwk_part *table, struct so_jwk_traits *traits, struct so_err *err)
{
    bool has_d = false;
    for (size_t i = 0; table[i].name != NULL; i++) {
        has_d = has_d || (parts->bytes[i].p != NULL && table[i].is_private);
        if (table[i].is_private && !traits->may_sign)
            parts->bytes[i].p = NULL;
    }
    traits->may_sign = traits->may_sign && has_d;
    traits->may_verify = traits->may_verify || traits->may_sign;
    return traits->may_verify ? SO_OK : so_fail(err, SO_ENOTFOUND, "the JWK's \"key_ops\" leave a public key nothing to do");
}

static int read_asymmetric(const struct so_json *jwk, struct so_jwk_traits *traits, struct parts *parts, struct so_jwk **out,
                           struct so_err *err)
{
    const struct so_jws_info *info = so_jws_info(traits->alg);
    const struct so_jwk_part *table = so_jwk_parts(so_str_c(info->kty));
    OSSL_PARAM params[SO_JWK_PARTS_MAX + 1];
    uint8_t point[POINT_MAX];
    bool is_rsa = info->curve == NULL;
    int rc = read_parts(jwk, table, parts, err);
    if (rc == SO_OK)
        rc = is_rsa ? check_rsa(jwk, parts, err) : check_curve(parts, table, info, err);
    if (rc == SO_OK)
        rc = settle_use(parts, table, traits, err);
    if (rc != SO_OK)
        return rc;
    size_t n;
    if (is_rsa)
        n = rsa_params(parts, params);
    else if (info->kind == SO_JWS_EC)
        n = ec_params(parts, info->curve, point, params);
    else
        n = okp_params(parts, params);
    params[n] = OSSL_PARAM_construct_end();
    EVP_PKEY *pkey = import(info->kind == SO_JWS_ED ? info->curve : info->kty, params, traits->may_sign);
    if (pkey == NULL)
        return so_fail(err, SO_EINVAL,
                       is_rsa ? "the JWK's members make no RSA key" : "the JWK's \"x\" and \"y\" are no point on the curve");
    if (is_rsa && !is_consistent(pkey, parts)) {
        EVP_PKEY_free(pkey);
        return so_fail(err, SO_EINVAL, "the JWK's members do not belong together, or \"p\" and \"q\" are not prime");
    }
    return so_jwk_from_pkey(pkey, traits, out, err);
}

static int read_oct(const struct so_json *jwk, const struct so_jwk_traits *traits, struct parts *parts, struct so_jwk **out,
                    struct so_err *err)
{
    struct so_str *secret = &parts->bytes[0];
    int rc = read_bytes(jwk, "k", parts, secret, err);
    if (rc != SO_OK)
        return rc;
    if (secret->p == NULL)
        return so_fail(err, SO_EINVAL, "the JWK has no \"k\"");
    return so_jwk_from_bytes(*secret, traits, out, err);
}

/* ---- what the key is for ---- */

/* Whether keys of this type and curve are for `alg`. */
static bool suits(enum so_jws_alg alg, struct so_str kty, struct so_str curve)
{
    const struct so_jws_info *info = so_jws_info(alg);
    return so_str_eq_c(kty, info->kty) && (info->curve == NULL || so_str_eq_c(curve, info->curve));
}

/* An algorithm the key was made for, so that no token can choose: without it an RSA key might pass for an HMAC secret
 * (CVE-2026-44699 and its many ancestors). */
static int read_alg(const struct so_json *jwk, enum so_jws_alg wanted, struct so_jwk_traits *out, struct so_err *err)
{
    const struct so_json *own = get(jwk, "alg");
    struct so_str kty = so_json_get_str(jwk, SO_STR("kty")), curve = so_json_get_str(jwk, SO_STR("crv"));
    if (kty.n == 0)
        return so_fail(err, SO_EINVAL, "the JWK has no \"kty\"");
    int implied = SO_ALG_NONE + 1; /* the first row of its type and curve */
    while (implied < SO_ALG_COUNT && !suits((enum so_jws_alg)implied, kty, curve))
        implied++;
    if (implied == SO_ALG_COUNT)
        return so_fail(err, SO_ENOTFOUND, "the JWK's \"kty\" or \"crv\" is not one that is supported for signatures");
    if (own != NULL && own->type != SO_JSON_STRING)
        return so_fail(err, SO_EINVAL, "the JWK member \"alg\" is no text");
    out->alg_is_implied = own == NULL && wanted == SO_ALG_NONE;
    out->alg = own != NULL ? so_jws_alg_find(so_json_str(own)) : wanted != SO_ALG_NONE ? wanted : (enum so_jws_alg)implied;
    if (out->alg == SO_ALG_EDDSA && so_str_eq_c(curve, so_jws_info(SO_ALG_ED448)->curve))
        out->alg = SO_ALG_ED448; /* EdDSA means the curve of the key */
    if (out->alg == SO_ALG_NONE)
        return so_fail(err, SO_ENOTFOUND, "the JWK's \"alg\" is not a supported signature algorithm");
    if (!suits(out->alg, kty, curve))
        return so_fail(err, SO_EINVAL, "a JWK of this \"kty\" and \"crv\" cannot be used with %s",
                       so_jws_alg_name(out->alg));
    if (wanted != SO_ALG_NONE && !so_jws_covers(wanted, out->alg))
        return so_fail(err, SO_EINVAL, "the JWK is for %s, not for %s", so_jws_alg_name(out->alg), so_jws_alg_name(wanted));
    return SO_OK;
}

/* "use" and "key_ops" (RFC 7517 sections 4.2 and 4.3); without them a key may do what its parts allow. */
static int read_use(const struct so_json *jwk, struct so_jwk_traits *out, struct so_err *err)
{
    const struct so_json *use = get(jwk, "use"), *ops = get(jwk, "key_ops");
    out->may_sign = out->may_verify = ops == NULL;
    if ((use != NULL && use->type != SO_JSON_STRING) || (ops != NULL && ops->type != SO_JSON_ARRAY))
        return so_fail(err, SO_EINVAL, "the JWK's \"use\" must be a text and \"key_ops\" an array");
    for (size_t i = 0; ops != NULL && i < ops->len; i++) {
        if (ops->u.items[i].type != SO_JSON_STRING)
            return so_fail(err, SO_EINVAL, "the JWK's \"key_ops\" must be texts");
        out->may_sign |= so_str_eq_c(so_json_str(&ops->u.items[i]), "sign");
        out->may_verify |= so_str_eq_c(so_json_str(&ops->u.items[i]), "verify");
    }
    if ((use != NULL && !so_str_eq_c(so_json_str(use), "sig")) || (!out->may_sign && !out->may_verify))
        return so_fail(err, SO_ENOTFOUND, "the JWK is not meant for signatures (\"use\", \"key_ops\")");
    return SO_OK;
}

static int read_kid(const struct so_json *jwk, struct so_str *out, struct so_err *err)
{
    const struct so_json *kid = get(jwk, "kid");
    *out = so_str("", 0);
    if (kid == NULL)
        return SO_OK;
    if (kid->type != SO_JSON_STRING)
        return so_fail(err, SO_EINVAL, "the JWK member \"kid\" is no text");
    if (kid->len > SO_KID_MAX)
        return so_fail(err, SO_ELIMIT, "the JWK member \"kid\" has more than %d bytes", SO_KID_MAX);
    *out = so_json_str(kid);
    return SO_OK;
}

int so_jwk_read(const struct so_json *jwk, enum so_jws_alg alg, struct so_jwk **out, struct so_err *err)
{
    struct so_jwk_traits traits = {.alg = SO_ALG_NONE};
    if (jwk->type != SO_JSON_OBJECT)
        return so_fail(err, SO_EINVAL, "a JWK is a JSON object");
    int rc = read_alg(jwk, alg, &traits, err);
    if (rc == SO_OK)
        rc = read_use(jwk, &traits, err);
    if (rc == SO_OK)
        rc = read_kid(jwk, &traits.kid, err);
    if (rc != SO_OK)
        return rc;
    struct parts parts;
    parts.used = 0;
    memset(parts.bytes, 0, sizeof(parts.bytes));
    rc = so_jws_info(traits.alg)->kind == SO_JWS_HMAC ? read_oct(jwk, &traits, &parts, out, err)
                                                      : read_asymmetric(jwk, &traits, &parts, out, err);
    OPENSSL_cleanse(parts.pool, parts.used);
    return rc;
}

int so_jwk_parse(const struct so_json *jwk, enum so_jws_alg alg, struct so_jwk **out, struct so_err *err)
{
    int rc = so_jwk_read(jwk, alg, out, err);
    if (rc == SO_ENOTFOUND) {
        rc = SO_EINVAL; /* a single key that is not for us is an error; in a set it is passed over */
        if (err != NULL)
            err->code = rc;
    }
    return rc;
}
