/* realtime_fuzz.c: no frame crashes the readers of channel messages and joins; what was read is written so that it reads the
 * same; a broadcast that was read has a form for every client.
 *
 * The first byte chooses: '1' and '2' text of that serializer, 'b' binary; the rest is the frame. */
#include <stdlib.h>

#include "realtime/join.h"
#include "realtime/wire.h"
#include "json/write.h"

#define CHECK(condition)                                                                                                    \
    do {                                                                                                                    \
        if (!(condition))                                                                                                   \
            abort();                                                                                                        \
    } while (0)

enum { MEMORY_MAX = 64 << 20 };

static void try_text(enum so_wire_version version, struct so_str frame, struct so_arena *arena)
{
    struct so_wire_message m, again;
    struct so_join join;
    struct so_buf payload, out;
    if (so_wire_read_text(version, frame, arena, &m) != SO_OK)
        return;
    so_join_read(m.payload, &join);
    CHECK(join.since >= -1 && join.presence_key.n <= SO_PRESENCE_KEY_MAX);
    so_buf_init(&payload, MEMORY_MAX);
    so_buf_init(&out, MEMORY_MAX);
    so_json_put(&payload, m.payload);
    const struct so_wire_head head = {m.join_ref, m.ref, m.topic, m.event};
    so_wire_put(&out, SO_WIRE_V2, &head, so_buf_str(&payload));
    CHECK(so_wire_read_text(SO_WIRE_V2, so_buf_str(&out), arena, &again) == SO_OK);
    CHECK(so_str_eq(again.join_ref, m.join_ref) && so_str_eq(again.ref, m.ref) && so_str_eq(again.topic, m.topic) &&
          so_str_eq(again.event, m.event) && so_json_eq(again.payload, m.payload));
    so_buf_deinit(&payload);
    so_buf_deinit(&out);
}

static void try_binary(struct so_str frame, struct so_arena *arena)
{
    struct so_wire_message m;
    if (so_wire_read_binary(frame, arena, &m) != SO_OK)
        return;
    const struct so_wire_broadcast b = {m.topic, m.user_event, m.body, SO_STR(""), m.encoding};
    for (enum so_wire_version v = SO_WIRE_V1; v <= SO_WIRE_V2; v++) {
        struct so_buf out;
        bool is_binary;
        struct so_json value;
        so_buf_init(&out, MEMORY_MAX);
        bool can = so_wire_put_broadcast(&out, v, &b, &is_binary);
        CHECK(can == (v == SO_WIRE_V2 || m.encoding == SO_WIRE_JSON) || m.topic.n > SO_WIRE_NAME_MAX ||
              m.user_event.n > SO_WIRE_NAME_MAX);
        if (can && !is_binary) /* two members of one name cannot be: the frame is ours */
            CHECK(so_json_parse(arena, so_buf_str(&out), NULL, &value, NULL) == SO_OK);
        so_buf_deinit(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct so_arena arena;
    if (size < 1)
        return 0;
    struct so_str frame = so_str((const char *)data + 1, size - 1);
    so_arena_init(&arena, MEMORY_MAX);
    if (data[0] == '1' || data[0] == '2')
        try_text(data[0] == '1' ? SO_WIRE_V1 : SO_WIRE_V2, frame, &arena);
    else if (data[0] == 'b')
        try_binary(frame, &arena);
    so_arena_deinit(&arena);
    return 0;
}
