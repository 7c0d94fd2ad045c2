package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

const guardKey = "sk-a-key-of-the-proxy-tests"

// guardedPolicy lets one key in, before an engine whose routes are known.
func guardedPolicy(more string) string {
	sum := sha256.Sum256([]byte(guardKey))
	return `
version: 1
` + more + `
upstreams: {model: {engine: vllm, targets: [{url: "${env:BACKEND}"}]}}
filters:
  auth: {required: true, api_keys: [{id: k, hash: "sha256:` + hex.EncodeToString(sum[:]) + `", subject: ada, roles: [user]}]}
  authz: {roles: {user: {routes: [inference, utility], models: ["*"]}}}
`
}

const question = `{"model":"demo-small","messages":[{"role":"user","content":"hello there"}]}`

// post is a chat request's head; key "" is a stranger's.
func post(key string, length int, more ...string) string {
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: blaze.test\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(length) + "\r\n"
	if key != "" {
		head += "Authorization: Bearer " + key + "\r\n"
	}
	return head + strings.Join(more, "") + "\r\n"
}

// next reads one answer whole.
func next(t *testing.T, r *bufio.Reader) (status int, closes bool) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Close
}

// TestJudgedBeforeItsBody: whoever announces a body is judged on the head, though nothing of the body ever comes; one who
// may go on is waited for, without a word that was not asked for.
func TestJudgedBeforeItsBody(t *testing.T) {
	s := serve(t, guardedPolicy("proxy: {body_timeout: 1h}"))
	c := dial(t, s.addr)
	_, _ = io.WriteString(c, post("", 1000))
	r := bufio.NewReader(c)
	if status, closes := next(t, r); status != 401 || !closes {
		t.Errorf("a stranger without a body: got %d, closes: %v", status, closes)
	}
	c = dial(t, s.addr)
	_, _ = io.WriteString(c, post(guardKey, len(question)))
	s.await(t, `blaze_open_exchanges`, 1)
	_, _ = io.WriteString(c, question)
	all, err := readOne(c)
	if err != nil || !bytes.HasPrefix(all, []byte("HTTP/1.1 200 OK\r\n")) {
		t.Errorf("one who may go on got %.200q %v", all, err)
	}
	c = dial(t, s.addr)
	_, _ = io.WriteString(c, post(guardKey, len(question), "Expect: 100-Continue\r\n")+question)
	all, err = readOne(c)
	if err != nil || !bytes.HasPrefix(all, []byte("HTTP/1.1 100 Continue\r\n\r\n")) {
		t.Errorf("one who asks got %.200q %v", all, err)
	}
}

// TestBehindARefusedBody: a request whose first bytes came with the body of one that was refused has its own time to come.
func TestBehindARefusedBody(t *testing.T) {
	s := serve(t, guardedPolicy(""))
	again := post(guardKey, len(question)) + question
	for range 20 { // on a slow machine the body may come too late, and the connection is closed
		c := dial(t, s.addr)
		r := bufio.NewReader(c)
		_, _ = io.WriteString(c, post("", len(question)))
		_, _ = io.WriteString(c, question+again[:20])
		if status, closes := next(t, r); status != 401 {
			t.Fatalf("a stranger: got %d", status)
		} else if closes {
			continue
		}
		time.Sleep(300 * time.Millisecond) // longer than a refused request's body is waited for
		_, _ = io.WriteString(c, again[20:])
		if status, _ := next(t, r); status != 200 {
			t.Errorf("the next: %d", status)
		}
		return
	}
	t.Error("no connection was kept")
}

// readOne reads what comes until a final answer's head is whole.
func readOne(c net.Conn) (all []byte, err error) {
	buf := make([]byte, 4096)
	for !bytes.Contains(bytes.TrimPrefix(all, []byte("HTTP/1.1 100 Continue\r\n\r\n")), []byte("\r\n\r\n")) && err == nil {
		var n int
		n, err = c.Read(buf)
		all = append(all, buf[:n]...)
	}
	return all, err
}

// await waits until a gauge has a value.
func (s *served) await(t *testing.T, name string, want float64) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got := s.gauge(t, name)
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is %v, want %v", name, got, want)
		}
	}
}

func (s *served) gauge(t *testing.T, name string) float64 {
	t.Helper()
	var text strings.Builder
	if err := s.tel.Metrics.WritePrometheus(&text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	return 0
}

// TestRefusedKeepsItsConnection: a refused request costs its client no connection when its body comes, in the same
// packet or soon after it.
func TestRefusedKeepsItsConnection(t *testing.T) {
	s := serve(t, guardedPolicy(""))
	c := dial(t, s.addr)
	r := bufio.NewReader(c)
	for i, apart := range []bool{false, true, false, true} {
		if apart {
			_, _ = io.WriteString(c, post("", len(question)))
			_, _ = io.WriteString(c, question)
		} else {
			_, _ = io.WriteString(c, post("", len(question))+question)
		}
		if status, closes := next(t, r); status != 401 || closes && !apart {
			t.Fatalf("%d: got %d, closes: %v", i, status, closes)
		} else if closes { // the body took longer than a moment
			c = dial(t, s.addr)
			r = bufio.NewReader(c)
		}
	}
	_, _ = io.WriteString(c, post(guardKey, len(question))+question)
	if status, _ := next(t, r); status != 200 {
		t.Errorf("then: got %d", status)
	}
}

// TestPipelinedBodies: answers that wait in the buffer for the next request's do not mix with what is held back.
func TestPipelinedBodies(t *testing.T) {
	s := serve(t, guardedPolicy(""))
	for _, n := range []int{1, 2, 50} {
		c := dial(t, s.addr)
		r := bufio.NewReader(c)
		want := []int{}
		var all strings.Builder
		for i := range n {
			if i%3 == 1 {
				all.WriteString(post("", len(question)) + question)
				want = append(want, 401)
			} else {
				all.WriteString(post(guardKey, len(question)) + question)
				want = append(want, 200)
			}
		}
		_, _ = io.WriteString(c, all.String())
		for i, w := range want {
			if status, closes := next(t, r); status != w || closes {
				t.Fatalf("%d of %d: want %d; got %d, closes: %v", i, n, w, status, closes)
			}
		}
	}
}

// TestShortBody: a body that ends before its announced length is no body.
func TestShortBody(t *testing.T) {
	back := record(t)
	s := serveBefore(t, guardedPolicy(""), "http://"+back.ln.Addr().String())
	for _, length := range []int{len(question) + 1, 2 << 20} {
		c := dial(t, s.addr)
		_, _ = io.WriteString(c, post(guardKey, length)+question)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}
	s.await(t, "blaze_open_connections", 0)
	if reqs, bad, _ := back.take(); len(reqs)+len(bad) > 0 {
		t.Errorf("the model server was asked: %q %q", reqs, bad)
	}
}
