package upstream

import (
	"bytes"
	"testing"
)

// Every byte at every place of values of every length up to three words.
func TestFieldText(t *testing.T) {
	n := 0
	for size := 1; size <= 24; size++ {
		for at := range size {
			for c := range 256 {
				b := bytes.Repeat([]byte{'~'}, size)
				b[at] = byte(c)
				b[size-1-at] |= 0x80 // neighbours of all kinds
				b[at] = byte(c)
				want := c == '\t' || c >= ' ' && c != 0x7f
				if got := FieldText(b); got != want {
					t.Fatalf("%q: got %v, want %v", b, got, want)
				}
				n++
			}
		}
	}
	if n != 256*24*25/2 || !FieldText(nil) {
		t.Errorf("%d cases", n)
	}
}
