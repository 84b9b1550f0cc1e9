// Keeps the last characters of a field; every other one becomes *. It must not pass what it does not understand.
#include <string.h>

#include "sluice/sluice.h"

enum { NOT_TEXT }; // the rejection codes, by their index below

static void mask(const sluice_setting_value *settings, sluice_value value, sluice_answer *answer) {
    if (value.kind == SLUICE_NULL) {
        sluice_keep(answer);
        return;
    }
    if (value.kind != SLUICE_TEXT && !sluice_is_number(value)) {
        sluice_reject(answer, NOT_TEXT);
        return;
    }
    size_t from = value.length, stars = 0; // characters are counted, not bytes
    for (int64_t n = settings[0].integer; n > 0 && from > 0; n--)
        while (from > 0 && (value.data[--from] & 0xC0) == 0x80) {}
    if (from == 0) from = value.length; // none to spare: masked whole
    for (size_t i = 0; i < from; i++) stars += (value.data[i] & 0xC0) != 0x80;
    uint8_t *out = sluice_set(answer, SLUICE_TEXT, stars + value.length - from);
    memset(out, '*', stars);
    memcpy(out + stars, value.data + from, value.length - from);
}

const sluice_plugin plugin = {
    .name = "my-plugin",
    .version = "0.1.0",
    .summary = "Keeps the last characters of a field.",
    .settings = {{.name = "n", .about = "Characters that stay.", .type = SLUICE_INTEGER, .most = 1000, .preset = {.integer = 4}}},
    .rejections = {"not_text"},
    .mask = mask,
};
