// Package runtime gives the generated bindings memory that the host can write to and read from. It must not let the
// collector take what the host still uses.
package runtime

import (
	"runtime"
	"unsafe"
)

// What the host asked for to hold the arguments of the call that begins; after that the arguments themselves hold it.
var asked [][]uint64

func words(bytes uintptr) []uint64 { return make([]uint64, bytes/8+1) }

// Unpin lets go of the arguments, which the call holds by now.
func Unpin() {
	clear(asked)
	asked = asked[:0]
}

// Allocate returns memory that stays until the pinner lets go of it.
func Allocate(pinner *runtime.Pinner, size, _ uintptr) unsafe.Pointer {
	memory := words(size)
	pointer := unsafe.Pointer(unsafe.SliceData(memory))
	pinner.Pin(pointer)
	return pointer
}

// The host's way to ask for memory. Whatever crosses the border is aligned to 8 bytes at most.
//
//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, _, newSize uint32) unsafe.Pointer {
	memory := words(uintptr(newSize))
	asked = append(asked, memory)
	pointer := unsafe.Pointer(unsafe.SliceData(memory))
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(pointer), newSize), unsafe.Slice((*byte)(old), oldSize))
	}
	return pointer
}
