package behavior

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"blaze/filters"
)

// mux serves the endpoints of w.
func mux(current func() *Tracker) *http.ServeMux {
	m := http.NewServeMux()
	for pattern, h := range Handlers(current) {
		m.Handle(pattern, h)
	}
	return m
}

func asked(m http.Handler, method, path, body string) (status int, text string) {
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestAdmin(t *testing.T) {
	w := newWorld(t, Config{})
	m := mux(func() *Tracker { return w.Tracker })
	f := func(method, path, body string, status int, holds string) {
		t.Helper()
		if got, text := asked(m, method, path, body); got != status || !strings.Contains(text, holds) {
			t.Errorf("%s %s %s: %d %s; want %d and %s", method, path, body, got, text, status, holds)
		}
	}
	f("GET", "/bans", "", 200, `{"bans":[],"total":0}`)
	f("POST", "/bans", `{"address":"203.0.113.7","for":"1h","reason":"seen in the log"}`, 200, `{"ban":{"id":"203.0.113.7","address":"203.0.113.7","since":"2026-11-24T12:00:00Z","until":"2026-11-24T13:00:00Z","by":"admin","reason":"seen in the log","count":1}}`)
	f("POST", "/bans", `{"address":"2001:db8::1"}`, 200, `"id":"2001:db8::/64","address":"2001:db8::/64","since":"2026-11-24T12:00:00Z","until":"2026-11-24T12:15:00Z"`)
	f("POST", "/bans", `{"address":"2001:db8:1::/64"}`, 200, `"2001:db8:1::/64"`)
	f("POST", "/bans", `{"address":"198.51.100.77/24"}`, 200, `"id":"198.51.100.0/24"`)
	f("POST", "/bans", `{"address":"::ffff:192.0.2.1"}`, 200, `"id":"192.0.2.1"`)
	f("POST", "/bans", `{"identity":"eve@example.com"}`, 200, `"id":"identity:eve@example.com","identity":"eve@example.com","issuer":"*"`)
	f("POST", "/bans", `{"identity":"a/b","issuer":"https://id.example"}`, 200, `"issuer":"https://id.example"`)
	for _, bad := range []string{
		``, `{`, `[]`, `{}`, `{"address":""}`, `{"address":"here"}`, `{"address":"10.0.0.0/33"}`, `{"address":"0.0.0.0/0"}`, `{"address":"::/0"}`,
		`{"address":"::ffff:0.0.0.0/96"}`, `{"address":"10.0.0.1","identity":"eve"}`, `{"address":"10.0.0.1","issuer":"x"}`, `{"address":"10.0.0.1","for":"soon"}`,
		`{"address":"10.0.0.1","for":"-1h"}`, `{"address":"10.0.0.1","for":"0s"}`, `{"address":"10.0.0.1","for":"1ms"}`, `{"address":"10.0.0.1","for":"999999h"}`,
		`{"address":"10.0.0.1","reason":"a\nline"}`, `{"address":"10.0.0.1","more":1}`, `{"identity":"` + strings.Repeat("x", 300) + `"}`,
		`{"address":"` + strings.Repeat("x", 9000) + `"}`,
	} {
		f("POST", "/bans", bad, 400, `"code":"invalid_request"`)
	}
	f("GET", "/bans", "", 200, `"total":7`)
	f("DELETE", "/bans/203.0.113.7", "", 200, `{"lifted":"203.0.113.7"}`)
	f("DELETE", "/bans/203.0.113.7", "", 404, `there is no ban of 203.0.113.7`)
	f("DELETE", "/bans/198.51.100.9", "", 404, `its network 198.51.100.0/24 is banned`)
	f("DELETE", "/bans/198.51.100.0/24", "", 200, ``)
	f("DELETE", "/bans/2001:db8::%2F64", "", 200, ``)
	f("DELETE", "/bans/2001:db8:1::5", "", 200, ``)
	f("DELETE", "/bans/here", "", 400, ``)
	f("DELETE", "/bans/", "", 400, ``)
	f("DELETE", "/bans/identity:eve@example.com", "", 200, ``)
	f("DELETE", "/bans/identity:a%2Fb?issuer=", "", 404, ``)
	f("DELETE", "/bans/identity:a%2Fb?issuer=https://id.example", "", 200, ``)
	f("POST", "/bans", `{"identity":"a/b","issuer":"https://id.example"}`, 200, ``)
	w.ends(as(from(t, "192.0.2.9"), "a/b", ""), filters.ThreatDetected, 5)
	f("DELETE", "/bans/identity:a%2Fb", "", 200, ``) // both
	f("DELETE", "/bans/identity:a%2Fb", "", 404, ``)
	f("GET", "/bans", "", 200, `"total":1`)
	none := mux(func() *Tracker { return nil })
	for _, r := range [][2]string{{"GET", "/bans"}, {"POST", "/bans"}, {"DELETE", "/bans/192.0.2.1"}} {
		if status, text := asked(none, r[0], r[1], "{}"); status != 409 || !strings.Contains(text, "off") {
			t.Errorf("without a scan: %d %s", status, text)
		}
	}
	if (*Tracker)(nil).Views() == nil {
		t.Error("no bans are null")
	}
}

// TestAdminShares: the caller is told whether the other replicas were.
func TestAdminShares(t *testing.T) {
	server := miniredis.RunT(t)
	a, b := replica(t, server.Addr()), replica(t, server.Addr())
	m := mux(func() *Tracker { return a.Tracker })
	if status, text := asked(m, "POST", "/bans", `{"address":"192.0.2.1"}`); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	looks(t, b)
	b.left(from(t, "192.0.2.1"), 15*time.Minute)
	server.Close()
	for _, r := range [][3]string{{"POST", "/bans", `{"address":"192.0.2.2"}`}, {"DELETE", "/bans/192.0.2.1", ""}} {
		if status, text := asked(m, r[0], r[1], r[2]); status != 202 || !strings.Contains(text, "warning") {
			t.Errorf("without Redis: %d %s", status, text)
		}
	}
	a.left(from(t, "192.0.2.2"), 15*time.Minute)
	a.left(from(t, "192.0.2.1"), 0)
}

// TestAdminHidesNothing: a subject is text of a client's identity provider: it stays one JSON string.
func TestAdminHidesNothing(t *testing.T) {
	w := newWorld(t, Config{})
	hostile := `"><script>alert(1)</script>`
	w.ends(as(from(t, "192.0.2.1"), hostile, ""), filters.ThreatDetected, 5)
	_, text := asked(mux(func() *Tracker { return w.Tracker }), "GET", "/bans", "")
	var list struct{ Bans []View }
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Bans) != 1 || list.Bans[0].Identity != hostile || strings.Contains(text, "<script>") {
		t.Errorf("%v: %s", err, text)
	}
}
