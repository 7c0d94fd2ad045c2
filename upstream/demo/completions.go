package demo

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strings"
)

type completionRequest struct {
	Model         string        `json:"model"`
	Prompt        strs          `json:"prompt"`
	Suffix        string        `json:"suffix"`
	Echo          bool          `json:"echo"`
	Stream        bool          `json:"stream"`
	StreamOptions streamOptions `json:"stream_options"`
	MaxTokens     int           `json:"max_tokens"`
	N             int           `json:"n"`
	Stop          strs          `json:"stop"`
}

func (s *Server) completions(w http.ResponseWriter, r *http.Request, c *call) {
	var q completionRequest
	if !s.decode(w, c, &q, &q.Model) {
		return
	}
	if len(q.Prompt) == 0 {
		q.Prompt = strs{""} // as engines do: a text from nothing
	}
	var said []speech
	count := 0
	for _, p := range q.Prompt {
		for range max(q.N, 1) {
			one := say(p, c.Tokens, q.MaxTokens, q.Stop)
			count += len(one.tokens)
			if q.Echo {
				one.tokens = append(tokens(p), one.tokens...)
			}
			if q.Suffix != "" {
				one.tokens = append(one.tokens, q.Suffix)
			}
			said = append(said, one)
		}
	}
	u := account(strings.Join(q.Prompt, " "), count)
	e := envelope{ID: fmt.Sprintf("cmpl-demo-%d", c.number), Object: "text_completion", Created: s.opts.Now().Unix(), Model: q.Model, Fingerprint: fingerprint}
	if q.Stream {
		if q.StreamOptions.IncludeUsage {
			e.Usage = &u
		}
		streamCompletions(s.events(w, r, c), e, said)
		return
	}
	for i, one := range said {
		e.Choices = append(e.Choices, textChoice{i, one.text(), &one.finish})
	}
	e.Usage = &u
	s.plain(w, r, c, e)
}

type textChoice struct {
	Index  int     `json:"index"`
	Text   string  `json:"text"`
	Finish *string `json:"finish_reason"`
}

func streamCompletions(f *frames, e envelope, said []speech) {
	u := e.Usage
	e.Usage = nil
	for i, one := range said {
		for _, token := range one.tokens {
			e.Choices = []any{textChoice{i, token, nil}}
			if !f.event(e) {
				return
			}
		}
		e.Choices = []any{textChoice{i, "", &one.finish}}
		if !f.event(e) {
			return
		}
	}
	f.usage(e, u)
}

type embeddingRequest struct {
	Model      string `json:"model"`
	Input      strs   `json:"input"`
	Dimensions int    `json:"dimensions"`
	Encoding   string `json:"encoding_format"`
}

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"`
}

// dimensions is the length of a vector when none is asked for; maxDimensions the longest that may be asked for.
const (
	dimensions    = 64
	maxDimensions = 4096
)

func (s *Server) embeddings(w http.ResponseWriter, r *http.Request, c *call) {
	var q embeddingRequest
	if !s.decode(w, c, &q, &q.Model) {
		return
	}
	if q.Dimensions == 0 {
		q.Dimensions = dimensions
	}
	if len(q.Input) == 0 {
		fail(w, 400, "input", "invalid_request", "input: want a text or a list")
		return
	}
	if q.Dimensions < 0 || q.Dimensions > maxDimensions {
		fail(w, 400, "dimensions", "invalid_request", fmt.Sprintf("dimensions: want 1 to %d", maxDimensions))
		return
	}
	data := []embedding{}
	for i, text := range q.Input {
		data = append(data, embedding{"embedding", i, encode(embed(text, q.Dimensions), q.Encoding)})
	}
	u := account(strings.Join(q.Input, " "), 0)
	s.plain(w, r, c, map[string]any{
		"object": "list", "model": q.Model, "data": data,
		"usage": map[string]int{"prompt_tokens": u.Prompt, "total_tokens": u.Total},
	})
}

// embed makes a unit vector that depends on the text alone.
func embed(text string, n int) []float32 {
	v, sum := make([]float32, n), 0.0
	for i := range v {
		h := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s", i, text))
		x := float64(int32(binary.BigEndian.Uint32(h[:]))) / (1 << 31)
		v[i], sum = float32(x), sum+x*x
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// encode writes a vector as a list, or as base64 of little-endian floats where the client asks for that.
func encode(v []float32, format string) any {
	if format != "base64" {
		return v
	}
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}
