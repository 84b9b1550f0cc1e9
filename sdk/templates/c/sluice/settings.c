// See settings.h. The JSON is the host's own, so it is well formed; what is wrong is what stands in it.
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "transform.h"

void *buffer_room(buffer *to, size_t more) {
    if (to->room - to->length < more) {
        to->room = (to->room + more) * 2;
        to->data = realloc(to->data, to->room);
        if (!to->data) abort();
    }
    to->length += more;
    return to->data + to->length - more;
}

static void add(buffer *to, const void *bytes, size_t length) {
    if (length) memcpy(buffer_room(to, length), bytes, length);
}

void buffer_text(buffer *to, const char *text) { add(to, text, strlen(text)); }

void buffer_number(buffer *to, int64_t number) {
    char digits[20], *at = digits + sizeof digits;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0) buffer_text(to, "-");
    add(to, at, (size_t)(digits + sizeof digits - at));
}

// A JSON string; texts of settings are written by the plugin's author.
static void quoted(buffer *to, const char *text) {
    buffer_text(to, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') buffer_text(to, "\\");
        add(to, text, 1);
    }
    buffer_text(to, "\"");
}

static const char *type_name(uint8_t type) {
    return type == SLUICE_INTEGER ? "integer" : type == SLUICE_BOOLEAN ? "boolean" : "string";
}

void settings_schema(const sluice_setting *settings, buffer *to) {
    const char *separator = "";
    buffer_text(to, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (size_t i = 0; i < SLUICE_SETTINGS && settings[i].name; i++) {
        const sluice_setting *one = &settings[i];
        buffer_text(to, separator);
        separator = ",";
        quoted(to, one->name);
        buffer_text(to, ":{\"type\":");
        quoted(to, type_name(one->type));
        if (one->about) buffer_text(to, ",\"description\":"), quoted(to, one->about);
        if (one->type == SLUICE_INTEGER) {
            buffer_text(to, ",\"minimum\":"), buffer_number(to, one->least);
            buffer_text(to, ",\"maximum\":"), buffer_number(to, one->most);
        }
        if (!one->required) {
            buffer_text(to, ",\"default\":");
            if (one->type == SLUICE_INTEGER) buffer_number(to, one->preset.integer);
            else if (one->type == SLUICE_BOOLEAN) buffer_text(to, one->preset.boolean ? "true" : "false");
            else quoted(to, one->preset.text ? one->preset.text : "");
        }
        buffer_text(to, "}");
    }
    buffer_text(to, "},\"required\":[");
    separator = "";
    for (size_t i = 0; i < SLUICE_SETTINGS && settings[i].name; i++)
        if (settings[i].required) buffer_text(to, separator), quoted(to, settings[i].name), separator = ",";
    buffer_text(to, "]}");
}

// A place in the JSON.
typedef struct {
    const uint8_t *at, *end;
} cursor;

static void spaces(cursor *json) {
    while (json->at < json->end && strchr(" \t\r\n", *json->at)) json->at++;
}

static bool take(cursor *json, char letter) {
    spaces(json);
    if (json->at == json->end || *json->at != (uint8_t)letter) return false;
    json->at++;
    return true;
}

// The inside of a string as it is written; escapes stay.
static bool string(cursor *json, const uint8_t **text, size_t *length) {
    if (!take(json, '"')) return false;
    for (*text = json->at; json->at < json->end && *json->at != '"'; json->at++)
        if (*json->at == '\\') json->at++;
    *length = (size_t)(json->at - *text);
    json->at++;
    return true;
}

// Goes behind one value, whatever it is.
static void skip(cursor *json) {
    const uint8_t *text;
    size_t length, depth = 0;
    do {
        spaces(json);
        if (json->at >= json->end) return;
        if (string(json, &text, &length)) continue;
        if (*json->at == '{' || *json->at == '[') depth++, json->at++;
        else if (*json->at == '}' || *json->at == ']') depth--, json->at++;
        else if (*json->at == ',' || *json->at == ':') json->at++;
        else
            while (json->at < json->end && !strchr(",]} \t\r\n", *json->at)) json->at++;
    } while (depth > 0);
}

static bool integer(cursor *json, int64_t *number) {
    spaces(json);
    bool negative = take(json, '-');
    const uint8_t *digits = json->at;
    uint64_t sum = 0;
    for (; json->at < json->end && *json->at >= '0' && *json->at <= '9' && json->at - digits < 19; json->at++) sum = sum * 10 + (*json->at - '0');
    bool whole = json->at > digits && sum <= INT64_MAX && (json->at == json->end || strchr(",} \t\r\n", *json->at));
    *number = negative ? -(int64_t)sum : (int64_t)sum;
    return whole;
}

static bool word(cursor *json, const char *text) {
    size_t length = strlen(text);
    spaces(json);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, text, length)) return false;
    json->at += length;
    return true;
}

