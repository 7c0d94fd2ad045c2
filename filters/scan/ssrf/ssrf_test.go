package ssrf

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	n := 0
	f := func(url, want string, allow ...string) {
		t.Helper()
		n++
		if got := Judge([]byte(url), allow); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
	for _, u := range []string{"https://example.com/a%20b.png", "http://8.8.8.8/x", "https://[2606:4700::1111]/x", "data:image/png;base64,AAAA", "https://example.com:8443/x?y=z", "", "https://bücher.example/x", "HTTPS://Example.COM./x"} {
		f(u, "")
	}
	for _, u := range []string{"http://127.0.0.1/", "http://2130706433/", "http://0x7f000001", "http://0177.0.0.1", "http://127.1", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://169.254.169.254/latest", "http://192.168.1.1:80", "http://100.64.0.1", "http://168.63.129.16/", "http://0/", "http://[fd00:ec2::254]/", "http://o177.0.0.1/", "http://192.0.0.192/"} {
		f(u, Address)
	}
	for _, u := range []string{"http://localhost/", "http://metadata/", "http://metadata.google.internal/x", "http://169.254.169.254.nip.io/", "http://kubernetes.default.svc", "http://localhost./", "http://x.lvh.me"} {
		f(u, Name)
	}
	for _, u := range []string{"http://127.0.0.1!/", "http://%31%32%37.0.0.1/", "http://a\\@b/", "http:127.0.0.1", "http://::1/", "http://１２７.０.０.１/", "http://e\u24cdample.com/", "http://a b/", "http:///x", "http://example.com\x00.x/"} {
		f(u, Form)
	}
	f("http://example.com@127.0.0.1/", Userinfo)
	for _, u := range []string{"file:///etc/passwd", "gopher://x/", "data:text/html,x", "data:image/svg+xml,x", "ftp://example.com/", "javascript:1", "/etc/passwd"} {
		f(u, Scheme)
	}
	f("/9j/"+strings.Repeat("4AAQ", 20), "")
	f("/var/lib/models/"+strings.Repeat("abcdef/", 8)+"key", Scheme)
	f("https://r.example.com/?to=http://127.0.0.1/", Redirect)
	f("https://accounts.example.com/oauth2/v1/tokeninfo?access_token=x", Identity)
	f("https://example.com/oauth2.png", "")
	f("https://img.example-cdn.com/x", "", "*.example-cdn.com")
	f("https://other.example/x", NotOnList, "*.example-cdn.com")
	f("http://minio:9000/x", "", "minio")
	if n < 45 {
		t.Errorf("only %d cases ran", n)
	}
}

// TestCorpus holds the judge against the open half of real cases.
func TestCorpus(t *testing.T) {
	f := func(file, cat string) (stopped, all int) {
		h, err := os.Open("../../../../shared/corpora/" + file)
		if err != nil {
			t.Skipf("the test data is not here: %v", err)
		}
		defer h.Close()
		lines := bufio.NewScanner(h)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var c struct{ Cat, P string }
			if json.Unmarshal(lines.Bytes(), &c) != nil || c.Cat != cat {
				continue
			}
			all++
			if Judge([]byte(c.P), nil) != "" {
				stopped++
			} else if cat == "ssrf" {
				t.Logf("passes: %s", c.P)
			}
		}
		return stopped, all
	}
	if stopped, all := f("payloads-attack.jsonl", "ssrf"); all == 0 || 100*stopped < 98*all {
		t.Errorf("%d of %d stopped", stopped, all)
	}
	if wrong, all := f("payloads-benign.jsonl", "image-url"); all == 0 || wrong > 0 {
		t.Errorf("%d of %d picture URLs refused", wrong, all)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte("http://[::ffff:1.2.3.4]:80/x"))
	f.Add([]byte("http://0x7f.1/"))
	f.Fuzz(func(t *testing.T, url []byte) {
		first := Judge(url, nil)
		if again := Judge(url, nil); again != first {
			t.Errorf("%q: %q, then %q", url, first, again)
		}
	})
}
