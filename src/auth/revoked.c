/* revoked.c: ids whose access tokens are refused: open addressing, at most three quarters full.
 *
 * An expired entry keeps its place (probing goes on past it) until the table grows; so lifting a ban is setting the expiry
 * to the past. */
#include "auth/revoked.h"

#include <stdio.h>

#include "auth/sql.h"
#include "auth/text.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/random.h"

int so_auth_revoked_init(struct so_auth_revoked *set, struct so_err *err)
{
    *set = (struct so_auth_revoked){.seen = -1};
    if (pthread_rwlock_init(&set->lock, NULL) != 0)
        return so_err_oom(err);
    return SO_OK;
}

void so_auth_revoked_deinit(struct so_auth_revoked *set)
{
    so_free(set->slots);
    pthread_rwlock_destroy(&set->lock);
}

/* The id's slot, or the free one where it belongs. */
static struct so_auth_revoked_slot *slot_of(struct so_auth_revoked_slot *slots, size_t cap, const uint8_t id[16])
{
    size_t i = (size_t)so_hash(so_str((const char *)id, 16), so_random_seed()) & (cap - 1);
    while (slots[i].expires != 0 && memcmp(slots[i].id, id, 16) != 0)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

/* Makes the table anew with room for `extra` more, without what has expired. */
static int rebuild(struct so_auth_revoked *set, size_t extra, struct so_err *err)
{
    int64_t now = so_clock_now();
    size_t alive = 0;
    for (size_t i = 0; i < set->cap; i++)
        alive += set->slots[i].expires > now;
    size_t need = alive + set->reserved + extra, cap = 64;
    if (need > SO_AUTH_REVOKED_MAX)
        return so_fail(err, SO_EBUSY, "too many sessions were ended within one token lifetime");
    while (cap / 4 * 3 < need * 2) /* half full at most, so that the next rebuild is far away */
        cap *= 2;
    struct so_auth_revoked_slot *slots = so_calloc(cap, sizeof(*slots));
    if (slots == NULL)
        return so_err_oom(err);
    for (size_t i = 0; i < set->cap; i++)
        if (set->slots[i].expires > now)
            *slot_of(slots, cap, set->slots[i].id) = set->slots[i];
    so_free(set->slots);
    set->slots = slots;
    set->cap = cap;
    set->count = alive;
    atomic_store(&set->alive, alive);
    return SO_OK;
}

static int reserve(struct so_auth_revoked *set, struct so_err *err)
{
    pthread_rwlock_wrlock(&set->lock);
    int rc = SO_OK;
    if (set->count + set->reserved + 1 > set->cap / 4 * 3)
        rc = rebuild(set, 1, err);
    if (rc == SO_OK)
        set->reserved++;
    pthread_rwlock_unlock(&set->lock);
    return rc;
}

/* Uses up one reservation.  Under the lock. */
static void add(struct so_auth_revoked *set, const struct so_auth_revoked_slot *item)
{
    struct so_auth_revoked_slot *slot = slot_of(set->slots, set->cap, item->id);
    set->reserved--;
    if (slot->expires == 0)
        set->count++;
    int64_t expires = slot->expires > item->expires ? slot->expires : item->expires;
    *slot = *item;
    slot->expires = expires;
    atomic_store(&set->alive, set->count);
    atomic_fetch_add(&set->version, 1);
}

int so_auth_revoked_batch_put(struct so_auth_revoked *set, struct so_auth_revoked_batch *batch, struct so_arena *arena,
                              struct so_str id, int64_t expires, struct so_err *err)
{
    struct so_auth_revoked_slot item = {.expires = expires};
    if (!so_auth_uuid(id, item.id) || expires <= 0)
        return SO_OK;
    if (batch->count == batch->cap) {
        size_t cap = batch->cap == 0 ? 8 : batch->cap * 2;
        struct so_auth_revoked_slot *items = so_alloc_array(arena, cap, sizeof(*items));
        if (items == NULL)
            return so_err_oom(err);
        if (batch->count > 0)
            memcpy(items, batch->items, batch->count * sizeof(*items));
        batch->items = items;
        batch->cap = cap;
    }
    int rc = reserve(set, err);
    if (rc == SO_OK)
        batch->items[batch->count++] = item;
    return rc;
}

void so_auth_revoked_batch_add(struct so_auth_revoked *set, struct so_auth_revoked_batch *batch)
{
    if (batch->count == 0)
        return;
    pthread_rwlock_wrlock(&set->lock);
    for (size_t i = 0; i < batch->count; i++)
        add(set, &batch->items[i]);
    pthread_rwlock_unlock(&set->lock);
    batch->count = 0;
}

void so_auth_revoked_batch_drop(struct so_auth_revoked *set, struct so_auth_revoked_batch *batch)
{
    pthread_rwlock_wrlock(&set->lock);
    set->reserved -= batch->count;
    pthread_rwlock_unlock(&set->lock);
    batch->count = 0;
}

void so_auth_revoked_remove(struct so_auth_revoked *set, struct so_str id)
{
    uint8_t bytes[16];
    if (!so_auth_uuid(id, bytes))
        return;
    pthread_rwlock_wrlock(&set->lock);
    struct so_auth_revoked_slot *slot = set->cap == 0 ? NULL : slot_of(set->slots, set->cap, bytes);
    if (slot != NULL && slot->expires != 0)
        slot->expires = 1;
    pthread_rwlock_unlock(&set->lock);
}

bool so_auth_revoked_has(struct so_auth_revoked *set, struct so_str session, struct so_str user, int64_t now)
{
    uint8_t ids[2][16];
    if (atomic_load_explicit(&set->alive, memory_order_acquire) == 0)
        return false;
    size_t count = so_auth_uuid(session, ids[0]);
    count += so_auth_uuid(user, ids[count]);
    bool has = false;
    pthread_rwlock_rdlock(&set->lock);
    for (size_t i = 0; i < count && set->cap > 0; i++)
        has = has || slot_of(set->slots, set->cap, ids[i])->expires > now;
    pthread_rwlock_unlock(&set->lock);
    return has;
}

/* The table's word counts, even when it allows what memory refuses: a ban was lifted elsewhere. */
static int take_row(struct so_auth_revoked *set, struct so_stmt *st, int64_t now, struct so_err *err)
{
    struct so_auth_revoked_slot item = {.expires = so_stmt_i64(st, 1)};
    int64_t number = so_stmt_i64(st, 2);
    int rc = SO_OK;
    if (so_auth_uuid(so_stmt_text(st, 0), item.id)) {
        if (item.expires > now)
            rc = reserve(set, err);
        if (rc != SO_OK)
            return rc;
        pthread_rwlock_wrlock(&set->lock);
        if (item.expires > now)
            add(set, &item);
        else if (set->cap > 0 && slot_of(set->slots, set->cap, item.id)->expires != 0)
            slot_of(set->slots, set->cap, item.id)->expires = 1;
        pthread_rwlock_unlock(&set->lock);
    }
    if (number > set->seen)
        set->seen = number;
    return SO_OK;
}

int so_auth_revoked_look(struct so_auth_revoked *set, struct so_conn *conn, struct so_err *err)
{
    struct so_stmt *st;
    char seen[24];
    int64_t now = so_clock_now();
    snprintf(seen, sizeof(seen), "%lld", (long long)set->seen);
    int rc = so_auth_sql_start(conn, "SELECT id, expires_at, number FROM auth_revocations WHERE number > ?1 ORDER BY number",
                               SO_VALUES(so_str_c(seen)), &st, err);
    if (rc != SO_OK)
        return rc;
    bool row = true;
    while ((rc = so_stmt_step(st, &row, err)) == SO_OK && row && (rc = take_row(set, st, now, err)) == SO_OK)
        continue;
    so_stmt_done(st);
    return rc;
}
