package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"
)

// patience is how long one request may take, to the end of its answer.
const patience = 10 * time.Second

// answer is what the client was told; a zero status is none.
type answer struct {
	status int
	code   string // the error's, of Blaze's own answers
}

// client sends raw requests to one address, over one connection for as long as the server keeps it.
type client struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

// do sends a request once, or twice where the connection had been used before and turns out to be closed. After one that
// is alone the connection is closed: its framing may lie, and what is left over would be answered as the next request.
func (c *client) do(method string, request []byte, alone bool) answer {
	if alone {
		defer c.close()
	}
	used := c.conn != nil
	a, err := c.try(method, request)
	if err != nil && used && a.status == 0 {
		a, _ = c.try(method, request)
	}
	return a
}

func (c *client) try(method string, request []byte) (answer, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, patience)
		if err != nil {
			return answer{}, err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	// A refused body may fail to be written; what counts is the answer.
	_, _ = c.conn.Write(request)
	a, keep, err := c.read(method)
	if err != nil || !keep {
		c.close()
	}
	return a, err
}

// read reads the final answer, and says whether the connection can carry another request.
func (c *client) read(method string) (answer, bool, error) {
	for {
		r, err := http.ReadResponse(c.in, &http.Request{Method: method})
		if err != nil {
			return answer{}, false, err
		}
		if r.StatusCode == http.StatusContinue {
			continue
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		_ = r.Body.Close()
		var told struct {
			Error struct{ Code string }
		}
		_ = json.Unmarshal(body, &told) // an answer without a code is one too
		return answer{r.StatusCode, told.Error.Code}, err == nil && !r.Close, nil
	}
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
