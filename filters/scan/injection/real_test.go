package injection

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// realPrompts are the prompts of the corpus, which is no part of the repository, as the scan judges them: by message.
func realPrompts(tb testing.TB, name string) (texts [][]byte, size int64) {
	tb.Helper()
	f, err := os.Open("../../../../shared/corpora/" + name)
	if err != nil {
		tb.Skipf("the corpus is not here: %v", err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var in struct {
			Messages []struct {
				Role    string
				Content any
			}
		}
		if err := json.Unmarshal(s.Bytes(), &in); err != nil {
			tb.Fatal(err)
		}
		for _, m := range in.Messages {
			if text, ok := m.Content.(string); ok && m.Role != "system" && m.Role != "assistant" {
				texts, size = append(texts, []byte(text)), size+int64(len(text))
			}
		}
	}
	return texts, size
}

// BenchmarkReal shows the cost of a byte of the corpus's harmless prompts, each a message of its own.
func BenchmarkReal(b *testing.B) {
	texts, size := realPrompts(b, "prompts-benign.jsonl")
	s, l := Default(), &Look{}
	b.SetBytes(size)
	for b.Loop() {
		for _, text := range texts {
			l.Begin(s)
			l.Open(false)
			l.Text(text)
			l.Close()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size)*1.024, "µs/KiB")
	b.ReportMetric(float64(len(texts)), "texts")
}
