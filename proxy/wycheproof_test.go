package proxy_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blaze/policy"
	"blaze/proxy"
)

// keyGroup is a group of C2SP Wycheproof's vectors: keys, and tokens that they did or did not sign.
type keyGroup struct {
	Comment         string
	Public, Private json.RawMessage
	Tests           []struct {
		TcID            int
		Comment, Result string
		JWS             json.RawMessage
	}
}

// algorithms are those that keys of the group's kind may have: a policy that mixes secrets and key pairs is refused.
func (g *keyGroup) algorithms(set string) string {
	if strings.Contains(set, `"oct"`) {
		return "HS256, HS384, HS512"
	}
	return "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA"
}

// TestWycheproof sends each vector as a token to a real listener whose policy trusts the group's keys: none may be let in,
// valid signatures neither, for no payload holds a token's claims (what is wrong with each signature is told by the
// vectors in filters/auth). A token of another issuer, sent before and after, is let in.
func TestWycheproof(t *testing.T) {
	ran, sent := 0, 0
	for _, name := range []string{"wycheproof-json_web_signature_test.json", "wycheproof-json_web_key_test.json"} {
		text, err := os.ReadFile("../../shared/protocol/" + name)
		if err != nil {
			t.Skipf("the vectors are not here: %v", err)
		}
		var file struct{ TestGroups []keyGroup }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for i := range file.TestGroups {
			ran += len(file.TestGroups[i].Tests)
			sent += wycheproof(t, &file.TestGroups[i])
		}
	}
	if ran != 427 || sent < 350 {
		t.Errorf("ran %d vectors, %d of them on the wire", ran, sent)
	}
	t.Logf("%d vectors, %d of them on the wire", ran, sent)
}

// wycheproof serves with one group's keys and sends its tokens. A group whose keys no policy may have is refused there.
func wycheproof(t *testing.T, g *keyGroup) (sent int) {
	set := string(g.Public)
	if g.Public == nil {
		set = string(g.Private)
	}
	if !strings.Contains(set, `"keys"`) {
		set = `{"keys":[` + set + `]}`
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf(`
version: 1
upstreams: {model: {engine: vllm, targets: [{url: "http://127.0.0.1:1"}]}}
filters:
  scan: {mode: off}
  auth:
    required: true
    jwt:
      - {issuer: "https://id.example", jwks_file: %q, algorithms: [%s]}
      - {issuer: "https://control.example", secret: %q, algorithms: [HS256]}
  authz: {roles: {user: {routes: [inference, utility], models: ["*"]}}}
`, path, g.algorithms(set), controlSecret)
	if policy.Check(policy.Options{Source: []byte(source), Gate: proxy.Gate()}).Bad() {
		return 0
	}
	s, stop := serveUntil(t, source, "http://127.0.0.1:1", proxy.Options{}, io.Discard)
	defer stop()
	ask := func(token string) int {
		c := dial(t, s.addr)
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+token+"\r\nConnection: close\r\n\r\n")
		status, _ := next(t, bufio.NewReader(c))
		return status
	}
	control := func() {
		if got := ask(controlToken()); got != 502 && got != 503 { // there is no model server
			t.Fatalf("%s: a good token got %d", g.Comment, got)
		}
	}
	control()
	for _, v := range g.Tests {
		var token string
		if json.Unmarshal(v.JWS, &token) != nil {
			continue // not in compact form: no client could send it
		}
		sent++
		if got := ask(token); got != 401 && got != 400 && got != 431 {
			t.Errorf("%s %d %s (%s): got %d", g.Comment, v.TcID, v.Comment, v.Result, got)
		}
	}
	control()
	return sent
}

const controlSecret = "a secret of the tests, 32 bytes or more"

func controlToken() string {
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		b64.EncodeToString(fmt.Appendf(nil, `{"iss":"https://control.example","sub":"ada","roles":["user"],"exp":%d}`, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(controlSecret))
	_, _ = mac.Write([]byte(signed))
	return signed + "." + b64.EncodeToString(mac.Sum(nil))
}
