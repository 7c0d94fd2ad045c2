package secrets

import (
	"bytes"
	"encoding/base64"
)

// keyKinds are what is recognised by its structure rather than by an issuer's prefix.
func keyKinds() []Kind {
	return []Kind{
		{ID: "private_key", Class: Secret, Why: "a private key in PEM or OpenPGP armor (RFC 7468, RFC 4880)", begins: []string{"--"}, match: privateKey, tail: keyBody,
			Hits: []string{
				"key:\n«-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq98Vj1\nq0m8Zg==\n-----END RSA PRIVATE KEY-----»\nthat was it",
				`{"key":"«-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----»\n"}`,
				"«-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqG»",
			},
			Misses: []string{"-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOC", "starts with -----BEGIN PRIVATE KEY----- and ends", "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----", "- a\n-- b\n---\n-----"}},
		{ID: "jwt", Class: Secret, Why: "a signed token (RFC 7519): a header with alg, then a payload that is JSON too", begins: []string{"ey"}, match: jws, tail: dots(1),
			Hits: []string{
				"Bearer «eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U».",
				"«eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.», unsigned",
			},
			Misses: []string{"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJmb28iOiJiYXIifQ.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc", "eyJ", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.x", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.is.a.header"}},
		{ID: "jwe", Class: Secret, Why: "an encrypted token (RFC 7516): a header with enc, then four parts", begins: []string{"ey"}, match: jwe, tail: dots(3),
			Hits: []string{
				`{"t":"«eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji.XFBoMYUZodetZdvTiFvSkQ»"}`,
				"«eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZodetZdvTiFvSkQ»",
			},
			Misses: []string{"eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0...", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0.x"}},
		{ID: "url_password", Class: Secret, Why: "a password in a URL (RFC 3986, 3.2.1)", begins: []string{":"}, keep: 1, match: urlPassword,
			Hits:   []string{"postgres://app:«s3cr3t-Pa55»@db.internal:5432/app", "redis://:«hunter2hunter2»@cache:6379"},
			Misses: []string{"http://localhost:8080/@me", "https://user@example.org:443/", "note: me@here", "postgres://user:${DB_PASSWORD}@db/app", "mysql://user:<password>@host", "https://a.b:80 x@y"}},
	}
}

const begin = "-----BEGIN "

// privateKey wants the begin line of a private key and, behind it, the begin of a body: the line alone is what people
// write about.
func privateKey(t *text, i int) (int, answer) {
	if a := t.prefix(i, begin); a != yes {
		return 0, a
	}
	label, open := t.run(i+len(begin), labelSet, 40)
	if open {
		return 0, more
	}
	kind := t.b[i+len(begin) : label]
	if !bytes.HasSuffix(kind, []byte("PRIVATE KEY")) && !bytes.HasSuffix(kind, []byte("PRIVATE KEY BLOCK")) {
		return 0, no
	}
	if a := t.prefix(label, begin[:5]); a != yes {
		return 0, a
	}
	j, open := t.run(label+5, breakSet, 12)
	if open {
		return 0, more
	}
	for _, h := range [...]string{"Proc-Type:", "DEK-Info:", "Version:", "Comment:", "Charset:", "Hash:"} {
		switch t.prefix(j, h) {
		case yes:
			return label + 5, yes
		case more:
			return 0, more
		}
	}
	end, open := t.run(j, base64s, 16)
	switch {
	case open:
		return 0, more
	case end-j < 16:
		return 0, no
	}
	return label + 5, yes
}

var (
	labelSet = set("A-Z0-9 ")
	breakSet = set(" \r\n\t\\rn")
	headSet  = set("a-zA-Z0-9+/= \r\n\t\\:,._()@<>-")
	bodySet  = set("a-zA-Z0-9+/=\r\n\t\\-")
)

// The state of keyBody: in its low four bits how far the end line has been seen, above them how long the line of base 64
// is. Once a line is longLine, what goes on is a body, in which no blank can be.
const (
	endDashes = 5  // the dashes before END
	endLabel  = 6  // its label
	endDone   = 11 // the last dash
	longLine  = 40
)

// keyBody goes on to the last dash of the end line, or to a byte that no armor holds.
func keyBody(state uint16, c byte) (uint16, bool) {
	seen, line := state&15, state>>4
	may := headSet
	if line >= longLine && seen < endDashes {
		may = bodySet
	}
	switch {
	case seen == endDone || !may[c]:
		return state, false
	case c == '-' && (seen < endDashes || seen >= endLabel):
		return state + 1, true
	case seen == endDashes && c == 'E', seen == endLabel && labelSet[c]:
		return line<<4 | endLabel, true
	case seen > endLabel:
		return state, false
	case line >= longLine:
		return longLine << 4, true
	case base64s[c]:
		return (line + 1) << 4, true
	}
	return 0, true
}

func jws(t *text, i int) (int, answer) { return jose(t, i, `"alg"`) }
func jwe(t *text, i int) (int, answer) { return jose(t, i, `"enc"`) }

// jose wants a header that is JSON with what is asked for, a dot, and the begin of what a token of that sort goes on with.
func jose(t *text, i int, has string) (int, answer) {
	if a := t.prefix(i, "eyJ"); a != yes {
		return 0, a
	}
	const longest = 512
	end, open := t.run(i, wordSet, longest)
	switch {
	case open:
		return 0, more
	case end-i < 16 || end == len(t.b) || t.b[end] != '.':
		return 0, no
	}
	var buf [longest]byte
	n, _ := base64.RawURLEncoding.Decode(buf[:], t.b[i:end-(end-i)%4])
	if encrypted := bytes.Contains(buf[:n], []byte(`"enc"`)); !bytes.Contains(buf[:n], []byte(has)) || encrypted != (has == `"enc"`) {
		return 0, no
	}
	from := end + 1
	if has == `"alg"` {
		if a := t.prefix(from, "eyJ"); a != yes {
			return 0, a
		}
	} else if t.prefix(from, ".") == yes { // the key that both sides know is not sent
		from++
	}
	next, open := t.run(from, wordSet, 8)
	switch {
	case open:
		return 0, more
	case next-from < 8:
		return 0, no
	}
	return end + 1, yes
}

// dots goes on over the other parts of a token, most dots of them.
func dots(most uint16) tail {
	return func(state uint16, c byte) (uint16, bool) {
		switch {
		case wordSet[c]:
			return state, true
		case c == '.' && state < most:
			return state + 1, true
		}
		return state, false
	}
}

// urlPassword wants user:password@ behind a scheme. What looks like a place for a password is none.
func urlPassword(t *text, i int) (int, answer) {
	from := i
	for from > 0 && i-from < 48 && userSet[t.b[from-1]] {
		from--
	}
	if from < 4 || t.b[from-1] != '/' || t.b[from-2] != '/' || t.b[from-3] != ':' || !letters[t.b[from-4]] {
		return 0, no
	}
	end, open := t.run(i+1, passwordSet, 128)
	switch {
	case open:
		return 0, more
	case end-i-1 < 3 || end == len(t.b) || t.b[end] != '@':
		return 0, no
	case end+1 == len(t.b) && !t.end:
		return 0, more
	case end+1 == len(t.b) || !alnum[t.b[end+1]] && t.b[end+1] != '[':
		return 0, no
	}
	return end, yes
}

var (
	userSet     = set("a-zA-Z0-9._~%+-")
	passwordSet = set("a-zA-Z0-9._~!*+=;,?%^-")
)
