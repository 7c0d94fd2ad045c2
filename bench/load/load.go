// Package load is what the measurements share: the cheapest model server there is, a client that costs little beside what
// it measures, and the floor, a bare fasthttp proxy. It measures nothing itself.
package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// Answer is a chat completion of about 1.1 KB.
var Answer = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"llama-3-8b","choices":[{"index":0,"message":` +
	`{"role":"assistant","content":"` + strings.Repeat("some words of prose. ", 42) + `"},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":100,"completion_tokens":170,"total_tokens":270}}`

// Frame is one event of a stream, as vLLM sends a token.
const Frame = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama-3-8b","choices":[{"index":0,` +
	`"delta":{"content":" token"},"logprobs":null,"finish_reason":null}]}` + "\n\n"

// lastFrames end a stream: the finish, the usage where it was asked for, and the end.
const lastFrames = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama-3-8b","choices":[{"index":0,` +
	`"delta":{},"finish_reason":"stop"}]}` + "\n\n" +
	`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama-3-8b","choices":[],` +
	`"usage":{"prompt_tokens":100,"completion_tokens":170,"total_tokens":270}}` + "\n\ndata: [DONE]\n\n"

// Stub serves ln until it is closed: it reads requests by their length and writes the same bytes. A request whose body
// asks for a stream gets frames events, gap apart, the second one not at once.
func Stub(ln net.Listener, frames int, gap time.Duration) {
	plain := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(Answer)) + "\r\n\r\n" + Answer)
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go serve(c, plain, frames, gap)
	}
}

func serve(c net.Conn, plain []byte, frames int, gap time.Duration) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		m, err := read(r)
		if err != nil {
			return
		}
		if m.stream {
			err = stream(c, frames, gap)
		} else {
			_, err = c.Write(plain)
		}
		if err != nil {
			return
		}
	}
}

// afterFirst is how long the stub holds back the second event, so that who shares its core can see the first one at once.
const afterFirst = time.Millisecond

// stream writes an event stream, one chunk an event.
func stream(w io.Writer, frames int, gap time.Duration) error {
	chunk := func(s string) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(s), s) }
	_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	one := chunk(Frame)
	for i := range frames {
		if err != nil {
			return err
		}
		_, err = w.Write(one)
		if i == 0 {
			time.Sleep(max(gap, afterFirst))
		} else if gap > 0 {
			time.Sleep(gap)
		}
	}
	if err == nil {
		_, err = w.Write(append(chunk(lastFrames), "0\r\n\r\n"...))
	}
	return err
}

type message struct {
	status int // 0 for a request
	stream bool
}

// read reads one message past.
func read(r *bufio.Reader) (m message, err error) {
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return m, err
		}
		switch {
		case first && bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && len(line) > 12:
			m.status, _ = strconv.Atoi(string(line[9:12]))
		case len(line) > 16 && bytes.EqualFold(line[:16], []byte("content-length: ")):
			length, _ = strconv.Atoi(string(bytes.TrimSpace(line[16:])))
		case len(line) > 19 && bytes.EqualFold(line[:19], []byte("transfer-encoding: ")):
			chunked = true
		case len(line) <= 2:
			if chunked {
				return m, skipChunks(r)
			}
			if start, err := r.Peek(min(length, startBytes)); err == nil {
				m.stream = m.status == 0 && asksStream(start)
			}
			_, err := r.Discard(length)
			return m, err
		}
	}
}

func skipChunks(r *bufio.Reader) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := r.Discard(int(n) + 2); err != nil || n == 0 {
			return err
		}
	}
}

// Client is one keep-alive connection that sends a request again and again, each time with another prompt.
type Client struct {
	Again  bool // with the same prompt
	c      net.Conn
	r      *bufio.Reader
	req    []byte
	number []byte // in req; what makes its prompt another
}

// Dial opens a connection for sending req, which Chat has made.
func Dial(addr string, req []byte) (*Client, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	req = bytes.Clone(req)
	at := bytes.LastIndex(req, []byte(number))
	return &Client{c: c, r: bufio.NewReaderSize(c, 64<<10), req: req, number: req[at : at+len(number)]}, nil
}

// send sends the request.
func (c *Client) send() error {
	if !c.Again {
		n := rand.Uint64()
		for i := range c.number {
			c.number[i] = byte('0' + n%10)
			n /= 10
		}
	}
	_, err := c.c.Write(c.req)
	return err
}

// Do sends the request and reads its answer past; any status but 200 is an error.
func (c *Client) Do() error {
	if err := c.send(); err != nil {
		return err
	}
	m, err := read(c.r)
	if err == nil && m.status != 200 {
		err = fmt.Errorf("got status %d", m.status)
	}
	return err
}

// First sends the request and returns how long its first event took; it reads the rest past.
func (c *Client) First() (time.Duration, error) {
	began := time.Now()
	if err := c.Begin(); err != nil {
		return 0, err
	}
	first := time.Since(began)
	return first, c.Rest()
}

// Begin sends the request and reads until its first event.
func (c *Client) Begin() error {
	if err := c.send(); err != nil {
		return err
	}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil || bytes.HasPrefix(line, []byte("data: ")) {
			return err
		}
		if bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("want a stream, got %q", line)
		}
	}
}

// Rest reads the stream that Begin began to its end.
func (c *Client) Rest() error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if bytes.Equal(line, []byte("0\r\n")) {
			_, err := c.r.Discard(2)
			return err
		}
	}
}

// Close closes the connection.
func (c *Client) Close() { _ = c.c.Close() }

// number is what a Client writes another number over.
const number = "0000000000"

// Chat is a chat request whose prompt has about size bytes.
func Chat(size int, stream bool, key string) []byte {
	body := `{"model":"llama-3-8b","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"` + number + ". " +
		strings.Repeat("What is the capital of France? ", max(1, size/31)) + `"}],"temperature":0.7,"max_tokens":100,"user":"u-1"}`
	if stream {
		body = `{"stream":true,` + body[1:]
	}
	return []byte("POST /v1/chat/completions HTTP/1.1\r\nHost: blaze.test\r\nAuthorization: Bearer " + key + "\r\n" +
		"User-Agent: OpenAI/Python 2.8.0\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate\r\nX-Stainless-Lang: python\r\n" +
		"Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// Floor is the framework's floor: a fasthttp server that hands each request to a fasthttp client, and nothing more. Only
// what asks for a stream (see Chat) is streamed, so that plain answers take fasthttp's shortest way.
func Floor(upstream string) *fasthttp.Server {
	up := &fasthttp.HostClient{Addr: upstream, MaxConns: 4096, NoDefaultUserAgentHeader: true, DisablePathNormalizing: true}
	return &fasthttp.Server{NoDefaultServerHeader: true, MaxRequestBodySize: 64 << 20, Handler: func(ctx *fasthttp.RequestCtx) {
		stream := asksStream(ctx.Request.Body())
		ctx.Response.StreamBody, ctx.Response.ImmediateHeaderFlush = stream, stream
		if err := up.Do(&ctx.Request, &ctx.Response); err != nil {
			ctx.Error("upstream", fasthttp.StatusBadGateway)
		}
	}}
}

// asksStream looks at a body's first bytes, where Chat says it; a proxy may have put fields of its own before.
func asksStream(start []byte) bool {
	return bytes.Contains(start[:min(len(start), startBytes)], []byte(`"stream":true`))
}

const startBytes = 512
