package sluice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	contract "my-plugin/bindings/imports/sluice_plugin_types"
)

// Read reads the settings of a field into a struct that has its defaults.
func Read[T Settings](defaults T) func([]byte) (Settings, error) {
	return func(settings []byte) (Settings, error) {
		field := defaults
		err := json.Unmarshal(settings, &field)
		return field, err
	}
}

// A JSON Schema, as far as settings need one.
type schema struct {
	Type             string
	Minimum, Maximum *json.Number
	Enum             []any
}

// What is wrong with settings: keys that are not known, values that their schema does not allow, keys that are missing.
func problemsOf(settings []byte, at, properties string, required []string) (problems []contract.Problem) {
	problem := func(key, message string) {
		token := strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		problems = append(problems, contract.Problem{At: at + "/" + token, Message: message})
	}
	var schemas map[string]schema
	if err := json.Unmarshal([]byte(properties), &schemas); err != nil {
		return []contract.Problem{{At: at, Message: "the plugin's own Properties are not JSON: " + err.Error()}}
	}
	var given map[string]any
	decoder := json.NewDecoder(bytes.NewReader(settings))
	decoder.UseNumber()
	if err := decoder.Decode(&given); err != nil {
		return []contract.Problem{{At: at, Message: "must be an object"}}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if schema, known := schemas[key]; !known {
			problem(key, "unknown setting")
		} else if message := schema.refuses(given[key]); message != "" {
			problem(key, message)
		}
	}
	for _, key := range required {
		if _, there := given[key]; !there {
			problem(key, "must be given")
		}
	}
	return problems
}

// What a value should be instead; nothing where it is right.
func (schema schema) refuses(value any) string {
	number, isNumber := value.(json.Number)
	integer, err := number.Int64()
	_, isText := value.(string)
	_, isBoolean := value.(bool)
	switch {
	case schema.Type == "integer" && (!isNumber || err != nil):
		return "must be an integer"
	case schema.Type == "string" && !isText:
		return "must be text"
	case schema.Type == "boolean" && !isBoolean:
		return "must be true or false"
	case len(schema.Enum) > 0 && !slices.Contains(schema.Enum, value):
		return fmt.Sprintf("must be one of %v", schema.Enum)
	}
	if schema.Minimum != nil {
		if least, err := schema.Minimum.Int64(); err == nil && integer < least {
			return fmt.Sprintf("must be at least %d", least)
		}
	}
	if schema.Maximum != nil {
		if most, err := schema.Maximum.Int64(); err == nil && integer > most {
			return fmt.Sprintf("must be at most %d", most)
		}
	}
	return ""
}
