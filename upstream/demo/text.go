package demo

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
)

// opening begins every text that the backend makes, so that nobody takes it for a model's.
const opening = "You said: "

// longest bounds a text, in tokens, when nothing else does.
const longest = 4096

// strs reads a JSON string or a list of strings; anything else in a list (token numbers) is kept as it is written.
type strs []string

// UnmarshalJSON reads "a", ["a","b"], [1,2] (one text of numbers) or null.
func (s *strs) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = strs{one}
		if string(b) == "null" {
			*s = nil
		}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New("want a string or a list")
	}
	*s = nil
	for _, raw := range list {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		*s = append(*s, text)
	}
	if len(list) > 0 && list[0][0] != '"' && list[0][0] != '[' {
		*s = strs{strings.Join(*s, " ")}
	}
	return nil
}

// content reads a message's content: a string, or parts, of which the text counts.
type content string

// UnmarshalJSON reads "text", [{"type":"text","text":"…"},…] or null.
func (c *content) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '[' {
		return json.Unmarshal(b, (*string)(c))
	}
	var parts []struct{ Text string }
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	var texts []string
	for _, p := range parts {
		if p.Text != "" {
			texts = append(texts, p.Text)
		}
	}
	*c = content(strings.Join(texts, " "))
	return nil
}

// tokens splits text into words, each with the space before it: joined again they are the text.
func tokens(text string) []string {
	var out []string
	start, space := 0, true
	for i, r := range text {
		if unicode.IsSpace(r) && !space && i > start {
			out = append(out, text[start:i])
			start = i
		}
		space = unicode.IsSpace(r)
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

// speech is one text that the backend says.
type speech struct {
	tokens []string
	finish string // stop, or length when a bound ended it
}

func (s speech) text() string { return strings.Join(s.tokens, "") }

// say makes the text for a prompt: the prompt said back, repeated or cut to want tokens where want is not 0, at most
// limit tokens where limit is not 0, ended before the first of stop.
func say(prompt string, want, limit int, stop []string) speech {
	text := opening + prompt
	s := speech{tokens: tokens(text), finish: "stop"}
	if want > 0 {
		for base := tokens(" " + text); len(s.tokens) < want; {
			s.tokens = append(s.tokens, base...)
		}
		s.tokens = s.tokens[:want]
	}
	if limit == 0 {
		limit = max(longest, want)
	}
	if len(s.tokens) > limit {
		s.tokens, s.finish = s.tokens[:limit], "length"
	}
	whole := s.text()
	at := len(whole)
	for _, x := range stop {
		if i := strings.Index(whole, x); i >= 0 && x != "" {
			at = min(at, i)
		}
	}
	if at < len(whole) {
		s.tokens, s.finish = tokens(whole[:at]), "stop"
	}
	return s
}

// usage is the answer's account of tokens; a token is a word here.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

func account(prompt string, completion int) usage {
	p := len(tokens(prompt))
	return usage{p, completion, p + completion}
}

// envelope is what chat completions, completions and their streams' chunks are sent in.
type envelope struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	Model       string `json:"model"`
	Fingerprint string `json:"system_fingerprint"`
	Choices     []any  `json:"choices"`
	Usage       *usage `json:"usage,omitempty"`
}

// fingerprint says in the body what the x-demo-server field says too.
const fingerprint = "demo-test-server"

// streamOptions are a request's.
type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}
