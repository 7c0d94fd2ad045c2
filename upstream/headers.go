package upstream

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"blaze/telemetry/setting"
)

// Headers are what a pool changes in every request to its targets, after everything else. They belong to the pool: what
// is set for one upstream never reaches another, not by retry and not by fallback.
type Headers struct {
	Set    map[string]string `yaml:"set" doc:"fields to set; a value may hold ${identity.subject}, ${identity.tenant}, ${identity.tier} and ${request.id}. host is set like any other" example:"{authorization: \"Bearer ${env:MODEL_KEY}\", x-user: \"${identity.subject}\"}"`
	Remove []string          `yaml:"remove" doc:"fields to take out" example:"[x-internal]"`
}

// Vars are the values of the variables in headers.set for one exchange.
type Vars struct{ Subject, Tenant, Tier, RequestID string }

// rewrite is Headers, compiled.
type rewrite struct {
	drop []string // lower case; the names that are set too
	set  []setField
	host *setField
}

type setField struct {
	name  string
	parts []part
}

// part is literal text, or a variable.
type part struct {
	text     string
	variable variable
}

type variable uint8

const (
	literal variable = iota
	subject
	tenant
	tier
	requestID
)

var variables = [...]string{subject: "identity.subject", tenant: "identity.tenant", tier: "identity.tier", requestID: "request.id"}

// without is w, which may be nil, with more names to take out.
func (w *rewrite) without(names []string) *rewrite {
	if len(names) == 0 {
		return w
	}
	if w == nil {
		w = &rewrite{}
	}
	w.drop = append(w.drop, names...)
	return w
}

func newRewrite(cfg *Headers) (*rewrite, error) {
	if cfg == nil {
		return nil, nil
	}
	w := &rewrite{}
	var problems []error
	for i, name := range cfg.Remove {
		path := fmt.Sprintf("headers.remove[%d]", i)
		problems = append(problems, checkName(path, name))
		w.drop = append(w.drop, strings.ToLower(name))
	}
	names := make([]string, 0, len(cfg.Set))
	for name := range cfg.Set {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	for i, name := range names {
		path := "headers.set." + name
		if i > 0 && strings.EqualFold(names[i-1], name) {
			problems = append(problems, setting.Wrong(path, "each field once, in one spelling", name))
		}
		if !is([]byte(name), "host") {
			problems = append(problems, checkName(path, name))
		}
		f := setField{name: strings.ToLower(name)}
		var err error
		if f.parts, err = parseValue(path, cfg.Set[name]); err != nil {
			problems = append(problems, err)
		}
		if f.name == "host" {
			w.host = &f
			continue
		}
		w.drop = append(w.drop, f.name)
		w.set = append(w.set, f)
	}
	return w, errors.Join(problems...)
}

func checkName(path, name string) error {
	if !writable([]byte(name), nil) {
		return setting.Wrong(path, "a field name", name)
	}
	if ofConnection([]byte(name), false) {
		return setting.Wrong(path, "a field other than those of the connection and the framing", name)
	}
	return nil
}

// parseValue splits "Bearer ${identity.subject}". The value itself is never shown: it is likely a secret.
func parseValue(path, s string) (parts []part, err error) {
	if !writable([]byte("x"), []byte(s)) {
		return nil, setting.Wrong(path, "one line of text", "a value with a line break")
	}
	for s != "" {
		before, after, found := strings.Cut(s, "${")
		if before != "" {
			parts = append(parts, part{text: before})
		}
		if !found {
			break
		}
		name, rest, closed := strings.Cut(after, "}")
		v := slices.Index(variables[:], name)
		if !closed || v <= 0 {
			return nil, setting.Wrong(path, fmt.Sprintf("variables among %s", strings.Join(variables[1:], ", ")), "${"+name+"}")
		}
		parts = append(parts, part{variable: variable(v)})
		s = rest
	}
	return parts, nil
}

// drops reports whether the request's own field name is not sent.
func (w *rewrite) drops(name []byte) bool {
	if w == nil {
		return false
	}
	for _, d := range w.drop {
		if is(name, d) {
			return true
		}
	}
	return false
}

// append adds the fields that are set. One whose value would be empty or end its line early is left out: an upstream
// that trusts x-user must never be given a forged one.
func (w *rewrite) append(b []byte, v *Vars) []byte {
	if w == nil {
		return b
	}
	for i := range w.set {
		start := len(b)
		b = append(b, w.set[i].name...)
		b = append(b, ':', ' ')
		value := len(b)
		b = w.set[i].value(b, v)
		if len(b) == value || !printable(b[value:]) {
			b = b[:start]
			continue
		}
		b = append(b, '\r', '\n')
	}
	return b
}

// hostValue appends the Host field's value, or the target's own name.
func (w *rewrite) hostValue(b []byte, own string, v *Vars) []byte {
	if w == nil || w.host == nil {
		return append(b, own...)
	}
	start := len(b)
	b = w.host.value(b, v)
	if len(b) == start || !printable(b[start:]) {
		return append(b[:start], own...)
	}
	return b
}

func (f *setField) value(b []byte, v *Vars) []byte {
	for _, p := range f.parts {
		switch p.variable {
		case literal:
			b = append(b, p.text...)
		case subject:
			b = append(b, v.Subject...)
		case tenant:
			b = append(b, v.Tenant...)
		case tier:
			b = append(b, v.Tier...)
		case requestID:
			b = append(b, v.RequestID...)
		}
	}
	return b
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
