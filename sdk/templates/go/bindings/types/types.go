// Package types has what the contract has and Go has not: options and results.
package types

const (
	OptionNone = 0
	OptionSome = 1
	ResultOk   = 0
	ResultErr  = 1
)

// Option is a value or none.
type Option[T any] struct {
	tag  uint8
	some T
}

func None[T any]() Option[T]          { return Option[T]{} }
func Some[T any](some T) Option[T]    { return Option[T]{OptionSome, some} }
func (option Option[T]) Tag() uint8   { return option.tag }
func (option Option[T]) Some() T      { return option.some }
func (option Option[T]) IsSome() bool { return option.tag == OptionSome }

// Result is a value or an error.
type Result[T, E any] struct {
	tag uint8
	ok  T
	err E
}

func Ok[T, E any](ok T) Result[T, E]   { return Result[T, E]{tag: ResultOk, ok: ok} }
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{tag: ResultErr, err: err} }
func (result Result[T, E]) Tag() uint8 { return result.tag }
func (result Result[T, E]) Ok() T      { return result.ok }
func (result Result[T, E]) Err() E     { return result.err }

// Unit is a value that says nothing.
type Unit struct{}
