// Between the contract and the plugin: describes it, reads its settings, takes it through the columns of a batch. It must
// not answer for the plugin.
#include "sluice.h"

#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "transform.h"

// The answers to one column as they come in.
struct sluice_answer {
    uint32_t row;
    buffer actions, kinds, ends, data;
    buffer *rejected;
};

enum { KEEP, SET, REMOVE, REJECT, CLEAR };

static void push(sluice_answer *answer, uint8_t action, uint8_t kind) {
    uint32_t end = (uint32_t)answer->data.length;
    *(uint8_t *)buffer_room(&answer->actions, 1) = action;
    *(uint8_t *)buffer_room(&answer->kinds, 1) = kind;
    memcpy(buffer_room(&answer->ends, sizeof end), &end, sizeof end);
}

static void write_text(sluice_answer *answer, uint8_t action, const char *text) {
    buffer_text(&answer->data, text);
    push(answer, action, SLUICE_TEXT);
}

uint8_t *sluice_set(sluice_answer *answer, uint8_t kind, size_t length) {
    uint8_t *room = buffer_room(&answer->data, length);
    push(answer, SET, kind);
    return room;
}

void sluice_keep(sluice_answer *answer) { push(answer, KEEP, SLUICE_NULL); }
void sluice_text(sluice_answer *answer, const char *text) { write_text(answer, SET, text); }
void sluice_clear(sluice_answer *answer, const char *text) { write_text(answer, CLEAR, text); }
void sluice_null(sluice_answer *answer) { push(answer, SET, SLUICE_NULL); }
void sluice_remove(sluice_answer *answer) { push(answer, REMOVE, SLUICE_NULL); }

void sluice_reject(sluice_answer *answer, uint32_t code) {
    sluice_plugin_types_rejection_t rejection = {answer->row, code};
    push(answer, REJECT, SLUICE_NULL);
    memcpy(buffer_room(answer->rejected, sizeof rejection), &rejection, sizeof rejection);
}

static transform_string_t string_of(buffer text) { return (transform_string_t){text.data, text.length}; }

static transform_string_t copy_of(const char *text) {
    buffer copy = {0};
    buffer_text(&copy, text);
    return string_of(copy);
}

void exports_sluice_plugin_plugin_describe(sluice_plugin_types_description_t *ret) {
    buffer schema = {0}, names = {0};
    settings_schema(plugin.settings, &schema);
    for (size_t i = 0; i < SLUICE_REJECTIONS && plugin.rejections[i]; i++) {
        transform_string_t name = copy_of(plugin.rejections[i]);
        memcpy(buffer_room(&names, sizeof name), &name, sizeof name);
    }
    *ret = (sluice_plugin_types_description_t){
        .name = copy_of(plugin.name),
        .version = copy_of(plugin.version),
        .summary = copy_of(plugin.summary),
        .settings_schema = copy_of("{\"type\":\"object\",\"additionalProperties\":false}"),
        .field_settings_schema = string_of(schema),
        .effects = SLUICE_PLUGIN_TYPES_EFFECTS_EDIT_FIELDS | (names.length ? SLUICE_PLUGIN_TYPES_EFFECTS_REJECT : 0),
        .rejections = {(transform_string_t *)names.data, names.length / sizeof(transform_string_t)},
    };
}

static sluice_setting_value (*fields)[SLUICE_SETTINGS]; // the settings of each granted field

bool exports_sluice_plugin_plugin_init(transform_string_t *settings, sluice_plugin_types_grants_t *grants,
                                       exports_sluice_plugin_plugin_list_problem_t *err) {
    static const sluice_setting none[SLUICE_SETTINGS] = {{0}};
    sluice_setting_value unused[SLUICE_SETTINGS];
    buffer problems = {0};
    settings_read(none, "/settings", settings->ptr, settings->len, unused, &problems);
    fields = calloc(grants->fields.len + 1, sizeof *fields);
    if (!fields) abort();
    for (size_t i = 0; i < grants->fields.len; i++) {
        const transform_string_t *text = &grants->fields.ptr[i].settings;
        buffer at = {0};
        buffer_text(&at, "/fields/");
        buffer_number(&at, (int64_t)i);
        buffer_text(&at, "");
        *(char *)buffer_room(&at, 1) = 0;
        settings_read(plugin.settings, (const char *)at.data, text->ptr, text->len, fields[i], &problems);
        free(at.data);
    }
    *err = (exports_sluice_plugin_plugin_list_problem_t){(void *)problems.data, problems.length / sizeof(sluice_plugin_types_problem_t)};
    return problems.length == 0;
}

// Rows ascend, each once: the first reason of a record counts.
static size_t sort_rejections(sluice_plugin_types_rejection_t *list, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        sluice_plugin_types_rejection_t one = list[i];
        size_t at = kept;
        while (at > 0 && list[at - 1].row > one.row) at--;
        if (at > 0 && list[at - 1].row == one.row) continue;
        memmove(&list[at + 1], &list[at], (kept - at) * sizeof one);
        list[at] = one;
        kept++;
    }
    return kept;
}

static sluice_plugin_types_answers_t answer_column(const sluice_plugin_types_column_t *column, const sluice_setting_value *settings,
                                                   buffer *rejected) {
    sluice_answer answer = {.rejected = rejected};
    size_t start = 0;
    for (size_t i = 0; i < column->rows.len; i++) {
        sluice_value value = {column->kinds.ptr[i], column->data.ptr + start, column->ends.ptr[i] - start};
        start = column->ends.ptr[i];
        answer.row = column->rows.ptr[i];
        plugin.mask(settings, value, &answer);
    }
    return (sluice_plugin_types_answers_t){
        .actions = {answer.actions.data, answer.actions.length},
        .kinds = {answer.kinds.data, answer.kinds.length},
        .ends = {(uint32_t *)answer.ends.data, answer.ends.length / sizeof(uint32_t)},
        .data = {answer.data.data, answer.data.length},
    };
}

bool exports_sluice_plugin_plugin_transform(sluice_plugin_types_batch_t *batch, exports_sluice_plugin_plugin_changes_t *ret, uint32_t *err) {
    buffer answers = {0}, rejected = {0};
    (void)err;
    for (size_t i = 0; i < batch->fields.len; i++) {
        sluice_plugin_types_field_answers_t one = {(uint32_t)i, answer_column(&batch->fields.ptr[i], fields[i], &rejected)};
        memcpy(buffer_room(&answers, sizeof one), &one, sizeof one);
    }
    *ret = (exports_sluice_plugin_plugin_changes_t){0};
    ret->fields.ptr = (void *)answers.data;
    ret->fields.len = answers.length / sizeof(sluice_plugin_types_field_answers_t);
    ret->rejected.ptr = (void *)rejected.data;
    ret->rejected.len = sort_rejections(ret->rejected.ptr, rejected.length / sizeof(sluice_plugin_types_rejection_t));
    sluice_plugin_types_batch_free(batch);
    return true;
}
