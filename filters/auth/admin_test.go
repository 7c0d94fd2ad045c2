package auth

import (
	"net/http/httptest"
	"strings"
	"testing"

	"blaze/telemetry"
)

func TestSessionsHandler(t *testing.T) {
	var log []telemetry.Event
	filter := build(t, testConfig(), env(t, nil, &log))
	h := SessionsHandler(func() *Filter { return filter })
	f := func(method, body string, status int, want string) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/sessions/revoke", strings.NewReader(body)))
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s: want %d %s; got %d %s", method, body, status, want, w.Code, w.Body)
		}
	}
	f("GET", "", 200, `{"revoked":[]}`)
	f("POST", `{"key":"ci","reason":"lost","for":"24h"}`, 200, `"kind":"key","id":"ci","at":"2026-11-24T12:00:00Z","until":"2026-11-25T12:00:00Z","reason":"lost"`)
	if got := verdict(filter, exchange("x-api-key: "+userKey)); got != "invalid_api_key revoked" {
		t.Errorf("got %s", got)
	}
	f("GET", "", 200, `"id":"ci"`)
	f("POST", `{"key":"ci","lift":true}`, 200, `{"lifted":true}`)
	f("POST", `{"key":"ci","lift":true}`, 200, `{"lifted":false}`)
	if got := verdict(filter, exchange("x-api-key: "+userKey)); got != "pass ci-bot" {
		t.Errorf("got %s", got)
	}
	f("POST", `{"subject":"alice"}`, 200, `"kind":"subject"`)
	f("POST", `{"token":"t1"}`, 200, `"kind":"token"`)
	f("POST", `{}`, 400, "names one token, subject or key")
	f("POST", `{"key":"a","subject":"b"}`, 400, "names one token, subject or key")
	f("POST", `{"key":"a","for":"soon"}`, 400, "a duration such as 24h")
	f("POST", `{"user":"a"}`, 400, "want {")
	f("POST", `garbage`, 400, "want {")
	f("POST", `{"key":"`+strings.Repeat("a", maxAdminBody)+`"}`, 400, "want {")
	f("DELETE", "", 405, "GET or POST")
	if len(log) < 5 || log[0].Kind != "admin" || log[0].Rule != "revoke.key" {
		t.Errorf("admin actions are events: got %+v", log)
	}
	h = SessionsHandler(func() *Filter { return nil })
	f("GET", "", 404, "no auth section")
}
