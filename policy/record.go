package policy

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// record is one line of an audit log, as far as a replay reads it.
type record struct {
	Time    string    `json:"time"`
	ID      string    `json:"request_id"`
	Client  string    `json:"client"`
	Subject string    `json:"subject"`
	Tenant  string    `json:"tenant"`
	Tier    string    `json:"tier"`
	KeyID   string    `json:"key_id"`
	Method  string    `json:"method"`
	Status  int       `json:"status"`
	Filter  string    `json:"filter"`
	Rule    string    `json:"rule"`
	Code    string    `json:"code"`
	Torn    *struct{} `json:"torn"` // the line before it is half of one, which a crash has left
	Request *struct {
		Target  string `json:"target"`
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
		Roles     []string `json:"roles"`
		BodyBytes int      `json:"body_bytes"`
		Body      *string  `json:"body"`
	} `json:"request"`
}

// call makes the call of a record.
func (r *record) call() (Call, error) {
	at, err := time.Parse(time.RFC3339Nano, r.Time)
	if err != nil {
		return Call{}, fmt.Errorf("not a time: %q", r.Time)
	}
	client, err := netip.ParseAddr(r.Client)
	if err != nil {
		return Call{}, fmt.Errorf("not an address: %q", r.Client)
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", r.Method, r.Request.Target)
	host := false
	for _, h := range r.Request.Headers {
		if strings.ContainsAny(h.Name+h.Value, "\r\n") {
			return Call{}, fmt.Errorf("a header field %q over more than one line", h.Name)
		}
		host = host || strings.EqualFold(h.Name, "host")
		fmt.Fprintf(&head, "%s: %s\r\n", h.Name, h.Value)
	}
	if !host {
		head.WriteString("Host: blaze.test\r\n")
	}
	head.WriteString("\r\n")
	c := Call{Head: head.Bytes(), Client: client, Key: r.KeyID, ID: r.ID, At: at}
	if r.Request.Body != nil {
		c.Body = []byte(*r.Request.Body)
	}
	return c, nil
}

// byPolicy reports whether an answer with this code was the policy's decision, and not that of a model server or a clock.
func (r *record) byPolicy() bool {
	switch r.Code {
	case "", "upstream_error", "upstream_unavailable", "upstream_timeout", "draining", "internal_error", "request_timeout":
		return false
	case "queue_full", "queue_timeout":
		return r.Filter == "ratelimit"
	}
	return true
}

// malformed reports whether the request was refused before any filter, for the bytes of its head.
func (r *record) malformed() bool {
	return (r.Filter == "" || r.Filter == "proxy") && r.Code == "invalid_request" && r.Rule == "http"
}

// verdict is what was recorded: pass, or what refused.
func (r *record) verdict() string {
	if !r.byPolicy() {
		return "pass"
	}
	by := r.Filter
	if by == "" {
		by = "proxy"
	}
	return r.Code + " " + by + "/" + r.Rule
}
