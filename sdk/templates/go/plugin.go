// Keeps the last characters of a field; every other one becomes *. It must not pass what it does not understand.
package main

import (
	"strings"
	"unicode/utf8"

	"my-plugin/sluice"
)

type keepLast struct{ N int }

func (settings keepLast) Mask(value sluice.Value, answer sluice.Answer) {
	switch {
	case value.Kind == sluice.Null:
		answer.Keep()
	case value.Kind == sluice.Text || value.IsNumber():
		stars, from := utf8.RuneCount(value.Data)-settings.N, len(value.Data)
		if stars <= 0 || settings.N == 0 { // none to spare: masked whole
			stars, settings.N = utf8.RuneCount(value.Data), 0
		}
		for range settings.N {
			_, size := utf8.DecodeLastRune(value.Data[:from])
			from -= size
		}
		answer.Text(strings.Repeat("*", stars) + string(value.Data[from:]))
	default:
		answer.Reject(0) // by its index below
	}
}

func init() {
	sluice.Register(sluice.Plugin{
		Name: "my-plugin", Version: "0.1.0", Summary: "Keeps the last characters of a field.",
		Properties: `{"n": {"description": "Characters that stay.", "type": "integer", "minimum": 0, "maximum": 1000, "default": 4}}`,
		Rejections: []string{"not_text"},
		Field:      sluice.Read(keepLast{N: 4}),
	})
}
