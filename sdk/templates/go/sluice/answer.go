package sluice

import contract "my-plugin/bindings/imports/sluice_plugin_types"

// What becomes of a value.
const (
	keep uint8 = iota
	set
	remove
	reject
	clearing
)

// Answer is the answer to one value. Give it once, by one of its methods.
type Answer struct {
	row      uint32
	answers  *contract.Answers
	rejected *[]contract.Rejection
}

func newAnswers(column contract.Column) *contract.Answers {
	values := len(column.Rows)
	return &contract.Answers{
		Actions: make([]uint8, 0, values),
		Kinds:   make([]uint8, 0, values),
		Ends:    make([]uint32, 0, values),
		Data:    make([]uint8, 0, len(column.Data)),
	}
}

func (answer Answer) push(action uint8, kind Kind) {
	to := answer.answers
	to.Actions = append(to.Actions, action)
	to.Kinds = append(to.Kinds, kind)
	to.Ends = append(to.Ends, uint32(len(to.Data)))
}

// Keep lets the value stay, byte for byte.
func (answer Answer) Keep() { answer.push(keep, Null) }

// Set makes it this value; the bytes must read as the kind says.
func (answer Answer) Set(kind Kind, data []byte) {
	answer.answers.Data = append(answer.answers.Data, data...)
	answer.push(set, kind)
}

// Text makes it this text.
func (answer Answer) Text(text string) {
	answer.answers.Data = append(answer.answers.Data, text...)
	answer.push(set, Text)
}

// Null makes it null.
func (answer Answer) Null() { answer.push(set, Null) }

// Remove takes the field or array element away.
func (answer Answer) Remove() { answer.push(remove, Null) }

// Clear makes a text this one, and anything else null or its type's zero.
func (answer Answer) Clear(text string) {
	answer.answers.Data = append(answer.answers.Data, text...)
	answer.push(clearing, Text)
}

// Reject says that the record cannot be transformed: the index of a code in Plugin.Rejections.
func (answer Answer) Reject(code uint32) {
	answer.push(reject, Null)
	*answer.rejected = append(*answer.rejected, contract.Rejection{Row: answer.row, Code: code})
}
