package upstream

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"blaze/telemetry/setting"
)

func TestHeadersSetAndRemoved(t *testing.T) {
	var got string
	b := serve(t, func(b *backend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			s := b.request(r)
			if s == "" {
				return
			}
			got = s
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	f := func(h *Headers, v Vars, want string) {
		t.Helper()
		cfg := config(b.url())
		cfg.Headers = h
		r := get()
		r.Head = head("GET", "Authorization: Bearer clients", "X-Internal: 1", "X-User: spoofed", "X-Keep: yes")
		r.Vars = v
		if res := ask(makePool(t, cfg), r); res.err != nil {
			t.Fatal(res.err)
		}
		if want = strings.ReplaceAll("GET /v1/models HTTP/1.1\nHost: "+want+"\n\n", "\n", "\r\n"); got != want {
			t.Errorf("got\n%q\nwant\n%q", got, want)
		}
	}
	host := b.ln.Addr().String()
	full := &Headers{
		Set:    map[string]string{"authorization": "Bearer key", "X-User": "${identity.subject}@${identity.tenant}", "x-id": "${request.id}/${identity.tier}!"},
		Remove: []string{"x-internal"},
	}
	f(full, Vars{"ann", "acme", "gold", "r1"}, host+"\nX-Keep: yes\nauthorization: Bearer key\nx-id: r1/gold!\nx-user: ann@acme")
	f(full, Vars{"ann\r\nx-admin: 1", "acme", "gold", "r1"}, host+"\nX-Keep: yes\nauthorization: Bearer key\nx-id: r1/gold!")
	only := &Headers{Set: map[string]string{"x-user": "${identity.subject}", "Host": "model.internal"}}
	f(only, Vars{}, "model.internal\nAuthorization: Bearer clients\nX-Internal: 1\nX-Keep: yes")
	f(nil, Vars{}, host+"\nAuthorization: Bearer clients\nX-Internal: 1\nX-User: spoofed\nX-Keep: yes")
}

func TestHeaderProblems(t *testing.T) {
	f := func(h Headers, want string) {
		t.Helper()
		_, err := newRewrite(&h)
		got := ""
		for _, p := range setting.Problems(err) {
			got += p.Error() + "\n"
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
	set := func(name, value string) Headers { return Headers{Set: map[string]string{name: value}} }
	f(set("x-a", "b"), "")
	f(set("x a", "b"), `headers.set.x a: want a field name; got "x a"`)
	f(set("Content-Length", "3"), `headers.set.Content-Length: want a field other than those of the connection and the framing; got "Content-Length"`)
	f(set("x-a", "secret\nx"), `headers.set.x-a: want one line of text; got "a value with a line break"`)
	f(set("x-a", "secret ${identity.role}"), `headers.set.x-a: want variables among identity.subject, identity.tenant, identity.tier, request.id; got "${identity.role}"`)
	f(set("x-a", "secret ${}"), `headers.set.x-a: want variables among identity.subject, identity.tenant, identity.tier, request.id; got "${}"`)
	f(set("x-a", "secret ${request.id"), `headers.set.x-a: want variables among identity.subject, identity.tenant, identity.tier, request.id; got "${request.id}"`)
	f(Headers{Set: map[string]string{"x-a": "1", "X-A": "2"}}, `headers.set.x-a: want each field once, in one spelling; got "x-a"`)
	f(Headers{Remove: []string{"host"}}, `headers.remove[0]: want a field other than those of the connection and the framing; got "host"`)
}
