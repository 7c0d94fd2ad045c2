package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// entry is one line of a corpus file; which fields are set depends on the file.
type entry struct {
	ID       string          `json:"id"`
	Label    string          `json:"label"` // attack, benign or injection
	Class    string          `json:"cat"`
	Source   string          `json:"src"`
	Payload  string          `json:"p"`
	Method   string          `json:"method"`
	URI      string          `json:"uri"`
	Headers  [][2]string     `json:"headers"`
	Body     []byte          `json:"body_b64"`
	Raw      []byte          `json:"raw_b64"` // the whole request, instead of the five above
	Messages json.RawMessage `json:"messages"`
	Tools    json.RawMessage `json:"tools"`
}

// corpus is what a folder holds.
type corpus struct {
	payloads, requests, prompts []entry
}

// read reads the folder's six files. One that is missing is an error, so that no run measures less than it says.
func read(folder string) (*corpus, error) {
	c := &corpus{}
	var errs []error
	for _, f := range []struct {
		into  *[]entry
		names []string
	}{
		{&c.payloads, []string{"payloads-attack.jsonl", "payloads-benign.jsonl"}},
		{&c.requests, []string{"requests-attack.jsonl", "requests-benign.jsonl"}},
		{&c.prompts, []string{"prompts-benign.jsonl", "prompts-injection.jsonl"}},
	} {
		for _, name := range f.names {
			entries, err := lines(filepath.Join(folder, name))
			errs = append(errs, err)
			*f.into = append(*f.into, entries...)
		}
	}
	return c, errors.Join(errs...)
}

func lines(path string) ([]entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var out []entry
	s := bufio.NewScanner(file)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e entry
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, len(out)+1, err)
		}
		out = append(out, e)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if len(out) == 0 {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("no cases")}
	}
	return out, nil
}
