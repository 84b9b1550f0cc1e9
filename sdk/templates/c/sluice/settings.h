// Settings of a field: their JSON Schema, and their values read from JSON. Bytes that grow.
#ifndef SLUICE_SETTINGS_H
#define SLUICE_SETTINGS_H

#include "sluice.h"

typedef struct {
    uint8_t *data;
    size_t length, room;
} buffer;

// Room for more bytes at the end, theirs from then on; stops the plugin where there is no memory.
void *buffer_room(buffer *to, size_t more);
void buffer_text(buffer *to, const char *text);
void buffer_number(buffer *to, int64_t number);

// The JSON Schema of settings.
void settings_schema(const sluice_setting *settings, buffer *to);

// Reads a JSON object; what is wrong is appended as problems of the contract, at pointers below `at`.
void settings_read(const sluice_setting *settings, const char *at, const uint8_t *json, size_t length, sluice_setting_value *values,
                   buffer *problems);

#endif
