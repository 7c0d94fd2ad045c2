package proxy

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	brotli "github.com/molecule-man/go-brrr"
)

// streamed compresses b as a stream whose length is not known, for a decoder with that window.
func streamed(t *testing.T, b []byte, window int) []byte {
	t.Helper()
	var out bytes.Buffer
	e, err := zstd.NewWriter(&out, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(b, max(1, len(b)/2)) {
		_, _ = e.Write(part)
		_ = e.Flush()
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestWindowsAreNarrowed: what a client's encoder announces is no matter, neither for what is decoded nor for memory.
func TestWindowsAreNarrowed(t *testing.T) {
	const limit = 64 << 10
	source := rand.New(rand.NewPCG(1, 2))
	ran := 0
	f := func(encoding string, plain, body []byte) {
		t.Helper()
		for _, limit := range []int64{limit, int64(len(plain)), 1 << 20, 32 << 20} {
			ran++
			got, err := decode(nil, encoding, body, limit)
			switch {
			case int64(len(plain)) > limit && !errors.Is(err, errTooMuch):
				t.Errorf("%s of %d bytes, at most %d: got %d, %v", encoding, len(plain), limit, len(got), err)
			case int64(len(plain)) <= limit && (err != nil || !bytes.Equal(got, plain)):
				t.Errorf("%s of %d bytes, at most %d: got %d, %v", encoding, len(plain), limit, len(got), err)
			}
		}
	}
	for _, size := range []int{1, 1200, limit - 1, limit, limit + 1, 300_000} {
		plain := make([]byte, size)
		for i := range plain {
			plain[i] = "abcdefgh the of and"[source.IntN(19)]
		}
		copy(plain[size/2:], plain) // repeats from as far back as there is
		for _, window := range []int{1 << 10, 64 << 10, 2 << 20, 8 << 20} {
			f("zstd", plain, streamed(t, plain, window))
		}
		for _, bits := range []int{10, 16, 17, 18, 22, 24} {
			var out bytes.Buffer
			w, err := brotli.NewWriterOptions(&out, 5, brotli.WriterOptions{LGWin: bits})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(plain)
			_ = w.Close()
			f("br", plain, out.Bytes())
		}
	}
	if ran < 6*4*(4+6) {
		t.Errorf("only %d", ran)
	}
	if _, err := decode(nil, "zstd", streamed(t, make([]byte, 100), 16<<20), limit); !errors.Is(err, errTooMuch) {
		t.Errorf("a window of 16 MiB: %v", err)
	}
}

// TestAnnouncedMemoryIsNotTaken: the head of a compressed body is a few bytes, and is believed nothing.
func TestAnnouncedMemoryIsNotTaken(t *testing.T) {
	zeros := make([]byte, 8<<20)
	bomb, err := brotli.Compress(zeros, 5)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		encoding string
		body     []byte
	}{
		// A window of 16 MiB, and a block of as many bytes, of which one comes.
		"brotli's block": {"br", []byte{0xcf, 0xff, 0xff, 0xff, 1}},
		"brotli's bomb":  {"br", bomb},
		"zstd's window":  {"zstd", streamed(t, make([]byte, 100), 8<<20)},
		"zstd's bomb":    {"zstd", streamed(t, zeros[:2<<20], 8<<20)},
	} {
		limit := max(int64(len(c.body))*maxRatio, minDecoded)
		var before, after runtime.MemStats
		runtime.GC() // pools are empty: what is counted is all of it
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, _ = decode(nil, c.encoding, c.body, limit)
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; made > 2<<20 {
			t.Errorf("%s: %d bytes cost %d", name, len(c.body), made)
		}
	}
}
