package scan

import (
	"bytes"

	"blaze/filters"
	"blaze/filters/scan/detect"
)

// head judges path, query and headers.
func (p *pass) head() filters.Verdict {
	if v, bad := p.path(); bad {
		return v
	}
	if v, bad := p.pairs(p.x.Query, "query"); bad {
		return v
	}
	return p.headers()
}

// path judges the path where a client can choose a part of it: not on a route that has no parameter. The path as a whole
// meets the rules that a path cannot explain; each segment is a value of its own.
func (p *pass) path() (filters.Verdict, bool) {
	if r := p.x.Endpoint; r != nil && !hasParameter(r.Path) {
		return filters.Verdict{}, false
	}
	raw := p.x.Path.Raw
	if len(raw) == 0 {
		raw, _, _ = bytes.Cut(p.x.Request.RequestURI(), []byte{'?'})
	}
	at := spot{kind: "path"}
	p.value = appendUnescaped(p.value[:0], raw, false)
	if v, bad := p.judge(p.value, detect.Target, at); bad {
		return v, true
	}
	for len(raw) > 0 {
		var segment []byte
		segment, raw, _ = bytes.Cut(raw, []byte{'/'})
		p.value = appendUnescaped(p.value[:0], segment, false)
		if v, bad := p.judge(p.value, detect.Row, at); bad {
			return v, true
		}
	}
	return filters.Verdict{}, false
}

func hasParameter(path string) bool {
	for i := 0; i < len(path); i++ {
		if path[i] == '{' || path[i] == '*' {
			return true
		}
	}
	return false
}

// pairs judges the keys and values of a query or a form. Its parts are divided at & alone; what a parser might divide at
// a semicolon is seen as a part of the value.
func (p *pass) pairs(raw []byte, kind string) (filters.Verdict, bool) {
	where := detect.Query
	if kind == "form" {
		where = detect.Field
	}
	for len(raw) > 0 {
		var pair []byte
		pair, raw, _ = bytes.Cut(raw, []byte{'&'})
		key, value, _ := bytes.Cut(pair, []byte{'='})
		at := spot{kind: kind, name: key}
		if bytes.ContainsAny(key, "+%;<\"'(") && len(value) > 0 { // no name of a field: what stands around = may belong together
			p.value = appendUnescaped(p.value[:0], pair, true)
			if v, bad := p.judge(p.value, where, at); bad {
				return v, true
			}
		}
		p.value = appendUnescaped(p.value[:0], key, true)
		if v, bad := p.judge(p.value, where, at); bad {
			return v, true
		}
		p.value = appendUnescaped(p.value[:0], value, true)
		if v, bad := p.judge(p.value, where, at); bad {
			return v, true
		}
	}
	return filters.Verdict{}, false
}

// appendUnescaped undoes percent-encoding once, and + where it stands for a blank. What is no encoding stays.
func appendUnescaped(dst, src []byte, plus bool) []byte {
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case c == '%' && i+2 < len(src) && hexDigit[src[i+1]] > 0 && hexDigit[src[i+2]] > 0:
			c = (hexDigit[src[i+1]]-1)<<4 | (hexDigit[src[i+2]] - 1)
			i += 2
		case c == '+' && plus:
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// hexDigit is a hexadecimal digit's value plus one, or 0.
var hexDigit = func() (t [256]byte) {
	for i := byte(0); i < 10; i++ {
		t['0'+i] = i + 1
	}
	for i := byte(0); i < 6; i++ {
		t['a'+i], t['A'+i] = i+11, i+11
	}
	return t
}()
