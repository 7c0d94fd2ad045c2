package scan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"blaze/filters"
	"blaze/filters/scan/detect"
	"blaze/filters/scan/secrets"
	"blaze/filters/scan/ssrf"
	"blaze/filters/scan/upload"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

// Exception is a rule that is not asked in one place.
type Exception struct {
	Rule  string `yaml:"rule" doc:"the rule, as the log names it (sqli-comment), or its class (sqli, ssrf, upload, names); * stands for any run of characters" example:"sqli-comment"`
	Route string `yaml:"route" doc:"where alone it is excepted: the name of a route of the policy, of one of the engines (chat.completions), or a class (inference, utility, health, metrics, admin), with *; without it, on every route" example:"models.*"`
	Field string `yaml:"field" doc:"in which field alone it is excepted: the field as the refusal names it (query.q, header.x-note, cookie.theme, form.title, path, body), a field of a JSON body with body. before it, with *; without it, in every field" example:"body.metadata.*"`
}

// pathBytes bounds how many bytes of bodies are read again for one request, to name the fields of what was found there.
// Beyond it nothing is excepted any more: a hostile body of many hits costs no more than this.
const pathBytes = 4 << 20

// exempt reports whether an exception of the policy covers rule, of class, at the place where it hit, and records it.
func (p *pass) exempt(class, rule string, at spot) bool {
	if len(p.f.cfg.Except) == 0 {
		return false
	}
	field := ""
	for i := range p.f.cfg.Except {
		e := &p.f.cfg.Except[i]
		if !setting.Match(e.Rule, rule) && !setting.Match(e.Rule, class) || !e.onRoute(p.x) {
			continue
		}
		if field == "" && e.Field != "" {
			if field = p.fieldOf(at); field == "" {
				return false
			}
		}
		if e.Field != "" && !setting.Match(strings.ToLower(e.Field), field) {
			continue
		}
		p.count(p.f.excepted)
		p.used = true
		p.x.Excepted = append(p.x.Excepted, filters.Excepted{Filter: name, Rule: rule, Field: at.String()})
		return true
	}
	return false
}

// fieldOf is the field's name in lower case, a JSON field's with body. before it; empty when finding out costs too much.
func (p *pass) fieldOf(at spot) string {
	if at.doc == nil {
		return strings.ToLower(at.String())
	}
	if p.paths += len(at.doc.Body); p.paths > pathBytes {
		return ""
	}
	return "body." + strings.ToLower(at.String())
}

// onRoute reports whether x is on the exception's route.
func (e *Exception) onRoute(x *filters.Exchange) bool {
	if e.Route == "" || x.Route != "" && setting.Match(e.Route, x.Route) {
		return true
	}
	return x.Endpoint != nil && (setting.Match(e.Route, x.Endpoint.Name) || setting.Match(e.Route, x.Endpoint.Class.String()))
}

// checkExceptions lists what is wrong with the exceptions: most of all a name that is none, since such an exception would
// silently do nothing. routes are the names of the policy's own routes.
func checkExceptions(list []Exception, routes []string) error {
	var problems []error
	rules, places := ruleNames(), append(routeNames(), routes...)
	for i, e := range list {
		wrong := func(key, want, got string, names []string) {
			p := &setting.Problem{Path: "except[" + strconv.Itoa(i) + "]." + key, Want: want, Got: fmt.Sprintf("%q", got)}
			if n := setting.Nearest(got, names); n != "" {
				p.Hint = fmt.Sprintf("did you mean %q?", n)
			}
			problems = append(problems, p)
		}
		if !matchesAny(e.Rule, rules) {
			wrong("rule", "a rule or class of the scan", e.Rule, rules)
		}
		if e.Route != "" && !matchesAny(e.Route, places) {
			wrong("route", "the name of a route of the policy or of an engine, or a class of routes", e.Route, places)
		}
		if e.Field != "" && !isField(e.Field) {
			wrong("field", "a field such as query.q, header.x-note, cookie.theme, form.title, path, body or body.metadata.*", e.Field, nil)
		}
	}
	return errors.Join(problems...)
}

func matchesAny(pattern string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return pattern != "" && setting.Match(pattern, n) })
}

// isField reports whether pattern can match the name of a field.
func isField(pattern string) bool {
	kind, rest, dotted := strings.Cut(strings.ToLower(pattern), ".")
	if strings.Contains(kind, "*") {
		return true
	}
	switch kind {
	case "path":
		return !dotted
	case "body":
		return !dotted || rest != ""
	case "query", "header", "cookie", "form":
		return dotted && rest != ""
	}
	return false
}

// ruleNames lists what an exception may name: the rules, and their classes.
func ruleNames() (names []string) {
	for _, r := range detect.Rules() {
		names = append(names, r.ID)
	}
	for c := detect.Class(0); c < detect.Classes; c++ {
		names = append(names, c.String())
	}
	names = append(names, ssrf.Rules()...)
	for _, k := range secrets.Kinds() {
		names = append(names, "secrets-"+k.ID)
	}
	names = append(append(names, upload.Rules()...), hitUpload.String())
	names = append(names, hitSecrets.String(), hitInvisible.String(), ruleInvisible)
	return append(names, hitNames.String(), hitSSRF.String(), ruleModelName, ruleToolName, rulePrompt)
}

// routeNames lists the routes of every engine and their classes.
func routeNames() (names []string) {
	for _, n := range engine.Names() {
		e, _ := engine.Lookup(n)
		for i := range e.Routes {
			names = append(names, e.Routes[i].Name, e.Routes[i].Class.String())
		}
	}
	return names
}
