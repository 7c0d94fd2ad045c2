package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// crowd is many clients and what they saw.
type crowd struct {
	s    *stage
	seed uint64

	mu       sync.Mutex
	statuses map[int]int    // guarded by mu; whole answers
	refused  map[string]int // guarded by mu; request id → status, of answers that are errors
	left     int            // guarded by mu; exchanges that a client walked out of, or that broke off
}

func newCrowd(s *stage, seed uint64) *crowd {
	return &crowd{s: s, seed: seed, statuses: map[int]int{}, refused: map[string]int{}}
}

// maxRefused bounds the refusals that are looked up afterwards.
const maxRefused = 500_000

func (c *crowd) saw(res *http.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[res.StatusCode]++
	if res.StatusCode >= 400 && len(c.refused) < maxRefused {
		c.refused[res.Header.Get("X-Request-Id")] = res.StatusCode
	}
}

func (c *crowd) walkedOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left++
}

func (c *crowd) add(more *crowd) {
	for st, n := range more.statuses {
		c.statuses[st] += n
	}
	for id, st := range more.refused {
		c.refused[id] = st
	}
	c.left += more.left
}

// run has n clients work for a while.
func (c *crowd) run(ctx context.Context, n int, length time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			one := &client{crowd: c, rand: rand.New(rand.NewPCG(c.seed, uint64(i)))}
			defer one.close()
			for ctx.Err() == nil {
				one.act()
			}
		})
	}
	all.Wait()
}

// client is one of them: a keep-alive connection and a mood.
type client struct {
	*crowd
	rand *rand.Rand
	conn net.Conn
	r    *bufio.Reader
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *client) dial() bool {
	if c.conn != nil {
		return true
	}
	conn, err := net.DialTimeout("tcp", c.s.proxied, 5*time.Second)
	if err != nil {
		return false
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	c.conn, c.r = conn, bufio.NewReader(conn)
	return true
}

// acts are what a client may do, each as often as its weight.
func (c *client) act() {
	if !c.dial() {
		time.Sleep(10 * time.Millisecond)
		return
	}
	if c.rand.IntN(4) == 0 {
		time.Sleep(time.Duration(c.rand.IntN(20)) * time.Millisecond)
	}
	switch n := c.rand.IntN(100); {
	case n < 30:
		c.ask(chat(c.key(), false, c.prompt()), 1)
	case n < 50:
		c.ask(chat(c.key(), true, c.prompt()), 1)
	case n < 58: // leaves in the middle of a stream, or before it
		c.leave(chat(c.key(), true, c.prompt()))
	case n < 62:
		c.leave(chat(c.key(), false, c.prompt()))
	case n < 66:
		c.ask(get("/v1/models", c.key()), 1)
	case n < 70: // three requests in one write
		c.ask(get("/v1/models", c.key())+chat(c.key(), false, "hi")+get("/v1/models", ""), 3)
	case n < 75:
		c.ask(chat("sk-wrong", false, "hi"), 1)
	case n < 79:
		c.ask(get("/v1/models?q=1%27%20OR%20%271%27=%271", c.key()), 1)
	case n < 82:
		c.ask(get("/sleep", c.key()), 1)
	case n < 85:
		c.ask(post(c.key(), `{"model":"demo-small","n":5,"messages":[{"role":"user","content":"hi"}]}`), 1)
	case n < 87:
		c.ask(post(c.key(), `{"model":"demo-small",`), 1)
	case n < 89: // larger than max_body
		c.ask(post(c.key(), strings.Repeat("a", 1<<20+1)), 1)
	case n < 92: // half a head, or half a body, and away
		text := chat(c.key(), false, c.prompt())
		c.send(text[:c.rand.IntN(len(text))])
		c.walkedOut()
		c.close()
	case n < 97:
		c.garbage()
	default:
		c.close()
	}
}

func (c *client) key() string { return key(tiers[c.rand.IntN(len(tiers))]) }

func (c *client) prompt() string { return strings.Repeat("tell me more ", 1+c.rand.IntN(30)) }

func (c *client) send(text string) bool {
	_, err := io.WriteString(c.conn, text)
	return err == nil
}

// ask sends text and reads n answers whole.
func (c *client) ask(text string, n int) {
	c.send(text) // an early refusal may end the connection; the answer tells
	for range n {
		res, err := http.ReadResponse(c.r, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
		}
		if err != nil {
			c.walkedOut()
			c.close()
			return
		}
		c.saw(res)
		if res.Close {
			c.close()
			return
		}
	}
	_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
}

// leave reads a little of the answer, or nothing, and hangs up.
func (c *client) leave(text string) {
	c.send(text)
	if c.rand.IntN(2) == 0 {
		_ = c.conn.SetReadDeadline(time.Now().Add(time.Duration(c.rand.IntN(10)) * time.Millisecond))
		_, _ = c.r.ReadString('\n')
	}
	if t, ok := c.conn.(*net.TCPConn); ok && c.rand.IntN(2) == 0 {
		_ = t.SetLinger(0)
	}
	c.walkedOut()
	c.close()
}

// garbage sends bytes that are no request, or a request with some of its bytes changed.
func (c *client) garbage() {
	b := []byte(chat(c.key(), false, "hi"))
	if c.rand.IntN(2) == 0 {
		b = b[:c.rand.IntN(len(b))]
		for i := range b {
			b[i] = byte(c.rand.IntN(256))
		}
	}
	for range 1 + c.rand.IntN(4) {
		if len(b) > 0 {
			b[c.rand.IntN(len(b))] = byte(c.rand.IntN(256))
		}
	}
	c.send(string(b))
	_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if res, err := http.ReadResponse(c.r, nil); err == nil {
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			c.saw(res)
		}
	}
	c.walkedOut()
	c.close()
}

func get(target, key string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: soak\r\n" + authorization(key) + "\r\n"
}

func authorization(key string) string {
	if key == "" {
		return ""
	}
	return "Authorization: Bearer " + key + "\r\n"
}

func post(key, body string) string {
	return fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: soak\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", authorization(key), len(body), body)
}

func chat(key string, stream bool, prompt string) string {
	return post(key, fmt.Sprintf(`{"model":"demo-small","stream":%v,"messages":[{"role":"user","content":%q}]}`, stream, prompt))
}
