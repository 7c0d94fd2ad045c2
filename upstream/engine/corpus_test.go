package engine

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus calls f for every line of a file of the shared corpora, which are not part of the repository.
func corpus(t *testing.T, name string, f func(line []byte)) {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "corpora", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the shared corpora are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		f(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// JSONTestSuite in chat bodies: all that is valid is read, all that is not is refused.
func TestCorpusJSON(t *testing.T) {
	valid, invalid := 0, 0
	type request struct {
		Cat, Name, URI string
		Body           []byte `json:"body_b64"`
	}
	parse := func(line []byte) (request, error) {
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		return r, new(Document).Parse(Chat, r.Body, Limits{})
	}
	corpus(t, "requests-benign.jsonl", func(line []byte) {
		if r, err := parse(line); r.Cat == "json-valid" {
			if valid++; err != nil {
				t.Errorf("%s: %v", r.Name, err)
			}
		}
	})
	corpus(t, "requests-attack.jsonl", func(line []byte) {
		if r, err := parse(line); r.Cat == "json-invalid" || r.Cat == "json-abuse" {
			if invalid++; err == nil {
				t.Errorf("%s (%s) is taken: %.120s", r.Name, r.Cat, r.Body)
			}
		}
	})
	if valid < 40 || invalid < 90 {
		t.Errorf("only %d valid and %d invalid bodies", valid, invalid)
	}
}

// Real prompts: the whole of what people write is text, and names of tools are tools.
func TestCorpusPromptsAreText(t *testing.T) {
	n := 0
	var d Document
	corpus(t, "prompts-benign.jsonl", func(line []byte) {
		var p struct{ Messages, Tools json.RawMessage }
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatal(err)
		}
		body := `{"model":"m","messages":` + string(p.Messages)
		if len(p.Tools) > 0 && string(p.Tools) != "null" {
			body += `,"tools":` + string(p.Tools)
		}
		if err := d.Parse(Chat, []byte(body+"}"), Limits{}); err != nil {
			t.Errorf("refused: %v: %.200s", err, body)
			return
		}
		n++
		for _, v := range d.Values {
			if v.Kind != Structure || len(d.Text(v)) < 40 {
				continue
			}
			if at := d.PathAt(v.Off); !slices.Contains([]string{"role", "id", "type", "tool_call_id", "name", "detail"}, at[strings.LastIndexByte(at, '.')+1:]) {
				t.Errorf("%s is structure: %.80q", at, d.Text(v))
			}
		}
	})
	if n < 7000 {
		t.Errorf("only %d prompts", n)
	}
}