static bool value_of(const sluice_setting *setting, cursor *json, sluice_setting_value *value) {
    const uint8_t *text;
    size_t length;
    if (setting->type == SLUICE_INTEGER) return integer(json, &value->integer) && value->integer >= setting->least && value->integer <= setting->most;
    if (setting->type == SLUICE_BOOLEAN) return (value->boolean = word(json, "true")) || word(json, "false");
    if (!string(json, &text, &length) || memchr(text, '\\', length)) return false;
    buffer copy = {0};
    add(&copy, text, length);
    *(char *)buffer_room(&copy, 1) = 0;
    value->text = (const char *)copy.data;
    return true;
}

// A problem at `at`, or at the key below it, escaped as RFC 6901 says.
static void problem(buffer *problems, const char *at, const uint8_t *key, size_t length, const char *message) {
    buffer place = {0}, said = {0};
    buffer_text(&place, at);
    if (key) buffer_text(&place, "/");
    for (size_t i = 0; key && i < length; i++) {
        if (key[i] == '~') buffer_text(&place, "~0");
        else if (key[i] == '/') buffer_text(&place, "~1");
        else add(&place, &key[i], 1);
    }
    buffer_text(&said, message);
    sluice_plugin_types_problem_t one = {{place.data, place.length}, {said.data, said.length}};
    add(problems, &one, sizeof one);
}

static void wrong_value(buffer *problems, const char *at, const sluice_setting *setting) {
    buffer message = {0};
    const size_t length = strlen(setting->name);
    buffer_text(&message, setting->type == SLUICE_INTEGER ? "must be an integer from " : setting->type == SLUICE_BOOLEAN ? "must be true or false" : "must be text without escapes");
    if (setting->type == SLUICE_INTEGER) {
        buffer_number(&message, setting->least);
        buffer_text(&message, " to ");
        buffer_number(&message, setting->most);
    }
    *(char *)buffer_room(&message, 1) = 0;
    problem(problems, at, (const uint8_t *)setting->name, length, (const char *)message.data);
    free(message.data);
}

void settings_read(const sluice_setting *settings, const char *at, const uint8_t *json, size_t length, sluice_setting_value *values,
                   buffer *problems) {
    cursor here = {json, json + length};
    const uint8_t *key;
    size_t size;
    bool given[SLUICE_SETTINGS] = {0};
    for (size_t i = 0; i < SLUICE_SETTINGS; i++) values[i] = settings[i].preset;
    if (!take(&here, '{')) {
        problem(problems, at, NULL, 0, "must be an object");
        return;
    }
    while (string(&here, &key, &size)) {
        size_t i = 0;
        while (i < SLUICE_SETTINGS && settings[i].name && (strlen(settings[i].name) != size || memcmp(settings[i].name, key, size))) i++;
        const bool known = i < SLUICE_SETTINGS && settings[i].name;
        take(&here, ':');
        cursor value = here;
        if (!known) problem(problems, at, key, size, "unknown setting");
        else if (!value_of(&settings[i], &value, &values[i])) wrong_value(problems, at, &settings[i]);
        if (known) given[i] = true;
        skip(&here);
        take(&here, ',');
    }
    for (size_t i = 0; i < SLUICE_SETTINGS && settings[i].name; i++)
        if (settings[i].required && !given[i]) problem(problems, at, (const uint8_t *)settings[i].name, strlen(settings[i].name), "must be given");
}
