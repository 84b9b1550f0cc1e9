// Package sluice is what a masking plugin is written with: a function from a value to an answer, and settings with their
// schema. It must not decide what becomes of a value: one that is not answered fails the call in the host, which is the
// point.
//
// What is not here is in my-plugin/bindings, the contract as Go has it: keyed hashes, tables, windows, counters, the log.
package sluice

import (
	"encoding/json"
	"slices"
	"strconv"

	contract "my-plugin/bindings/imports/sluice_plugin_types"
	"my-plugin/bindings/types"
)

// Kind is what a value is, and so how its bytes read.
type Kind = uint8

const (
	Null    Kind = 0 // no bytes
	Boolean Kind = 1 // true or false
	Integer Kind = 2 // the exact text of an integer of any length
	Decimal Kind = 3 // the exact text of a number that is not an integer
	Text    Kind = 4 // UTF-8
	Bytes   Kind = 5 // as they are
)

// Value is one value of a batch. Its bytes are there until Mask returns.
type Value struct {
	Kind Kind
	Data []byte
}

// IsNumber says whether it is a number, integer or not.
func (value Value) IsNumber() bool { return value.Kind == Integer || value.Kind == Decimal }

// Settings is what a step says about one field, read from JSON. It masks that field.
type Settings interface {
	Mask(value Value, answer Answer)
}

// Plugin is what a plugin is.
type Plugin struct {
	Name       string   // [a-z][a-z0-9-]*; steps name the plugin by it
	Version    string   // semantic
	Summary    string   // one sentence
	Properties string   // JSON: the settings of a field, each with its JSON Schema; other settings are refused
	Required   []string // those without a default
	Rejections []string // codes, [a-z][a-z0-9_]*
	// Field reads the settings of one field; Read does it for a struct. What is wrong with them is the error.
	Field func(settings []byte) (Settings, error)
}

var (
	plugin Plugin
	fields []Settings
)

// Register makes the plugin the one of this component. Call it once, from an init function.
func Register(one Plugin) { plugin = one }

// Describe is called by the host, as Init and Transform are.
func Describe() contract.Description {
	required, _ := json.Marshal(append([]string{}, plugin.Required...)) // a list of strings is always JSON
	effects := contract.Effects_EditFields
	if len(plugin.Rejections) > 0 {
		effects |= contract.Effects_Reject
	}
	return contract.Description{
		Name:           plugin.Name,
		Version:        plugin.Version,
		Summary:        plugin.Summary,
		SettingsSchema: `{"type":"object","additionalProperties":false}`,
		FieldSettingsSchema: `{"type":"object","additionalProperties":false,"properties":` + plugin.Properties +
			`,"required":` + string(required) + `}`,
		Effects:    effects,
		Rejections: plugin.Rejections,
	}
}

// Init makes the instance of a step.
func Init(settings string, grants contract.Grants) types.Result[types.Unit, []contract.Problem] {
	problems := problemsOf([]byte(settings), "/settings", "{}", nil)
	fields = fields[:0]
	for n, grant := range grants.Fields {
		at := "/fields/" + strconv.Itoa(n)
		found := problemsOf([]byte(grant.Settings), at, plugin.Properties, plugin.Required)
		if len(found) == 0 {
			field, err := plugin.Field([]byte(grant.Settings))
			if err != nil {
				found = append(found, contract.Problem{At: at, Message: err.Error()})
			}
			fields = append(fields, field)
		}
		problems = append(problems, found...)
	}
	if len(problems) > 0 {
		return types.Err[types.Unit](problems)
	}
	return types.Ok[types.Unit, []contract.Problem](types.Unit{})
}

// Transform takes the plugin through the columns of a batch.
func Transform(batch contract.Batch) types.Result[contract.Changes, uint32] {
	var changes contract.Changes
	for n, column := range batch.Fields {
		answer := Answer{answers: newAnswers(column), rejected: &changes.Rejected}
		start := uint32(0)
		for i, end := range column.Ends {
			answer.row = column.Rows[i]
			fields[n].Mask(Value{column.Kinds[i], column.Data[start:end]}, answer)
			start = end
		}
		changes.Fields = append(changes.Fields, contract.FieldAnswers{Field: uint32(n), Answers: *answer.answers})
	}
	// Rows ascend, each once: the first reason of a record counts.
	row := func(a, b contract.Rejection) int { return int(a.Row) - int(b.Row) }
	slices.SortStableFunc(changes.Rejected, row)
	changes.Rejected = slices.CompactFunc(changes.Rejected, func(a, b contract.Rejection) bool { return a.Row == b.Row })
	return types.Ok[contract.Changes, uint32](changes)
}
