package demo

import (
	"fmt"
	"strings"
)

// Lines is what blaze demo prints: shell lines to paste, one for each thing that Blaze does. proxied and admin are the
// addresses of the two ports.
func Lines(proxied, admin, user, operator string) string {
	base := "http://" + loopback(proxied)
	admin = "http://" + loopback(admin)
	const hello = `"messages":[{"role":"user","content":"Hello"}]}`
	curl := func(options, path, key, more string) string {
		return "curl -sS" + options + " '" + base + path + "' -H 'authorization: Bearer " + key + "'" + more
	}
	chat := func(options, key, headers, body string) string {
		return curl(options, "/v1/chat/completions", key, headers+" -H 'content-type: application/json' -d '"+body+"'")
	}
	status := " -o /dev/null -w '%{http_code} '"
	var b strings.Builder
	try := func(what, line string) { fmt.Fprintf(&b, "# %s\n%s\n\n", what, line) }

	fmt.Fprintf(&b, "Blaze serves a demo model backend (a test server inside this process) through its full pipeline.\n\n"+
		"  proxied port  %s\n  dashboard     %s/\n  user key      %s\n  operator key  %s\n\nServed:\n\n", base, admin, user, operator)
	try("a chat answer", chat("", user, "", `{"model":"demo-small",`+hello))
	try("the same, streamed token by token", chat("N", user, "", `{"model":"demo-small","stream":true,"messages":[{"role":"user","content":"Tell me a story"}]}`))
	try("SQL in a prompt is welcome", chat("", user, "", `{"model":"demo-small","messages":[{"role":"user","content":"Explain: SELECT * FROM t WHERE 1=1 OR 1=1 --"}]}`))

	b.WriteString("Refused, one line for each filter:\n\n")
	try("access: an address on the deny list", chat("", user, " -H 'x-forwarded-for: 203.0.113.7'", `{"model":"demo-small",`+hello))
	try("scan: SQL where no prompt belongs", curl("", "/v1/models?q=1%27%20OR%20%271%27=%271", user, ""))
	try("auth: no key", "curl -sS "+base+"/v1/models")
	try("authz: a model this key may not use", chat("", user, "", `{"model":"demo-large",`+hello))
	try("params: more answers at once than the policy allows", chat("", user, "", `{"model":"demo-small","n":5,`+hello))
	try("ratelimit: more requests at once than the key's burst", "for i in $(seq 12); do "+curl(status, "/v1/models", user, "")+"; done; echo")
	try("circuit: a model server that fails until the breaker opens, and for five seconds more",
		"for i in $(seq 8); do "+chat(status, operator, " -H 'x-demo-status: 500'", `{"model":"demo-large",`+hello)+"; done; echo")
	fmt.Fprintf(&b, "What happened:\n\ncurl -sS %s/metrics/prometheus\ncurl -sS %s/health/detailed\n\nStop with Ctrl-C.\n", admin, admin)
	return b.String()
}

// loopback is where a listening address is reached from here.
func loopback(addr string) string {
	for _, any := range [...]string{"[::]:", "0.0.0.0:"} {
		if port, ok := strings.CutPrefix(addr, any); ok {
			return "127.0.0.1:" + port
		}
	}
	return addr
}
