package scan

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"blaze/filters"
	"blaze/filters/scan/detect"
	"blaze/filters/scan/upload"
)

// grammar says how a header's value is read.
type grammar uint8

const (
	field    grammar = iota // a value like any other
	agent                   // prose with a grammar of its own
	locus                   // a URL
	cookies                 // name=value; name=value
	fileName                // the name of an upload
	unjudged                // read and judged by somebody who knows it better: the proxy, auth
)

// grammars are the headers whose grammar explains what would be odd elsewhere. Names are as fasthttp writes them; any
// other name is a field.
var grammars = map[string]grammar{
	"User-Agent": agent, "Accept": agent, "Accept-Language": agent, "Accept-Encoding": agent, "Accept-Charset": agent,
	"Sec-Ch-Ua": agent, "Sec-Ch-Ua-Platform": agent, "Sec-Ch-Ua-Mobile": agent, "Sec-Ch-Ua-Full-Version-List": agent,
	"Content-Type": agent, "Via": agent, "Forwarded": agent, "Cache-Control": agent, "Keep-Alive": agent, "Priority": agent,
	"If-None-Match": agent, "If-Match": agent, "Prefer": agent, "Dnt": agent, "X-Stainless-Os": agent, "Cdn-Loop": agent,
	"Referer": locus, "Origin": locus, "X-Forwarded-Uri": field,
	"Cookie":     cookies,
	"X-Filename": fileName, "X_filename": fileName, "X.filename": fileName, "X-File-Name": fileName,
	"Authorization": agent, "Proxy-Authorization": agent,
	"Host": unjudged, "Content-Length": unjudged, "Transfer-Encoding": unjudged, "Connection": unjudged, "Upgrade": unjudged,
	"Sec-Websocket-Key": unjudged, "Sec-Websocket-Version": unjudged,
}

// headers judges every header's name and value, as they came: in fasthttp's own list, iterating costs memory. A line that is
// known to be clean is not looked at again.
func (p *pass) headers() filters.Verdict {
	for raw := p.x.Request.RawHeaders(); len(raw) > 0; {
		line := raw
		if end := bytes.IndexByte(raw, '\n'); end >= 0 {
			line, raw = raw[:end], raw[end+1:]
		} else {
			raw = nil
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if bearer(line) {
			continue
		}
		sum, known := p.known(p.f.clean, line, aHeader)
		if known {
			continue
		}
		if v, bad := p.header(line); bad {
			return v
		}
		p.learn(p.f.clean, sum)
	}
	return filters.Pass()
}

// bearer reports whether a line is a bearer's token and nothing else (token68 of RFC 9110, 11.2), and no path that climbs. Nothing in it
// can be an attack but what somebody decodes, and that is auth, which judges it. Every client has another, many a new one every few
// minutes: too many to remember, and a JSON Web Token is the dearest of all lines to judge.
func bearer(line []byte) bool {
	const prefix = "authorization: bearer "
	if len(line) <= len(prefix) || line[0]|0x20 != 'a' || !bytes.EqualFold(line[:len(prefix)], []byte(prefix)) {
		return false
	}
	token := bytes.TrimRight(line[len(prefix):], "=")
	for _, c := range token {
		if !token68[c] {
			return false
		}
	}
	return len(token) > 0 && !bytes.Contains(token, []byte(".."))
}

var token68 = func() (t [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/" {
		t[c] = true
	}
	return t
}()

func (p *pass) header(line []byte) (filters.Verdict, bool) {
	key, value, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return filters.Verdict{}, false
	}
	value = bytes.TrimSpace(value)
	p.key = fasthttp.AppendNormalizedHeaderKeyBytes(p.key[:0], key)
	g, known := grammars[string(p.key)]
	if g == unjudged {
		return filters.Verdict{}, false
	}
	at := spot{kind: "header", name: key}
	if !known {
		if v, bad := p.headerValue(key, field, at); bad {
			return v, true
		}
	}
	return p.headerValue(value, g, at)
}

func (p *pass) headerValue(value []byte, g grammar, at spot) (filters.Verdict, bool) {
	if g == cookies {
		return p.cookies(value)
	}
	if g == fileName && p.files {
		passes := func(rule string) bool { return p.exempt(hitUpload.String(), rule, at) }
		if why := upload.BadName(string(value), passes); why != "" {
			if v, bad := p.decide(hitUpload, p.f.cfg.Upload.Rule, why, at, excerpt(value, 0, len(value))); bad {
				return v, true
			}
			p.used = true // noted in shadow: not clean
		}
	}
	if v, bad := p.judge(value, placeOf(g), at); bad || g != locus {
		return v, bad
	}
	return p.locus(value, at)
}

func placeOf(g grammar) detect.Place {
	switch g {
	case agent:
		return detect.Agent
	case locus:
		return detect.Locus
	}
	return detect.Row
}

// locus judges the values in a URL's query: what a page was asked for is not the page's fault, so as prose.
func (p *pass) locus(url []byte, at spot) (filters.Verdict, bool) {
	_, query, _ := bytes.Cut(url, []byte{'?'})
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte{'&'})
		_, value, _ := bytes.Cut(pair, []byte{'='})
		p.value = appendUnescaped(p.value[:0], value, true)
		if v, bad := p.judge(p.value, detect.Agent, at); bad {
			return v, true
		}
	}
	return filters.Verdict{}, false
}

// cookies judges each cookie's name and value.
func (p *pass) cookies(raw []byte) (filters.Verdict, bool) {
	whole := raw
	for len(raw) > 0 {
		var pair []byte
		pair, raw, _ = bytes.Cut(raw, []byte{';'})
		key, value, _ := bytes.Cut(bytes.TrimLeft(pair, " "), []byte{'='})
		at := spot{kind: "cookie", name: key}
		if v, bad := p.judge(key, detect.Row, at); bad {
			return v, true
		}
		p.value = appendUnescaped(p.value[:0], value, false)
		if v, bad := p.judge(p.value, detect.Row, at); bad {
			return v, true
		}
	}
	// A semicolon inside an attack must not divide it out of sight.
	if bytes.IndexByte(whole, ';') < 0 {
		return filters.Verdict{}, false
	}
	return p.judge(whole, detect.Agent, spot{kind: "header", name: []byte("cookie")})
}
