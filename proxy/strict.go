package proxy

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// strictness is what a request head must be, byte for byte, before anybody looks at it (RFC 9110, RFC 9112). fasthttp
// is lenient where parsers differ (bare LF, obs-fold, spaces in names, TE beside CL): every form that
// two parsers could read differently is refused here, so that Blaze and the model server never disagree on where a
// request ends or which one it is.
type strictness struct {
	maxHead, maxFields int
}

var (
	tchar  = charset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	target = charset("!$&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz~%|{}^`")
	text   = textset()
)

func charset(s string) (set [256]bool) {
	for i := range len(s) {
		set[s[i]] = true
	}
	return set
}

// textset is what a field value may hold: tab, and everything from space up but DEL (RFC 9110, 5.5).
func textset() (set [256]bool) {
	for c := range 256 {
		set[c] = c == '\t' || c >= ' ' && c != 0x7f
	}
	return set
}

func all(b []byte, set *[256]bool) bool {
	for _, c := range b {
		if !set[c] {
			return false
		}
	}
	return true
}

// check returns nil, or the refusal and, for the log, what was wrong.
func (s strictness) check(h *fasthttp.RequestHeader) (*filters.Denial, string) {
	switch string(h.Protocol()) {
	case "HTTP/1.1", "HTTP/1.0":
	default:
		return filters.InvalidRequest, "version"
	}
	m := h.Method()
	if len(m) == 0 || len(m) > 20 || !all(m, &tchar) {
		return filters.InvalidRequest, "method"
	}
	for _, c := range m {
		if c >= 'a' && c <= 'z' {
			return filters.InvalidRequest, "method"
		}
	}
	if engine.Unforwardable(str(m)) {
		return filters.MethodNotAllowed, "method"
	}
	toOrigin(h)
	// The asterisk asks a server as a whole (RFC 9110, 9.3.7).
	if u := h.RequestURI(); (len(u) == 0 || u[0] != '/' || !all(u, &target)) && !asksServer(h) {
		return filters.InvalidRequest, "target"
	}
	raw := h.RawHeaders()
	if len(raw)+len(m)+len(h.RequestURI()) > s.maxHead {
		return filters.HeadersTooLarge, "head size"
	}
	return s.fields(raw, string(h.Protocol()) == "HTTP/1.1")
}

// framing counts the fields that say where a request ends and whose it is.
type framing struct {
	host, length, encoding, contentType, authorization int
	expects                                            bool // something else than 100-continue
}

// toOrigin brings a target in absolute form, which a server must accept (RFC 9112, 3.2.2), into the origin form that is
// judged and forwarded. One whose authority is not the Host field's stays as it is, and is refused: two servers could take
// it for two hosts. So is one without a path, which means * to OPTIONS and / to the others.
func toOrigin(h *fasthttp.RequestHeader) {
	u := h.RequestURI()
	const scheme = "http://"
	if len(u) <= len(scheme) || u[0] == '/' {
		return
	}
	if s := len("https://"); len(u) > s && bytes.EqualFold(u[:s], []byte("https://")) {
		u = u[s:]
	} else if bytes.EqualFold(u[:len(scheme)], []byte(scheme)) {
		u = u[len(scheme):]
	} else {
		return
	}
	if i := bytes.IndexByte(u, '/'); i > 0 && bytes.EqualFold(u[:i], h.Host()) {
		h.SetRequestURIBytes(u[i:])
	}
}

// asksServer reports whether the request is OPTIONS *, about the server and no path of it.
func asksServer(h *fasthttp.RequestHeader) bool {
	return string(h.RequestURI()) == "*" && string(h.Method()) == "OPTIONS"
}

func (s strictness) fields(raw []byte, http11 bool) (*filters.Denial, string) {
	var f framing
	for n := 0; ; n++ {
		i := bytes.IndexByte(raw, '\n')
		if i < 1 || raw[i-1] != '\r' {
			return filters.InvalidRequest, "line end"
		}
		line := raw[:i-1]
		raw = raw[i+1:]
		if len(line) == 0 {
			break
		}
		if n >= s.maxFields {
			return filters.HeadersTooLarge, "number of fields"
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || len(name) == 0 || !all(name, &tchar) {
			return filters.InvalidRequest, "field name"
		}
		if !upstream.FieldText(value) {
			return filters.InvalidRequest, "field value"
		}
		if why := f.field(name, bytes.Trim(value, " \t"), http11); why != "" {
			return filters.InvalidRequest, why
		}
	}
	switch {
	case f.host != 1:
		return filters.InvalidRequest, "host"
	case f.length > 0 && f.encoding > 0:
		return filters.InvalidRequest, "content-length with transfer-encoding"
	case len(raw) > 0:
		return filters.InvalidRequest, "line end"
	case f.expects:
		// nginx ignores what it does not know and Envoy passes it on, so that nobody meets it and nobody says so. It may be
		// answered 417 (RFC 9110, 10.1.1), which tells the client which field to leave out.
		return filters.ExpectationFailed, "expect"
	}
	return nil, ""
}

// field checks the fields that have a meaning for framing or identity; the others pass. It returns what is wrong.
func (f *framing) field(name, value []byte, http11 bool) string {
	is := func(s string) bool { return len(name) == len(s) && bytes.EqualFold(name, []byte(s)) }
	switch len(name) {
	case 4:
		if is("host") {
			if f.host++; f.host > 1 || !validHost(value) {
				return "host"
			}
		}
	case 6:
		if is("expect") && !bytes.EqualFold(value, []byte("100-continue")) {
			f.expects = true
		}
	case 12:
		if is("content-type") {
			if f.contentType++; f.contentType > 1 {
				return "content-type"
			}
		}
	case 13:
		if is("authorization") {
			if f.authorization++; f.authorization > 1 {
				return "authorization"
			}
		}
	case 14:
		if is("content-length") {
			if f.length++; f.length > 1 || !validLength(value) {
				return "content-length"
			}
		}
		if is("content_length") {
			return "field name"
		}
	case 17:
		if is("transfer-encoding") {
			if f.encoding++; f.encoding > 1 || !http11 || !bytes.EqualFold(value, []byte("chunked")) {
				return "transfer-encoding"
			}
		}
		if is("transfer_encoding") {
			return "field name"
		}
	}
	return ""
}

// validHost accepts a name or address with an optional port: nothing that a parser could take for userinfo, a path, a
// list or a fragment.
func validHost(v []byte) bool {
	if len(v) == 0 || len(v) > 255+6 {
		return false
	}
	for _, c := range v {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}

func validLength(v []byte) bool {
	if len(v) == 0 || len(v) > 15 || len(v) > 1 && v[0] == '0' {
		return false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
