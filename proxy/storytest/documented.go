package storytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// endpointsDoc is where the admin port's answers are documented: for each endpoint a heading "### `GET /alerts`" and, under
// it, an example of its answer.
const endpointsDoc = "telemetry/README.md"

// documented asks the admin port and compares the answer's keys and types, at every depth, with its example. Where the
// stories' goldens are rewritten, so is the example. What the request's body is stands in FILE.
func (s *story) documented(ts *testscript.TestScript, _ bool, args []string) error {
	body := ""
	if len(args) > 2 {
		body = expand(ts, ts.ReadFile(args[2]))
	}
	status, text, err := s.askWith(args[0], args[1], body)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("status %d: %s: %w", status, text, errors.Join(err))
	}
	name, err := s.endpoint(args[0], args[1])
	if err != nil {
		return err
	}
	doc, err := os.ReadFile(endpointsDoc)
	if err != nil {
		return err
	}
	at := exampleOf(name).FindSubmatchIndex(doc)
	if at == nil {
		return fmt.Errorf("%s has no example of %s", endpointsDoc, name)
	}
	var got, want any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		return err
	}
	s.shown = append(s.shown, name)
	if s.update {
		text := strings.NewReplacer(ts.Getenv("WORK")+"/", "", s.backends["BACKEND"].Addr(), "127.0.0.1:8080").Replace(write(trim("", got), 0))
		return os.WriteFile(endpointsDoc, slices.Concat(doc[:at[2]], []byte(text+"\n"), doc[at[3]:]), 0o644)
	}
	if err := json.Unmarshal(doc[at[2]:at[3]], &want); err != nil {
		return fmt.Errorf("the example of %s: %w", name, err)
	}
	if different := compare("", shapeOf("", want), shapeOf("", got)); len(different) > 0 {
		return fmt.Errorf("%s is not as its example in %s shows it (go test . -run TestStories/endpoints -update rewrites it):\n%s\n%s",
			name, endpointsDoc, strings.Join(different, "\n"), text)
	}
	return nil
}

func exampleOf(name string) *regexp.Regexp {
	return regexp.MustCompile("(?s)\n### `" + regexp.QuoteMeta(name) + "`\n[^#]*?```json\n(.*?)```")
}

// endpoints lists what the admin port answers, by pattern.
func (s *story) endpoints() ([]string, error) {
	_, text, err := s.ask("GET", "/endpoints")
	if err != nil {
		return nil, err
	}
	var list struct{ Endpoints []string }
	err = json.Unmarshal([]byte(text), &list)
	return list.Endpoints, err
}

// endpoint is the pattern of the endpoint that answers a request.
func (s *story) endpoint(method, target string) (string, error) {
	all, err := s.endpoints()
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	for _, pattern := range all {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	req, err := http.NewRequest(method, "http://admin"+target, nil)
	if err != nil {
		return "", err
	}
	_, pattern := mux.Handler(req)
	return pattern, nil
}

// everything fails unless each endpoint that the admin port lists was documented in this story, but those named, which
// answer something else than JSON.
func (s *story) everything(_ *testscript.TestScript, _ bool, but []string) error {
	list, err := s.endpoints()
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		_, path, _ := strings.Cut(e, " ")
		if !slices.Contains(s.shown, e) && !slices.Contains(but, path) {
			errs = append(errs, fmt.Errorf("%s has no example that a story compares", e))
		}
	}
	if len(list) < 15 {
		errs = append(errs, fmt.Errorf("%d endpoints", len(list)))
	}
	return errors.Join(errs...)
}

// shape is what a JSON value is made of. The elements of a list, and the values of a map whose keys are data, are one
// shape: what any of them has.
type shape struct {
	kinds map[string]bool // string, number, bool, object, list; none for null
	keys  map[string]*shape
	each  *shape
}

// open are the objects whose keys are data: names of metrics, labels, checks, what a policy holds.
var open = regexp.MustCompile(`(^|\.)(metrics|labels|checks|denials_by_class|figures|quantiles)$`)

// free are the values of any shape.
var free = regexp.MustCompile(`^policy$`)

func shapeOf(path string, v any) *shape {
	s := &shape{kinds: map[string]bool{}}
	s.add(path, v)
	return s
}

