package proxy_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// reference reads a client's bytes as RFC 9110 and RFC 9112 have them, in the plainest way and with no code of Blaze's or
// fasthttp's: what TestGrammar holds Blaze's reading against.
type reference struct{ in string }

// verdict is what may become of a request.
type verdict uint8

const (
	sound    verdict = iota // legal and usual: it must pass
	doubtful                // legal but unusual, or a matter of policy: it passes as it is, or is refused
	unserved                // well-formed and not for Blaze to serve: refused, and where it ends is known
	broken                  // refused, and nothing behind it is a request any more
	partial                 // it does not end: nothing passes
)

// read is one request as the reference reads it.
type read struct {
	verdict
	why                  string
	method, target, body string
	fields               []string // name: value, the name in lower case; those that must reach the model server, sorted
	last                 bool     // the connection ends behind it
	expects              bool
	http11, absolute     bool
	host, length, coding []string
	listed               []string
	other                [][2]string
}

// ownFields are those that never reach the model server as the client wrote them.
var ownFields = []string{"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect", "proxy-connection"}

// all reads requests to the end of the input, or to the first that is broken, partial or the last.
func (r *reference) all() (list []read) {
	for r.in != "" {
		q := read{}
		r.request(&q)
		list = append(list, q)
		if q.verdict >= broken || q.last {
			break
		}
	}
	return list
}

// worse sets the verdict to v, if it is worse than what it is.
func (q *read) worse(v verdict, why string) bool {
	if v > q.verdict {
		q.verdict, q.why = v, why
	}
	return false
}

// line cuts a line off the input. It must end in CRLF and hold neither CR nor LF.
func (r *reference) line(q *read) (string, bool) {
	line, rest, ok := strings.Cut(r.in, "\n")
	if !ok {
		r.in = ""
		return "", q.worse(partial, "no line end")
	}
	r.in = rest
	line, ok = strings.CutSuffix(line, "\r")
	if !ok || strings.Contains(line, "\r") {
		return "", q.worse(broken, "line end")
	}
	return line, true
}

func (r *reference) request(q *read) {
	line, ok := r.line(q)
	for empty := 0; ok && line == "" && empty < 8; empty++ {
		if empty > 0 {
			q.worse(doubtful, "several empty lines before the request")
		}
		line, ok = r.line(q)
	}
	if ok && q.requestLine(line) && r.head(q) && q.judge() && r.content(q) {
		for _, f := range q.other {
			if !slices.Contains(q.listed, f[0]) || f[0] == "content-type" || f[0] == "cookie" {
				q.fields = append(q.fields, f[0]+": "+f[1])
			}
		}
		slices.Sort(q.fields)
	}
}

// Parts of the grammar, as regular expressions.
const (
	word     = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	space    = `[ \t]*`
	controls = `\x00-\x08\x0a-\x1f\x7f`
)

var (
	tokenForm   = regexp.MustCompile(`^` + word + `$`)
	tokenList   = regexp.MustCompile(`^` + word + `(` + space + `,` + space + word + `)*$`)
	versionForm = regexp.MustCompile(`^HTTP/[0-9]\.[0-9]$`)
	plainTarget = regexp.MustCompile(`^/[a-z/]*(\?[a-z0-9=&]*)?$`)
	plainHost   = regexp.MustCompile(`(?i)^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$`)
	plainCookie = regexp.MustCompile("^" + word + "=[!#-+\\--:<-\\[\\]-~]*$")
	foreignHost = regexp.MustCompile(`[^A-Za-z0-9._:\[\]!$&'()*+,;=~%-]`)
	sizeForm    = regexp.MustCompile(`^([0-9A-Fa-f]+)(.*)$`)
	extForm     = regexp.MustCompile(`^(;` + word + `(=(` + word + `|"([^"\\` + controls + `]|\\[^` + controls + `])*"))?)*$`)
	spacedForm  = regexp.MustCompile(`^(` + space + `;` + space + word + `(` + space + `=` + space + `(` + word + `|"([^"\\` + controls + `]|\\[^` + controls + `])*"))?)*$`)
)

func (q *read) requestLine(line string) bool {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !tokenForm.MatchString(parts[0]) {
		return q.worse(broken, "request line")
	}
	q.method, q.target = parts[0], parts[1]
	if !versionForm.MatchString(parts[2]) {
		return q.worse(broken, "version")
	}
	if q.http11 = parts[2] == "HTTP/1.1"; !q.http11 && parts[2] != "HTTP/1.0" {
		return q.worse(broken, "version")
	}
	switch {
	case q.method == "CONNECT" || q.method == "TRACE":
		q.worse(unserved, "method")
	case !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}, q.method):
		q.worse(doubtful, "method")
	}
	return q.targetForm()
}

func (q *read) targetForm() bool {
	for i := range len(q.target) {
		if c := q.target[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`#\"<>`, c) >= 0 {
			return q.worse(broken, "target")
		}
	}
	scheme := asciiLower(q.target[:min(len(q.target), 7)])
	switch {
	case q.target == "*" && q.method == "OPTIONS":
		q.worse(doubtful, "a server as a whole")
	case plainTarget.MatchString(q.target) && !strings.Contains(q.target, "//"):
	case strings.HasPrefix(q.target, "/"):
		q.worse(doubtful, "target")
	case scheme == "http://" || scheme == "https:/":
		q.absolute = true
		q.worse(doubtful, "absolute form")
	default:
		q.worse(unserved, "target")
	}
	return true
}

