// What a masking plugin is written with: a function from a value to an answer, and settings with their schema. It must not
// decide what becomes of a value: one that is not answered fails the call in the host, which is the point.
//
// What is not here is in transform.h, the contract as C has it: keyed hashes, tables, windows, counters, the log.
#ifndef SLUICE_H
#define SLUICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a value is, and so how its bytes read.
enum {
    SLUICE_NULL = 0,    // no bytes
    SLUICE_BOOLEAN = 1, // true or false
    SLUICE_INTEGER = 2, // the exact text of an integer of any length
    SLUICE_DECIMAL = 3, // the exact text of a number that is not an integer
    SLUICE_TEXT = 4,    // UTF-8
    SLUICE_BYTES = 5,   // as they are
};

// One value of a batch. Its bytes are there until mask returns.
typedef struct {
    uint8_t kind;
    const uint8_t *data;
    size_t length;
} sluice_value;

static inline bool sluice_is_number(sluice_value value) {
    return value.kind == SLUICE_INTEGER || value.kind == SLUICE_DECIMAL;
}

// The answer to one value. Give it once, by one of these:
typedef struct sluice_answer sluice_answer;
void sluice_keep(sluice_answer *answer);                                         // it stays, byte for byte
uint8_t *sluice_set(sluice_answer *answer, uint8_t kind, size_t length);         // it becomes what you write there
void sluice_text(sluice_answer *answer, const char *text);                       // it becomes this text
void sluice_null(sluice_answer *answer);                                         // it becomes null
void sluice_remove(sluice_answer *answer);                                       // the field or array element goes
void sluice_clear(sluice_answer *answer, const char *text);                      // text: this one; else null or zero
void sluice_reject(sluice_answer *answer, uint32_t code);                        // the record cannot be transformed

#define SLUICE_SETTINGS 8   // most settings of a field
#define SLUICE_REJECTIONS 8 // most rejection codes

// The value of a setting, by its type. A text ends with a zero.
typedef union {
    int64_t integer;
    bool boolean;
    const char *text;
} sluice_setting_value;

// A setting of one field. One that the step does not give has its preset.
typedef struct {
    const char *name;
    const char *about; // a sentence for who writes the configuration
    uint8_t type;      // SLUICE_INTEGER, SLUICE_BOOLEAN or SLUICE_TEXT
    bool required;
    int64_t least, most; // of an integer
    sluice_setting_value preset;
} sluice_setting;

// What a plugin is. Define one, named plugin.
typedef struct {
    const char *name;    // [a-z][a-z0-9-]*; steps name the plugin by it
    const char *version; // semantic
    const char *summary; // one sentence
    sluice_setting settings[SLUICE_SETTINGS];
    const char *rejections[SLUICE_REJECTIONS]; // [a-z][a-z0-9_]*
    void (*mask)(const sluice_setting_value *settings, sluice_value value, sluice_answer *answer);
} sluice_plugin;
extern const sluice_plugin plugin;

#endif
