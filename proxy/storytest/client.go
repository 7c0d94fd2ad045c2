package storytest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/rogpeppe/go-internal/testscript"
)

// client is one client connection and the answer being read from it.
type client struct {
	net.Conn
	r      *bufio.Reader
	method string
	res    *http.Response // nil until its head was read
	body   *bufio.Reader
}

func (c *client) close() { _ = c.Conn.Close() }

// options reads the flags before a client command's arguments.
func options(args []string) (as string, raw bool, rest []string) {
	as, raw, _, rest = allOptions(args)
	return as, raw, rest
}

func certOption(args []string) (cert string, rest []string) {
	_, _, cert, rest = allOptions(args)
	return cert, rest
}

func allOptions(args []string) (as string, raw bool, cert string, rest []string) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-as":
			as, args = args[1], args[1:]
		case "-cert":
			cert, args = args[1], args[1:]
		case "-raw":
			raw = true
		}
		args = args[1:]
	}
	return as, raw, cert, args
}

// send sends the requests of one or more files, each on a connection of its own, and prints the last one's answer.
func (s *story) send(ts *testscript.TestScript, neg bool, args []string) error {
	_, raw, cert, files := allOptions(args)
	for i, f := range files {
		c, err := s.dialAs(ts, f, raw, cert)
		if err != nil {
			return err
		}
		text, err := c.whole()
		c.close()
		if neg != (err != nil) {
			return fmt.Errorf("the answer is %q: %w", text, err)
		}
		if i == len(files)-1 {
			_, _ = io.WriteString(ts.Stdout(), s.steady(text))
		}
	}
	return nil
}

// storm sends a request again and again on one connection.
func (s *story) storm(ts *testscript.TestScript, _ bool, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	last := ""
	for _, file := range args[1:] {
		c, err := s.dial(ts, file, false)
		if err != nil {
			return err
		}
		defer c.close()
		request := complete(expand(ts, ts.ReadFile(file)))
		for i := range n {
			if i > 0 {
				c.res = nil
				_ = c.SetDeadline(time.Now().Add(patience))
				if _, err := c.Write(request); err != nil {
					return err
				}
			}
			if last, err = c.whole(); err != nil {
				return err
			}
		}
	}
	_, err = io.WriteString(ts.Stdout(), s.steady(last))
	return err
}

// until sends a request again and again, until it is answered with the status, and with the text where there is one.
func (s *story) until(ts *testscript.TestScript, _ bool, args []string) error {
	ctx, cancel := within()
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		c, err := s.dial(ts, args[0], false)
		if err != nil {
			return err
		}
		text, err := c.whole()
		c.close()
		if err != nil {
			return err
		}
		if strings.HasPrefix(text, args[1]+"\n") && strings.Contains(text, strings.Join(args[2:], " ")) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("never answered with %s; at last:\n%s", strings.Join(args[1:], " "), text)
		}
	}
}

// conversation sends a file of raw requests on one connection and prints the answers until the connection is closed.
func (s *story) conversation(ts *testscript.TestScript, _ bool, args []string) error {
	c, err := s.dial(ts, args[0], true)
	if err != nil {
		return err
	}
	defer c.close()
	for {
		text, err := c.whole()
		if err != nil {
			return nil //nolint:nilerr // the end of the conversation, or of the answers; what was printed is compared
		}
		_, _ = io.WriteString(ts.Stdout(), s.steady(text))
		c.res = nil
	}
}

// connects tries to connect. A listener that is closed refuses, or resets what was in its queue.
func (s *story) connects(_ *testscript.TestScript, neg bool, _ []string) error {
	nc, err := net.DialTimeout("tcp", s.running.proxy, patience)
	if err == nil {
		defer func() { _ = nc.Close() }()
	}
	if neg == (err == nil) {
		return fmt.Errorf("connecting: %v", err)
	}
	return nil
}

// open sends a request and leaves the answer to head, frame and rest.
func (s *story) open(ts *testscript.TestScript, _ bool, args []string) error {
	as, raw, files := options(args)
	c, err := s.dial(ts, files[0], raw)
	if err == nil {
		s.conns[as] = c
	}
	return err
}

func (s *story) dial(ts *testscript.TestScript, file string, raw bool) (*client, error) {
	return s.dialAs(ts, file, raw, "")
}