// fieldLine reads name ":" OWS value OWS.
func (q *read) fieldLine(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	if !ok || !tokenForm.MatchString(name) {
		return "", "", q.worse(broken, "field name")
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "", "", q.worse(broken, "field value")
		}
	}
	return asciiLower(name), strings.Trim(value, " \t"), true
}

func (r *reference) head(q *read) bool {
	for {
		line, ok := r.line(q)
		if !ok || line == "" {
			return ok
		}
		name, value, ok := q.fieldLine(line)
		if !ok {
			return false
		}
		switch name {
		case "host":
			q.host = append(q.host, value)
		case "content-length":
			q.length = append(q.length, value)
		case "transfer-encoding":
			q.coding = append(q.coding, asciiLower(value))
		case "connection":
			for v := range strings.SplitSeq(asciiLower(value), ",") {
				q.listed = append(q.listed, strings.Trim(v, " \t"))
			}
		case "expect":
			if q.expects = true; !strings.EqualFold(value, "100-continue") {
				q.worse(doubtful, "expectation")
			}
		case "trailer":
			if !tokenList.MatchString(value) {
				q.worse(doubtful, "trailer")
			}
		case "content_length", "transfer_encoding", "authorization", "content-encoding", "upgrade":
			q.worse(doubtful, name)
		case "content-type", "user-agent", "cookie":
			if slices.ContainsFunc(q.other, func(f [2]string) bool { return f[0] == name }) {
				q.worse(doubtful, name+" twice")
			}
		}
		if name == "cookie" && !plainCookie.MatchString(value) {
			q.worse(doubtful, "cookie") // what is no cookie-pair (RFC 6265, 4.2.1) goes no further
		}
		if !slices.Contains(ownFields, name) {
			q.other = append(q.other, [2]string{name, value})
		}
	}
}

// judge decides what the fields together say of framing and host.
func (q *read) judge() bool {
	if q.last = slices.Contains(q.listed, "close") || !q.http11 && !slices.Contains(q.listed, "keep-alive"); len(q.host) > 1 {
		return q.worse(broken, "two hosts")
	}
	switch {
	case len(q.host) == 0 && q.http11:
		return q.worse(broken, "no host")
	case len(q.host) == 0:
		q.worse(doubtful, "no host")
	case q.host[0] == "" || foreignHost.MatchString(q.host[0]):
		return q.worse(broken, "host")
	case !plainHost.MatchString(q.host[0]):
		q.worse(doubtful, "host")
	}
	if q.absolute {
		authority, path, _ := strings.Cut(strings.SplitN(q.target, "//", 2)[1], "/")
		if len(q.host) != 1 || !strings.EqualFold(authority, q.host[0]) {
			q.worse(unserved, "another authority than Host")
		}
		q.target = "/" + path
	}
	switch {
	case len(q.coding) > 0 && (len(q.length) > 0 || len(q.coding) > 1 || q.coding[0] != "chunked" || !q.http11):
		return q.worse(broken, "transfer-encoding")
	case len(q.length) > 1:
		return q.worse(broken, "content-length")
	}
	return true
}

func (r *reference) content(q *read) bool {
	if len(q.coding) > 0 {
		return r.chunks(q)
	}
	if len(q.length) == 0 {
		return true
	}
	n, err := strconv.ParseUint(q.length[0], 10, 63)
	if err != nil || strings.Trim(q.length[0], "0123456789") != "" {
		return q.worse(broken, "content-length")
	}
	if fmt.Sprint(n) != q.length[0] {
		return q.worse(broken, "leading zeros") // legal, but octal to some: refused here and nothing behind it is read
	}
	return r.take(q, n)
}

// take moves n bytes from the input to the body.
func (r *reference) take(q *read, n uint64) bool {
	if n > uint64(len(r.in)) {
		return q.worse(partial, "the body ends early")
	}
	q.body += r.in[:n]
	r.in = r.in[n:]
	return true
}

func (r *reference) chunks(q *read) bool {
	for {
		line, ok := r.line(q)
		if !ok {
			return false
		}
		m := sizeForm.FindStringSubmatch(line)
		if m == nil || !extForm.MatchString(m[2]) && !spacedForm.MatchString(m[2]) {
			return q.worse(broken, "chunk size")
		}
		if !extForm.MatchString(m[2]) {
			q.worse(doubtful, "space in a chunk extension")
		}
		n, err := strconv.ParseUint(m[1], 16, 63)
		if err != nil || len(m[1]) > 15 {
			return q.worse(broken, "chunk size")
		}
		if n == 0 {
			return r.trailer(q)
		}
		if !r.take(q, n) {
			return false
		}
		if line, ok = r.line(q); !ok || line != "" {
			return q.worse(broken, "chunk end")
		}
	}
}

func (r *reference) trailer(q *read) bool {
	for {
		line, ok := r.line(q)
		if !ok || line == "" {
			return ok
		}
		name, _, ok := q.fieldLine(line)
		if !ok {
			return false
		}
		if slices.Contains(ownFields, name) {
			q.worse(doubtful, "trailer")
		}
	}
}

// asciiLower is strings.ToLower without Unicode: a Kelvin sign is no k.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
