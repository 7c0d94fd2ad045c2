package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// agent is what clients that are not the case itself call themselves.
const agent = "OpenAI/Python 1.54.3"

// request is a request before it is bytes. The mark and the host are added when it is sent.
type request struct {
	method, target string
	headers        [][2]string
	body           []byte
	raw            []byte // instead of all above
	chunked        bool   // the body goes in small chunks, without its length
}

// bytes renders the request for host, marked with its probe's number. Names and values go as they are.
func (r *request) bytes(host string, number int) []byte {
	var b bytes.Buffer
	if r.raw != nil {
		line, rest, _ := bytes.Cut(r.raw, []byte("\n"))
		rest = hostLine.ReplaceAll(rest, []byte("${1}"+host+"${2}"))
		fmt.Fprintf(&b, "%s\n%s: %d\r\n%s", line, caseHeader, number, rest)
		return b.Bytes()
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n%s: %d\r\n", r.method, r.target, host, caseHeader, number)
	for _, h := range r.headers {
		if strings.EqualFold(h[0], "Host") {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	switch {
	case r.chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for piece := r.body; len(piece) > 0; {
			n := min(len(piece), 1021)
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, piece[:n])
			piece = piece[n:]
		}
		b.WriteString("0\r\n\r\n")
		return b.Bytes()
	case !r.framed() && (len(r.body) > 0 || r.method == "POST" || r.method == "PUT"):
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n")
	b.Write(r.body)
	return b.Bytes()
}

// framed says that the request brings its body's framing with it, true or not.
func (r *request) framed() bool {
	return slices.ContainsFunc(r.headers, func(h [2]string) bool {
		return strings.EqualFold(h[0], "Content-Length") || strings.EqualFold(h[0], "Transfer-Encoding")
	})
}

var hostLine = regexp.MustCompile(`(?im)^(Host:[ \t]*)[^\r\n]*(\r?)$`)

func get(target string, headers ...[2]string) *request {
	return &request{method: "GET", target: target, headers: append([][2]string{{"User-Agent", agent}}, headers...)}
}

func post(target, contentType string, body []byte) *request {
	return &request{method: "POST", target: target, body: body,
		headers: [][2]string{{"User-Agent", agent}, {"Accept", "*/*"}, {"Content-Type", contentType}}}
}

// part is one part of a multipart form; a file name makes it a file.
type part struct{ name, file, contentType, value string }

// boundary is no text of any case's.
const boundary = "----blaze-corpus-7f3a9c51e2"

// multipart is a form to the transcription route, names quoted as browsers do (HTML, section 4.10.22.8).
func multipart(parts ...part) *request {
	quote := strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")
	var b bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", boundary, quote.Replace(p.name))
		if p.file != "" {
			fmt.Fprintf(&b, "; filename=\"%s\"\r\nContent-Type: %s", quote.Replace(p.file), p.contentType)
		}
		fmt.Fprintf(&b, "\r\n\r\n%s\r\n", p.value)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return post("/v1/audio/transcriptions", "multipart/form-data; boundary="+boundary, b.Bytes())
}

// object is a JSON object under construction; json.Marshal sorts the keys.
type object = map[string]any

// chat is a chat completion of one harmless message, with more keys or others.
func chat(more object) *request {
	body := object{"model": "llama-3-8b", "messages": []any{object{"role": "user", "content": "Hello!"}}}
	for k, v := range more {
		body[k] = v
	}
	return post("/v1/chat/completions", "application/json", marshal(body))
}

// marshal encodes v, with <, > and & as they are, as clients other than Go's send them.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: " + err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}

// zipped is r with its body compressed.
func (r *request) zipped() *request {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(r.body) // a buffer takes all
	_ = z.Close()
	out := *r
	out.body = b.Bytes()
	return out.with("Content-Encoding", "gzip")
}

// with is a copy of r with one header more.
func (r *request) with(name, value string) *request {
	out := *r
	out.headers = append(r.headers[:len(r.headers):len(r.headers)], [2]string{name, value})
	return &out
}
