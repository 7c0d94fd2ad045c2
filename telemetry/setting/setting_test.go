package setting

import "testing"

// TestBytes: a size is whole bytes; what could be meant otherwise is refused.
func TestBytes(t *testing.T) {
	f := func(text string, want Bytes, ok bool) {
		t.Helper()
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); (err == nil) != ok || ok && b != want {
			t.Errorf("%q: %d, %v; want %d, %v", text, b, err, want, ok)
		}
	}
	f("0", 0, true)
	f("16", 16, true)
	f("16B", 16, true)
	f(" 16 MiB ", 16<<20, true)
	f("1.5MiB", 3<<19, true)
	f("0.1GB", 100_000_000, true)
	f("0.1KiB", 102, true)
	f("16.0", 16, true)
	for _, text := range []string{"", "MiB", "1.5", "0.1", "0.5B", "1e3", "1e3MiB", "-1", "+1", "0x10", "inf", "NaN", "1_000", "1,5MiB", "16 M", "16mib", "9999999TiB", "1.2.3KiB", "."} {
		f(text, 0, false)
	}
}
