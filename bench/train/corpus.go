package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"

	"blaze/filters/scan/injection"
)

// folds is how often the corpus is divided for cross-validation.
const folds = 5

// example is one prompt of the corpus.
type example struct {
	class, source string
	attack        bool
	mayTrain      bool
	fold          int
	system        []string  // what the operator says; never judged
	messages      []message // what is judged
}

// message is one message as the scan judges it.
type message struct {
	tool  bool
	parts []string
	words []slots
	rules float64 // what the rules add, in logits
}

// slots are a word's features.
type slots struct{ one, pair uint32 }

// read reads the prompts of the corpus in folder, in the order of the files.
func read(folder string) (all []*example, err error) {
	for _, f := range []struct {
		name   string
		attack bool
	}{{"prompts-benign.jsonl", false}, {"prompts-injection.jsonl", true}} {
		examples, err := lines(filepath.Join(folder, f.name), f.attack)
		if err != nil {
			return nil, err
		}
		all = append(all, examples...)
	}
	return all, nil
}

func lines(path string, attack bool) (out []*example, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	s := bufio.NewScanner(file)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		e, err := parse(s.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, len(out)+1, err)
		}
		e.attack = attack
		out = append(out, e)
	}
	if len(out) == 0 && s.Err() == nil {
		return nil, fmt.Errorf("%s: %w", path, errors.New("no cases"))
	}
	return out, s.Err()
}

func parse(line []byte) (*example, error) {
	var in struct {
		ID, Cat, Src string
		Tools        []any
		Messages     []struct {
			Role    string
			Content any
		}
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return nil, err
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(in.ID))
	e := &example{class: in.Cat, source: in.Src, fold: int(h.Sum64() >> 20 % folds)}
	_, e.mayTrain = license(in.Src)
	for _, m := range in.Messages {
		parts := texts(nil, m.Content, "text")
		switch m.Role {
		case "assistant":
		case "system", "developer":
			e.system = append(e.system, parts...)
		default:
			e.add(m.Role == "tool", parts)
		}
	}
	for _, t := range in.Tools {
		e.add(false, texts(nil, t, ""))
	}
	return e, nil
}

func (e *example) add(tool bool, parts []string) {
	m := message{tool: tool, parts: parts}
	injection.Features(parts, tool, func(one, pair uint32) { m.words = append(m.words, slots{one, pair}) })
	if len(m.words) > 0 {
		e.messages = append(e.messages, m)
	}
}

// texts appends the strings in v, in an order of their own for objects: of objects only the members named only, when
// that is set.
func texts(out []string, v any, only string) []string {
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, x := range v {
			out = texts(out, x, only)
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if k == only || only == "" && k != "name" {
				out = texts(out, v[k], only)
			}
		}
	}
	return out
}

// last is the text that was said last.
func (e *example) last() string {
	if len(e.messages) == 0 {
		return ""
	}
	parts := e.messages[len(e.messages)-1].parts
	return parts[len(parts)-1]
}

// points asks the rules about every message, under a system prompt.
func (e *example) points(look *injection.Look, s *injection.Scorer, system []string) {
	look.Begin(s)
	for _, text := range system {
		look.Guard([]byte(text))
	}
	for i := range e.messages {
		m := &e.messages[i]
		look.Open(m.tool)
		for _, p := range m.parts {
			look.Text([]byte(p))
		}
		score := look.Close()
		m.rules = score.Points()
	}
}

func only(all []*example, keep func(*example) bool) (out []*example) {
	for _, e := range all {
		if keep(e) {
			out = append(out, e)
		}
	}
	return out
}
