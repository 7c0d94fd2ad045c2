package trace_test

import (
	"testing"

	"pgregory.net/rapid"

	"blaze/telemetry/trace"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestParse(t *testing.T) {
	f := func(in string, want bool) {
		t.Helper()
		c, ok := trace.Parse([]byte(in))
		if ok != want || ok != c.Valid() {
			t.Errorf("%q: got %v, want %v", in, ok, want)
		}
	}
	f(parent, true)
	f("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true)
	f("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true)
	f("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-holds", true)
	f("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what", false)
	f(parent+"-more", false)
	f("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)
	f("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false)
	f("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false)
	f("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false)
	f("00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", false)
	f("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)
	f("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false)
	f("", false)
}

func TestStart(t *testing.T) {
	f := func(in string, share float64, wantSampled, wantOwn, wantSameTrace bool) {
		t.Helper()
		c := trace.Start([]byte(in), share)
		p, _ := trace.Parse([]byte(in))
		if c.Sampled != wantSampled || (c.SpanID != c.Parent) != wantOwn || (c.TraceID == p.TraceID) != wantSameTrace || !c.Valid() {
			t.Errorf("%q at %v: got %+v", in, share, c)
		}
		if next, ok := trace.Parse(c.Append(nil)); !ok || next.TraceID != c.TraceID || next.Parent != c.SpanID || next.Flags != c.Flags {
			t.Errorf("%q: what goes on is %s", in, c.Append(nil))
		}
	}
	f(parent, 1, true, true, true)
	f(parent, 0, false, false, true) // passed on as it came
	f("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", 1, false, false, true)
	f("", 1, true, true, false)
	f("", 0, false, true, false)
	f("junk", 1, true, true, false)
}

// The same traces are recorded wherever the share is the same, and about as many as it says.
func TestShareGoesByTheTrace(t *testing.T) {
	n := 0
	for range 4000 {
		c := trace.Start(nil, .25)
		again := trace.Start(trace.Context{TraceID: c.TraceID, SpanID: c.SpanID, Flags: 1}.Append(nil), .25)
		if again.Sampled != c.Sampled {
			t.Fatalf("%+v was sampled once", c)
		}
		if c.Sampled {
			n++
		}
	}
	if n < 800 || n > 1200 {
		t.Errorf("sampled %d of 4000, want about 1000", n)
	}
}

func TestHeaderCostsNoAllocation(t *testing.T) {
	in, out := []byte(parent), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { c := trace.Start(in, .5); out = c.Append(out[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 24, 24).Draw(rt, "ids")
		var c trace.Context
		copy(c.TraceID[:], b)
		copy(c.SpanID[:], b[16:])
		c.Flags = rapid.Byte().Draw(rt, "flags")
		got, ok := trace.Parse(c.Append(nil))
		if valid := c.Valid() && c.SpanID != [8]byte{}; ok != valid || ok && (got.TraceID != c.TraceID || got.Parent != c.SpanID || got.Flags != c.Flags) {
			rt.Errorf("%s: got %+v, %v", c.Append(nil), got, ok)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(parent))
	f.Add([]byte("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if c, ok := trace.Parse(in); ok && in[0] == '0' && in[1] == '0' && string(c.Append(nil)) != string(in) {
			t.Errorf("%q became %s", in, c.Append(nil))
		}
		trace.Start(in, .5)
	})
}
