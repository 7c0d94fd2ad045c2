package main

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// place puts a value somewhere in a request; nil where the protocol cannot carry the value there.
type place struct {
	name string
	put  func(value string) *request
}

// structural are the places where no prompt belongs.
func structural() []place {
	return []place{
		{"query", func(v string) *request { return get("/v1/models?title=" + inTarget(v)) }},
		{"path", func(v string) *request { return get("/v1/models/" + inTarget(v)) }},
		{"header", func(v string) *request { return inHeader("X-Custom", v) }},
		{"cookie", func(v string) *request { return get("/v1/models", [2]string{"Cookie", "theme=" + inCookie(v)}) }},
		{"form", func(v string) *request {
			return post("/v1/audio/transcriptions", "application/x-www-form-urlencoded", []byte("model=whisper-1&title="+url.QueryEscape(v)))
		}},
		{"multipart name", func(v string) *request { return audio(part{name: v, value: "1"}) }},
		{"multipart value", func(v string) *request { return audio(part{name: "title", value: v}) }},
		{"model", func(v string) *request { return chat(object{"model": v}) }},
		{"user", func(v string) *request { return chat(object{"user": v}) }},
		{"metadata.title", func(v string) *request { return chat(object{"metadata": object{"title": v}}) }},
		{"metadata key", func(v string) *request { return chat(object{"metadata": object{v: "1"}}) }},
		{"tool name", func(v string) *request {
			tool := object{"type": "function", "function": object{"name": v, "parameters": object{"type": "object"}}}
			return chat(object{"tools": []any{tool}})
		}},
	}
}

// decoys are structural places that bear the names of free text.
func decoys() []place {
	return []place{
		{"metadata.content", func(v string) *request { return chat(object{"metadata": object{"content": v}}) }},
		{"metadata.messages", func(v string) *request {
			return chat(object{"metadata": object{"messages": []any{object{"role": "user", "content": v}}}})
		}},
	}
}

// Places of one kind of value.
var (
	prompt  = place{"prompt", func(v string) *request { return chat(object{"messages": []any{object{"role": "user", "content": v}}}) }}
	picture = place{"image_url", func(v string) *request {
		parts := []any{object{"type": "text", "text": "What is this?"}, object{"type": "image_url", "image_url": object{"url": v}}}
		return chat(object{"messages": []any{object{"role": "user", "content": parts}}})
	}}
	fileName  = place{"file name", upload}
	userAgent = place{"user-agent", func(v string) *request {
		r := inHeader("User-Agent", v)
		if r != nil {
			r.headers = r.headers[1:] // the value's own takes the place of the client's
		}
		return r
	}}
	referer = place{"referer", func(v string) *request { return inHeader("Referer", v) }}
)

// belongs lists the places where a harmless value of a class is at home.
func belongs(class string) []place {
	s := structural()
	query, path, form, value, model, user, title, tool := s[0], s[1], s[4], s[6], s[7], s[8], s[9], s[11]
	switch class {
	case "user-agent":
		return []place{userAgent}
	case "referer":
		return []place{referer}
	case "image-url":
		return []place{picture}
	case "filename":
		return []place{fileName}
	case "model-id":
		return []place{model, path}
	case "tool-name":
		return []place{tool}
	case "email":
		return []place{user, query, title}
	}
	return []place{query, form, value, title}
}

var escaped = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// inTarget is a value in a query or path segment: one that brings its own escapes goes as it is but for the bytes that
// would end the segment, the value or the line.
func inTarget(v string) string {
	if !escaped.MatchString(v) {
		return strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
	}
	var b strings.Builder
	for i := range len(v) {
		if c := v[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("#&/?", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// inCookie keeps what a cookie can hold, and escapes what would end it.
func inCookie(v string) string {
	var b strings.Builder
	for i := range len(v) {
		if c := v[i]; c < ' ' || c == 0x7f || c == ';' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func inHeader(name, v string) *request {
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return nil
	}
	return get("/v1/models", [2]string{name, v})
}

// audio is a transcription with one part more.
func audio(p part) *request {
	return multipart(part{name: "model", value: "whisper-1"}, p, part{name: "file", file: "speech.wav", contentType: "audio/wav", value: wave})
}

// wave is the head of a WAV file and eight silent samples.
const wave = "RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x08\x00\x00\x00\x80\x80\x80\x80\x80\x80\x80\x80"

// upload is a file of that name, with content that the name promises, or text.
func upload(name string) *request {
	kind, content := "text/plain", "Some plain text.\n"
	lower := strings.ToLower(name)
	for _, f := range [][3]string{
		{".png", "image/png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"},
		{".jpg", "image/jpeg", "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"},
		{".jpeg", "image/jpeg", "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"},
		{".gif", "image/gif", "GIF89a\x01\x00\x01\x00\x80\x00\x00"},
		{".pdf", "application/pdf", "%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"},
		{".wav", "audio/wav", wave},
		{".json", "application/json", "{\"a\": 1}\n"},
		{".zip", "application/zip", "PK\x05\x06" + strings.Repeat("\x00", 18)},
	} {
		if strings.HasSuffix(lower, f[0]) {
			kind, content = f[1], f[2]
		}
	}
	return multipart(part{name: "model", value: "whisper-1"}, part{name: "file", file: name, contentType: kind, value: content})
}