func (s *shape) add(path string, v any) {
	switch v := v.(type) {
	case nil:
	case string:
		s.kinds["text"] = true
	case float64:
		s.kinds["number"] = true
	case bool:
		s.kinds["true or false"] = true
	case []any:
		s.kinds["list"] = true
		for _, e := range v {
			s.element(path, e)
		}
	case map[string]any:
		s.kinds["object"] = true
		for k, e := range v {
			if free.MatchString(path) {
				return
			}
			if open.MatchString(path) {
				s.element(path+".*", e)
				continue
			}
			if s.keys == nil {
				s.keys = map[string]*shape{}
			}
			if s.keys[k] == nil {
				s.keys[k] = &shape{kinds: map[string]bool{}}
			}
			s.keys[k].add(strings.TrimPrefix(path+"."+k, "."), e)
		}
	}
}

func (s *shape) element(path string, v any) {
	if s.each == nil {
		s.each = &shape{kinds: map[string]bool{}}
	}
	s.each.add(path, v)
}

// compare says how got differs from want. Null stands for any kind.
func compare(path string, want, got *shape) (out []string) {
	say := func(format string, args ...any) { out = append(out, path+": "+fmt.Sprintf(format, args...)) }
	if len(want.kinds) > 0 && len(got.kinds) > 0 && fmt.Sprint(want.kinds) != fmt.Sprint(got.kinds) {
		say("the example has %v, the answer %v", kinds(want), kinds(got))
	}
	for k, w := range want.keys {
		if got.keys[k] == nil {
			say("the answer has no %s", k)
			continue
		}
		out = append(out, compare(path+"."+k, w, got.keys[k])...)
	}
	for k := range got.keys {
		if want.keys[k] == nil {
			say("the example has no %s", k)
		}
	}
	switch {
	case want.each != nil && got.each != nil:
		out = append(out, compare(path+"[]", want.each, got.each)...)
	case want.each != nil:
		say("the answer is empty, so that nothing is compared")
	case got.each != nil:
		say("the example is empty")
	}
	slices.Sort(out)
	return out
}

func kinds(s *shape) (out []string) {
	for k := range s.kinds {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// trim leaves of every list, and of every map whose keys are data, one of each shape, and of long texts the beginning.
func trim(path string, v any) any {
	switch v := v.(type) {
	case string:
		if len(v) > 120 {
			return v[:117] + "..."
		}
	case []any:
		out, seen := []any{}, []*shape(nil)
		for _, e := range v {
			if known := shapeOf(path, e); isNew(&seen, known) {
				out = append(out, trim(path, e))
			}
		}
		return out
	case map[string]any:
		out, seen := map[string]any{}, []*shape(nil)
		for _, k := range keysOf(v) {
			at := strings.TrimPrefix(path+"."+k, ".")
			if open.MatchString(path) && strings.HasSuffix(path, "metrics") && !isNew(&seen, shapeOf(path+".*", v[k])) {
				continue
			}
			out[k] = trim(at, v[k])
		}
		return out
	}
	return v
}

func isNew(seen *[]*shape, s *shape) bool {
	for _, other := range *seen {
		if len(compare("", other, s)) == 0 && len(compare("", s, other)) == 0 && fmt.Sprint(other.kinds) == fmt.Sprint(s.kinds) {
			return false
		}
	}
	*seen = append(*seen, s)
	return true
}

func keysOf(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// write is v as JSON for people: what fits on a line stands on one.
func write(v any, depth int) string {
	line := one(v)
	if len(line)+2*depth <= 130 {
		return line
	}
	begin := "\n" + strings.Repeat("  ", depth+1)
	end := "\n" + strings.Repeat("  ", depth)
	var parts []string
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			parts = append(parts, write(e, depth+1))
		}
		return "[" + begin + strings.Join(parts, ","+begin) + end + "]"
	case map[string]any:
		for _, k := range keysOf(v) {
			parts = append(parts, one(k)+": "+write(v[k], depth+1))
		}
		return "{" + begin + strings.Join(parts, ","+begin) + end + "}"
	}
	return line
}

// one is v on one line, with blanks after colons and commas.
func one(v any) string {
	var parts []string
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			parts = append(parts, one(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		for _, k := range keysOf(v) {
			parts = append(parts, one(k)+": "+one(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSpace(b.String())
}
