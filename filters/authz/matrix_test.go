package authz

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/upstream/engine"
)

var update = flag.Bool("update", false, "write routes.md anew")

// matrixRoles are the roles of the published matrix: one for each way of using an engine.
func matrixRoles() Config {
	return Config{Roles: map[string]Role{
		"user":     {Routes: []string{"inference"}},
		"observer": {Routes: []string{"health", "metrics"}},
		"operator": {Routes: []string{"inference", "utility", "health", "metrics", "admin"}},
	}}
}

// target is r's path with something in place of the parameters.
func target(r *engine.Route) string {
	parts := strings.Split(r.Path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "x1"
		}
	}
	return strings.Join(parts, "/")
}

func method(r *engine.Route) string {
	if r.Method == "*" {
		return "POST"
	}
	return r.Method
}

// TestMatrix asks about every route of every engine as every role, and holds the answers against the classes and against
// the published page.
func TestMatrix(t *testing.T) {
	filter := build(t, matrixRoles())
	var page bytes.Buffer
	page.WriteString(matrixHead)
	asked := 0
	for _, name := range engine.Names() {
		e, _ := engine.Lookup(name)
		fmt.Fprintf(&page, "\n## %s (%s)\n\n| route | class | stranger | user | observer | operator |\n|---|---|---|---|---|---|\n", name, e.Version)
		for i := range e.Routes {
			r := &e.Routes[i]
			row := fmt.Sprintf("| `%s %s` | %s ", r.Method, r.Path, r.Class)
			for _, role := range []string{"", "user", "observer", "operator"} {
				x := as(filterstest.NewFor(t, name, method(r)+" "+target(r)), role)
				if x.Endpoint != r {
					t.Fatalf("%s: %s %s is taken for another route", name, r.Method, target(r))
				}
				asked++
				got := verdictOf(filter.Request(x))
				if want := expected(role, r.Class); got != want {
					t.Errorf("%s: %s %s as %q: want %s; got %s", name, r.Method, r.Path, role, want, got)
				}
				row += "| " + got + " "
			}
			page.WriteString(row + "|\n")
		}
	}
	if asked < 800 {
		t.Errorf("only %d questions", asked)
	}
	comparePage(t, "routes.md", page.Bytes())
}

const matrixHead = `# Who may call what

Every route of every engine and the answer for a caller without credentials, for a user (` + "`routes: [inference]`" + `), an observer
(` + "`[health, metrics]`" + `) and an operator (all five classes). Whatever is not in this table is answered with 404, for everybody.
Written by ` + "`go test ./filters/authz -run TestMatrix -update`" + ` from the tables that the proxy uses; a test keeps it true.
`

func verdictOf(v filters.Verdict) string {
	if v.Passed() {
		return "yes"
	}
	return fmt.Sprint(v.Denial.Status)
}

// expected says what the classes alone demand.
func expected(role string, c engine.Class) string {
	switch {
	case role == "":
		return "401"
	case role == "operator",
		role == "user" && c == engine.Inference,
		role == "observer" && (c == engine.Health || c == engine.Metrics):
		return "yes"
	}
	return "403"
}

func comparePage(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says; run with -update (%v)", name, err)
	}
}

// disguises are other spellings of a path that some server, proxy or framework takes for the same one.
func disguises(path string) map[string]string {
	last := strings.LastIndexByte(path, '/')
	dir, base := path[:last], path[last+1:]
	return map[string]string{
		"two slashes":          "/" + path,
		"two slashes inside":   dir + "//" + base,
		"a dot segment":        dir + "/./" + base,
		"a way back":           "/a/.." + path,
		"a way back inside":    dir + "/x/../" + base,
		"encoded dots":         "/%2e" + path,
		"an encoded way back":  "/a/%2e%2e" + path,
		"an encoded slash":     dir + "%2f" + base,
		"an encoded slash, up": dir + "%2F" + base,
		"encoded twice":        dir + "%252f" + base,
		"an encoded letter":    dir + "/%" + fmt.Sprintf("%02x", base[0]) + base[1:],
		"a parameter":          path + ";x=1",
		"a parameter inside":   dir + ";x/" + base,
		"a backslash":          dir + `\` + base,
		"an encoded backslash": dir + "%5c" + base,
		"a slash at the end":   path + "/",
		"a dot at the end":     path + ".",
		"a dot segment behind": path + "/.",
		"NUL at the end":       path + "%00",
		"a blank at the end":   path + "%20",
		"a line end":           path + "%0a",
		"in capitals":          strings.ToUpper(path),
		"a look-alike":         dir + "/" + "%EF%BD%81" + base,
		"a suffix":             path + ".json",
	}
}

// TestDisguises: no other spelling of a forbidden route reaches it. It is refused as a path, is no route, or is a route
// that the caller may have.
func TestDisguises(t *testing.T) {
	filter := build(t, matrixRoles())
	asked := 0
	for _, name := range engine.Names() {
		e, _ := engine.Lookup(name)
		if name == "none" { // every path is its one route
			continue
		}
		for i := range e.Routes {
			r := &e.Routes[i]
			if len(r.Path) < 2 || strings.HasSuffix(r.Path, "/") {
				continue
			}
			for what, path := range disguises(target(r)) {
				asked++
				x := as(filterstest.NewFor(t, name, method(r)+" "+target(r)), "user")
				if x.Path.Parse([]byte(path)) != nil {
					continue
				}
				x.Endpoint, x.Allow = e.Match([]byte(method(r)), &x.Path)
				if x.Endpoint == r && !strings.Contains(r.Path, "{") {
					t.Errorf("%s: %s (%s) is taken for %s", name, path, what, r.Path)
				}
				if v := filter.Request(x); v.Passed() && x.Endpoint.Class != engine.Inference {
					t.Errorf("%s: %s (%s) passes as %s", name, path, what, x.Endpoint.Name)
				}
			}
		}
	}
	if asked < 4000 {
		t.Errorf("only %d disguises", asked)
	}
}