func (s *story) dialAs(ts *testscript.TestScript, file string, raw bool, cert string) (*client, error) {
	if s.running == nil {
		return nil, errors.New("blaze is not running")
	}
	text := expand(ts, ts.ReadFile(file))
	request := complete(text)
	if raw {
		var err error
		if request, err = unescape(text); err != nil {
			return nil, err
		}
	}
	nc, err := net.Dial("tcp", s.running.proxy)
	if err != nil {
		return nil, err
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	if cert != "" {
		config, err := shows(ts, cert)
		if err != nil {
			return nil, err
		}
		nc = tls.Client(nc, config)
	}
	c := &client{Conn: nc, r: bufio.NewReader(nc)}
	c.method, _, _ = strings.Cut(text, " ")
	// An early refusal may close the connection while the request is still being written: the answer tells.
	_, _ = nc.Write(request)
	return c, nil
}

var (
	variable = regexp.MustCompile(`\$\{([A-Z_]+)\}`)
	repeated = regexp.MustCompile(`\{\{([^{}]+?)\*(\d+)\}\}`)
)

// expand replaces ${NAME} by the story's variable and {{text*1000}} by that many of text.
func expand(ts *testscript.TestScript, text string) string {
	text = variable.ReplaceAllStringFunc(text, func(v string) string { return ts.Getenv(v[2 : len(v)-1]) })
	return repeated.ReplaceAllStringFunc(text, repeat)
}

// repeat is what {{text*1000}} stands for.
func repeat(v string) string {
	m := repeated.FindStringSubmatch(v)
	n, _ := strconv.Atoi(m[2])
	return strings.Repeat(m[1], n)
}

// complete makes a request of its text: line ends, version, Host, and the body's length are added where they are missing.
func complete(text string) []byte {
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	line, fields, _ := strings.Cut(strings.TrimSuffix(head, "\n"), "\n")
	if !strings.Contains(line, " HTTP/") {
		line += " HTTP/1.1"
	}
	var b bytes.Buffer
	b.WriteString(line + "\r\n")
	lower := strings.ToLower("\n" + fields)
	if !strings.Contains(lower, "\nhost:") {
		b.WriteString("Host: blaze.test\r\n")
	}
	for _, f := range strings.Split(fields, "\n") {
		if f != "" {
			b.WriteString(f + "\r\n")
		}
	}
	if body != "" && !strings.Contains(lower, "\ncontent-length:") && !strings.Contains(lower, "\ntransfer-encoding:") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// unescape makes the bytes of a raw request: every line of the text ends with CRLF, unless it ends with a backslash;
// \r, \n, \t, \x00 and \\ are what they are in Go.
func unescape(text string) ([]byte, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\\\n", ""), "\n", `\r\n`)
	s, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	return []byte(s), err
}

// begin reads the answer's head, past interim answers.
func (c *client) begin() error {
	for c.res == nil || c.res.StatusCode == http.StatusContinue {
		res, err := http.ReadResponse(c.r, &http.Request{Method: c.method})
		if err != nil {
			return fmt.Errorf("cannot read the answer: %w", err)
		}
		c.res, c.body = res, bufio.NewReader(res.Body)
	}
	return nil
}

// whole reads and renders the whole answer. One that breaks off says so at its end.
func (c *client) whole() (string, error) {
	if err := c.begin(); err != nil {
		return "", err
	}
	return renderHead(c.res) + "\n" + c.rest(), nil
}

func (c *client) rest() string {
	b, err := io.ReadAll(c.body)
	text := string(b)
	if err != nil {
		text += "\n(the answer breaks off)"
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// named finds an open connection; rest are the arguments after -as NAME.
func (s *story) named(args []string) (c *client, rest []string, err error) {
	as, _, rest := options(args)
	if c = s.conns[as]; c == nil {
		err = fmt.Errorf("no connection %q is open", as)
	}
	return c, rest, err
}

func (s *story) head(ts *testscript.TestScript, _ bool, args []string) error {
	c, _, err := s.named(args)
	if err == nil {
		err = c.begin()
	}
	if err == nil {
		_, err = io.WriteString(ts.Stdout(), s.steady(renderHead(c.res)))
	}
	return err
}

// frame reads one event of a stream.
func (s *story) frame(ts *testscript.TestScript, _ bool, args []string) error {
	c, rest, err := s.named(args)
	if err != nil {
		return err
	}
	if err := c.begin(); err != nil {
		return err
	}
	var event strings.Builder
	for {
		line, err := c.body.ReadString('\n')
		if err != nil {
			return fmt.Errorf("cannot read an event: %w; got %q", err, event.String()+line)
		}
		if line == "\n" {
			break
		}
		event.WriteString(line)
	}
	_, _ = io.WriteString(ts.Stdout(), event.String())
	if !strings.Contains(event.String(), rest[0]) {
		return fmt.Errorf("the event does not hold %q: %s", rest[0], event.String())
	}
	return nil
}

func (s *story) rest(ts *testscript.TestScript, _ bool, args []string) error {
	c, _, err := s.named(args)
	if err == nil {
		err = c.begin()
	}
	if err == nil {
		_, err = io.WriteString(ts.Stdout(), s.steady(c.rest()))
	}
	return err
}

func (s *story) hangup(_ *testscript.TestScript, _ bool, args []string) error {
	c, _, err := s.named(args)
	if err == nil {
		c.close()
	}
	return err
}

// socket opens a WebSocket through the proxy and proves that it carries messages both ways.
func (s *story) socket(ts *testscript.TestScript, neg bool, args []string) error {
	head := strings.Split(strings.TrimSpace(expand(ts, ts.ReadFile(args[0]))), "\n")
	h, protocols := http.Header{}, []string(nil)
	for _, f := range head[1:] {
		k, v, _ := strings.Cut(f, ":")
		if v = strings.TrimSpace(v); strings.EqualFold(k, "Sec-WebSocket-Protocol") {
			protocols = strings.Split(v, ", ")
			continue
		}
		h.Set(k, v)
	}
	_, path, _ := strings.Cut(head[0], " ")
	ctx, cancel := within()
	defer cancel()
	c, res, err := websocket.Dial(ctx, "http://"+s.running.proxy+path, &websocket.DialOptions{HTTPHeader: h, Subprotocols: protocols})
	if res != nil {
		_, _ = io.WriteString(ts.Stdout(), s.steady(renderHead(res)))
	}
	if neg {
		if err == nil {
			_ = c.CloseNow()
			return errors.New("the WebSocket was opened")
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = c.CloseNow() }()
	for range 2 {
		if err := c.Write(ctx, websocket.MessageText, []byte(args[1])); err != nil {
			return err
		}
		if _, got, err := c.Read(ctx); err != nil || string(got) != args[1] {
			return fmt.Errorf("said %q, got %q: %v", args[1], got, err)
		}
	}
	return c.Close(websocket.StatusNormalClosure, "")
}
