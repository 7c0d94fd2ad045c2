package enginetest_test

import (
	"strings"
	"testing"

	"blaze/upstream/engine"
	"blaze/upstream/engine/enginetest"
)

// Every route of every engine, in every disguise: no path at all, an unknown one, or one that an own {parameter} of a route
// no more dangerous swallows. Never the route itself.
func TestNoDisguiseReachesARoute(t *testing.T) {
	routes, disguises := 0, 0
	for _, name := range engine.Names() {
		e, _ := engine.Lookup(name)
		if name == "none" {
			continue
		}
		for i := range e.Routes {
			r := &e.Routes[i]
			path := enginetest.Fill(r, "zz")
			if path == "/" {
				continue
			}
			routes++
			for _, d := range enginetest.Disguises(path) {
				disguises++
				var p engine.Path
				err := p.Parse([]byte(d.Path))
				if (err != nil) != d.Refused {
					t.Errorf("%s %s, %s (%s): want refused %v; got %v", name, path, d.Name, d.Path, d.Refused, err)
				}
				if err != nil {
					continue
				}
				got, _ := e.Match([]byte(r.Method), &p)
				if got != nil && literal(got, r) {
					t.Errorf("%s %s, %s (%s): leads to %s", name, path, d.Name, d.Path, got.Path)
				}
			}
		}
	}
	if routes < 200 || disguises < 8000 {
		t.Errorf("ran %d routes in %d disguises only", routes, disguises)
	}
}

// literal reports whether got was reached by the disguise of a path that it does not swallow in a parameter.
func literal(got, asked *engine.Route) bool {
	if got == asked { // a disguised parameter is another parameter
		last := got.Path[len(got.Path)-1]
		return last != '}'
	}
	return got.Class > asked.Class || !strings.Contains(got.Path, "{")
}
