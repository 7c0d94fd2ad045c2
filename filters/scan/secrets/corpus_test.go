package secrets

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// prompts reads the harmless prompts of the shared corpora, each as its messages' texts.
func prompts(t *testing.T) (texts [][]byte) {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "corpora", "prompts-benign.jsonl"))
	if err != nil {
		t.Skip("the shared corpora are not here")
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var p struct {
			Messages []struct{ Content json.RawMessage }
		}
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, m := range p.Messages {
			var s string
			if json.Unmarshal(m.Content, &s) != nil {
				s = string(m.Content)
			}
			all = append(append(all, s...), '\n')
		}
		texts = append(texts, all)
	}
	return texts
}

// TestBenignPrompts counts in how many harmless prompts each kind is found. Addresses, phone numbers and examples of keys
// do occur in them; what a kind finds there was looked at by hand, and the bound keeps it from growing.
func TestBenignPrompts(t *testing.T) {
	texts := prompts(t)
	f := everything(t)
	count := make([]int, len(f.Kinds()))
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
		seen := map[int]bool{}
		for _, s := range f.Find(nil, text) {
			if !seen[s.Kind] {
				seen[s.Kind] = true
				count[s.Kind]++
			}
			if os.Getenv("SHOW") == f.Kinds()[s.Kind].ID {
				t.Logf("%q", text[max(0, s.From-30):min(len(text), s.To+10)])
			}
		}
	}
	if len(texts) < 5000 {
		t.Fatalf("only %d prompts", len(texts))
	}
	for i, k := range f.Kinds() {
		per := 1000 * float64(count[i]) / float64(len(texts))
		most, known := map[string]float64{"email": 6, "phone": 1, "url_password": 0.5, "webhook_url": 0.2}[k.ID]
		if !known {
			most = 0.13 // one
		}
		if count[i] > 0 {
			t.Logf("%-20s %5.2f per 1,000 prompts", k.ID, per)
		}
		if per > most {
			t.Errorf("%s in %.2f of 1,000 prompts, more than %.2f", k.ID, per, most)
		}
	}
	t.Logf("%d prompts, %d bytes", len(texts), bytes)
}
