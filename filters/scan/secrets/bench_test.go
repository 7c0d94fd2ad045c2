package secrets

import (
	"strings"
	"testing"
)

// BenchmarkFind measures the cost of clean text: prose, and code with many numbers.
func BenchmarkFind(b *testing.B) {
	f := everything(b)
	for name, text := range map[string]string{
		"prose":   strings.Repeat("Please explain in simple words how a transformer attends to the tokens before it, and why. ", 12)[:1024],
		"numbers": strings.Repeat("x[17] = 0x3f + 1024*9.81; t = 2024-05-17 12:30:45; id 48213; 12 34 56\n", 16)[:1024],
		"base64":  strings.Repeat("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", 24)[:1024],
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			whole, dst := []byte(text), []Span(nil)
			for b.Loop() {
				dst = f.Find(dst[:0], whole)
			}
		})
	}
}
