package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync/atomic"
)

// caseHeader marks every request with the number of its probe, so that the recorder knows what reached it.
const caseHeader = "X-Case"

const recorded = `{"id":"1","object":"chat.completion","choices":[]}`

// recorder is the model server: it notes which probes reach it, at the first sight of their head, and answers all alike.
// It reads bytes, not requests, so that it sees what a strict server would not accept.
type recorder struct {
	ln   net.Listener
	seen []atomic.Bool // by the probe's number
}

func record(probes int) (*recorder, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &recorder{ln: ln, seen: make([]atomic.Bool, probes)}
	go r.accept()
	return r, nil
}

func (r *recorder) accept() {
	for {
		c, err := r.ln.Accept()
		if err != nil {
			return
		}
		go r.serve(c)
	}
}

func (r *recorder) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReaderSize(c, 64<<10)
	for {
		method, err := r.one(in)
		if err != nil {
			return
		}
		answer := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(recorded)) + "\r\n\r\n"
		if method != "HEAD" {
			answer += recorded
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

// one reads a request to its end and returns its method.
func (r *recorder) one(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	method, _, _ := strings.Cut(line, " ")
	length, chunked := int64(0), false
	for {
		field, err := in.ReadBytes('\n')
		if err != nil {
			return "", err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(field), []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case len(bytes.TrimSpace(field)) == 0:
			return method, drain(in, length, chunked)
		case strings.EqualFold(string(name), caseHeader):
			r.see(string(value))
		case strings.EqualFold(string(name), "Content-Length"):
			length, _ = strconv.ParseInt(string(value), 10, 64)
		case strings.EqualFold(string(name), "Transfer-Encoding"):
			chunked = true
		}
	}
}

func (r *recorder) see(number string) {
	if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(r.seen) {
		r.seen[n].Store(true)
	}
}

// drain reads a body to its end.
func drain(in *bufio.Reader, length int64, chunked bool) error {
	if !chunked {
		_, err := io.CopyN(io.Discard, in, length)
		return err
	}
	if _, err := io.Copy(io.Discard, httputil.NewChunkedReader(in)); err != nil {
		return err
	}
	for { // trailers, and the empty line
		line, err := in.ReadString('\n')
		if err != nil || strings.TrimSpace(line) == "" {
			return err
		}
	}
}
