package engine

import (
	"bytes"
	"testing"
)

// plainSlowly is plainRun by its definition.
func plainSlowly(b []byte, i int) (int, bool) {
	ascii := true
	for ; i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' '; i++ {
		ascii = ascii && b[i] < 0x80
	}
	return i, ascii
}

// TestPlainRun puts every byte at every place of texts of every length around the blocks and words that plainRun goes by.
func TestPlainRun(t *testing.T) {
	n := 0
	for size := range 3*block + 9 {
		text := bytes.Repeat([]byte{'a'}, size)
		for at := range size {
			for _, c := range []byte{0, 0x1f, ' ', '!', '"', '#', '[', '\\', ']', 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
				text[at] = c
				for _, from := range []int{0, at / 2, at} {
					end, ascii := plainRun(text, from)
					if wantEnd, wantASCII := plainSlowly(text, from); end != wantEnd || ascii != wantASCII {
						t.Fatalf("%q from %d: %d, %v; want %d, %v", text, from, end, ascii, wantEnd, wantASCII)
					}
					n++
				}
			}
			text[at] = 'a'
		}
	}
	if n < 100_000 {
		t.Errorf("looked at %d texts only", n)
	}
}

func FuzzPlainRun(f *testing.F) {
	f.Add([]byte(`say "hi" to Zoë`), 0)
	f.Add(bytes.Repeat([]byte("0123456789abcdef\xc3\xa9"), 9), 3)
	f.Fuzz(func(t *testing.T, b []byte, i int) {
		if i < 0 || i > len(b) {
			return
		}
		end, ascii := plainRun(b, i)
		if wantEnd, wantASCII := plainSlowly(b, i); end != wantEnd || ascii != wantASCII {
			t.Fatalf("%q from %d: %d, %v; want %d, %v", b, i, end, ascii, wantEnd, wantASCII)
		}
	})
}

func BenchmarkPlainRun(b *testing.B) {
	text := bytes.Repeat([]byte("some words of prose, "), 1<<14)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		plainRun(text, 0)
	}
}

func BenchmarkPlainWords(b *testing.B) {
	text := bytes.Repeat([]byte("some words of prose, "), 1<<14)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		plainWords(text, 0)
	}
}
