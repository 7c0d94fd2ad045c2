package auth

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
)

func (f *forge) formCases() {
	good := f.make("hs", "HS256", nil, nil)
	part := strings.Split(good, ".")
	h, c, s := part[0], part[1], part[2]
	form := func(name, token string) { f.add(name, bad+"jwt.malformed", token) }
	form("no signature", h+"."+c+".")
	form("no signature and no dot", h+"."+c)
	form("no claims", h+".."+s)
	form("no header", "."+c+"."+s)
	form("only dots", "..")
	form("four segments", good+"."+s)
	form("five segments, encrypted", good+"."+s+"."+s)
	form("a dot at the end", good+".")
	form("a dot before", "."+good)
	form("padding in the header", h+"=."+c+"."+s)
	form("padding in the claims", h+"."+c+"=."+s)
	form("padding in the signature", good+"=")
	form("plus in the signature", h+"."+c+".+"+s[1:])
	form("slash in the signature", h+"."+c+"./"+s[1:])
	form("a bad byte in the header", "!"+good)
	form("a bad byte in the claims", h+".!"+c+"."+s)
	form("a bad byte in the signature", good+"!")
	form("stray bits in the signature", h+"."+c+"."+stray(s))
	form("stray bits in the claims", h+"."+stray(encode64(`{"a":1}`))+"."+s)
	form("the header is not JSON", encode64("alg:HS256")+"."+c+"."+s)
	form("the header is an array", encode64(`["HS256"]`)+"."+c+"."+s)
	form("the header is a string", encode64(`"HS256"`)+"."+c+"."+s)
	form("the header has something after", encode64(`{"alg":"HS256"}x`)+"."+c+"."+s)
	form("the header is two objects", encode64(`{"alg":"HS256"}{"alg":"none"}`)+"."+c+"."+s)
	form("the header has a BOM", encode64("\ufeff"+hsHead)+"."+c+"."+s)
	form("the header is not UTF-8", encode64("{\"alg\":\"HS256\",\"kid\":\"\xff\"}")+"."+c+"."+s)
	form("the header is deep", encode64(`{"alg":"HS256","a":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+"}")+"."+c+"."+s)
	form("the header is long", encode64(`{"alg":"HS256","a":"`+strings.Repeat("x", 4<<10)+`"}`)+"."+c+"."+s)
	claims := func(name, claims string) { f.add(name, bad+"jwt.malformed", f.text(hsHead, claims)) }
	claims("the claims are not JSON", "sub=alice")
	claims("the claims are an array", "["+hsBody[:10]+"]")
	claims("the claims are null", "null")
	claims("the claims end early", "{"+hsBody)
	claims("the claims have something after", "{"+hsBody+"}}")
	claims("the claims have a comma too many", "{"+hsBody+",}")
	claims("the claims have a comment", "{/**/"+hsBody+"}")
	claims("the claims have single quotes", "{'sub':'alice',"+hsBody[:5]+"}")
	claims("the claims have NaN", "{"+hsBody+`,"a":NaN}`)
	claims("the claims have a leading zero", "{"+hsBody+`,"a":01}`)
	claims("the claims have a control byte", "{"+hsBody+",\"a\":\"\x01\"}")
	claims("the claims have a bad escape", "{"+hsBody+`,"a":"\x41"}`)
	claims("the claims have a lone surrogate", "{"+hsBody+`,"a":"\ud800"}`)
	claims("the claims have surrogates in disorder", "{"+hsBody+`,"a":"\udc00\ud800"}`)
	claims("the claims are not UTF-8", "{"+hsBody+",\"a\":\"\xc3\x28\"}")
	claims("the claims are overlong UTF-8", "{"+hsBody+",\"a\":\"\xc0\xaf\"}")
	claims("the claims are deep", "{"+hsBody+`,"a":`+strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 41))
	f.add("valid with blanks in the JSON", ok, f.text("{ \"alg\" :\n\"HS256\" }", "{ "+hsBody+" \t}\r\n"))
	f.add("valid with surrogates", ok, f.text(hsHead, "{"+hsBody+`,"a":"\ud83d\ude00"}`))
}

// stray sets bits of the last character of s that decode to nothing.
func stray(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + alphabet[i^1:i^1+1]
}

func (f *forge) attackCases() {
	good := f.make("hs", "HS256", nil, nil)
	part := strings.Split(good, ".")
	flip := func(b64 string, at int) string {
		b, _ := base64.RawURLEncoding.DecodeString(b64)
		b[at] ^= 1
		return encode64(string(b))
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE"} {
		h := encode64(`{"alg":"` + alg + `"}`)
		f.add("alg "+alg+" without a signature", bad+"jwt.malformed", h+"."+part[1]+".")
		f.add("alg "+alg+" with a signature", bad+"jwt.algorithm", h+"."+part[1]+"."+part[2])
	}
	f.add("the first bit of the signature", bad+"jwt.signature", part[0]+"."+part[1]+"."+flip(part[2], 0))
	f.add("the last bit of the signature", bad+"jwt.signature", part[0]+"."+part[1]+"."+flip(part[2], 31))
	f.add("half a signature", bad+"jwt.signature", part[0]+"."+part[1]+"."+encode64(strings.Repeat("\x00", 16)))
	f.add("a signature of zeros", bad+"jwt.signature", part[0]+"."+part[1]+"."+encode64(strings.Repeat("\x00", 32)))
	f.add("claims changed after signing", bad+"jwt.signature", part[0]+"."+encode64(`{`+hsBody+`,"roles":["admin"]}`)+"."+part[2])
	f.add("header changed after signing", bad+"jwt.signature", encode64(hsHead)+"."+part[1]+"."+part[2])
	f.add("another token's signature", bad+"jwt.signature", part[0]+"."+part[1]+"."+strings.Split(f.make("hs", "HS256", nil, object{"sub": "bob"}), ".")[2])
	public := f.out.Files["key.pem"]
	f.add("HS256 with the public key's PEM", bad+"jwt.algorithm", f.makeWith([]byte(public), "pem", "HS256", nil, nil))
	f.add("HS256 with the public key's DER", bad+"jwt.algorithm", f.makeWith(x509.MarshalPKCS1PublicKey(f.keys["RS256"].Public().(*rsa.PublicKey)), "rsa", "HS256", object{"kid": "rs"}, nil))
	f.add("HS256 with an empty secret", bad+"jwt.signature", f.makeWith([]byte{}, "hs", "HS256", nil, nil))
	other := f.jwk("evil", "other RSA", nil)
	for name, header := range map[string]object{
		"jwk":                    {"jwk": other},
		"jwk and its kid":        {"jwk": other, "kid": "evil"},
		"jku":                    {"jku": "http://127.0.0.1/jwks.json", "kid": "evil"},
		"x5u":                    {"x5u": "http://169.254.169.254/", "kid": "evil"},
		"x5c":                    {"x5c": []any{"MIIB"}, "kid": "evil"},
		"kid that is a location": {"kid": "http://127.0.0.1/key"},
	} {
		f.add("a key of the token's own: "+name, map[bool]string{true: bad + "jwt.signature", false: bad + "jwt.unknown_key"}[header["kid"] == nil],
			f.makeWith(f.keys["other RSA"], "rsa", "RS256", header, nil))
	}
	f.ecdsaAttacks()
}

func (f *forge) ecdsaAttacks() {
	good := f.make("many", "ES256", object{"kid": "p256"}, nil)
	text, sig64, _ := cutToken(good)
	sig, _ := base64.RawURLEncoding.DecodeString(sig64)
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	der, _ := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	n := f.keys["ES256"].Public().(*ecdsa.PublicKey).Params().N
	fixed := func(r, s *big.Int) string {
		return string(r.FillBytes(make([]byte, 32))) + string(s.FillBytes(make([]byte, 32)))
	}
	zero := new(big.Int)
	for name, sig := range map[string]string{
		"in DER":                 string(der),
		"with a zero byte more":  string(sig) + "\x00",
		"with a byte less":       string(sig[:63]),
		"of zeros":               fixed(zero, zero),
		"with r zero":            fixed(zero, s),
		"with s zero":            fixed(r, zero),
		"with r the order":       fixed(n, s),
		"with s the order":       fixed(r, n),
		"with r and s exchanged": fixed(s, r),
		"of 96 bytes":            string(sig) + string(sig[:32]),
	} {
		f.add("an ECDSA signature "+name, bad+"jwt.signature", text+"."+encode64(sig))
	}
	f.add("EdDSA signature of zeros", bad+"jwt.signature", func() string {
		text, _, _ := cutToken(f.make("many", "EdDSA", object{"kid": "ed"}, nil))
		return text + "." + encode64(strings.Repeat("\x00", 64))
	}())
}

func cutToken(token string) (text, sig string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	return token[:i], token[i+1:], i > 0
}
