package decode

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"blaze/telemetry/setting"
)

// What a problem's hint says: how whoever wrote the policy comes from what stands there to what was probably meant. A hint
// shows nothing of a value that was filled in.

// List says names, sorted, while they are few.
func List(what string, names []string) string {
	if len(names) == 0 || len(names) > 12 {
		return ""
	}
	return what + " " + strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// deeper finds the section below that has the key: cert, beside tls, belongs into it.
func deeper(key string, fields []Field) string {
	found := ""
	for _, f := range fields {
		t := f.Type
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || !slices.Contains(keysOf(Fields(t)), key) {
			continue
		}
		if found != "" {
			return "" // which of them is meant cannot be told
		}
		found = Join(f.Key, key)
	}
	return setting.Meant(found)
}

// unnamed finds the keys of one entry where the entries' names belong: upstreams: {engine: vllm}.
func unnamed(path, key string, v any, entry reflect.Type) string {
	if _, ok := v.(map[string]any); ok || entry.Kind() != reflect.Struct || IsText(entry) {
		return ""
	}
	if s, ok := v.(Scalar); ok && (s.Kind == Null || s.Kind == Unread) || !slices.Contains(keysOf(Fields(entry)), key) {
		return ""
	}
	return "a name comes first: " + Join(Join(path, "NAME"), key)
}

// noColon finds a text that would be a map but for its punctuation: required:true, max_body = 16MiB.
func noColon(v any, keys []string) string {
	s, ok := v.(Scalar)
	if !ok || s.Kind != String {
		return ""
	}
	if end := strings.IndexAny(s.Text, ":= "); end > 0 && slices.Contains(keys, s.Text[:end]) {
		return "a colon and a blank part a key from its value"
	}
	return ""
}

// noDash finds a text that would be a list but for the blanks after its dashes.
func noDash(v any) string {
	if s, ok := v.(Scalar); ok && s.Kind == String && len(s.Text) > 1 && s.Text[0] == '-' && s.Text[1] != '-' {
		return "a blank follows the dash of each item"
	}
	return ""
}

// meant asks whether text was meant by s.
func meant(s Scalar, text string) string {
	if s.Source != "" {
		return ""
	}
	return setting.Meant(text)
}

// choice is the one of the words that want lists which got is a slip of. Words are short and may be opposites: two edits
// make off of on, so that fewer are forgiven here than in a key.
func choice(got, want string) string {
	var words []string
	for _, list := range strings.Split(want, ", ") {
		for _, w := range strings.Split(list, " or ") {
			if !strings.Contains(w, " ") {
				words = append(words, w)
			}
		}
	}
	return setting.Within(max(len(got)/3, 1), strings.ToLower(got), words)
}

var durationUnits = map[string]time.Duration{
	"": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"msec": time.Millisecond, "millis": time.Millisecond,
}

// durationOf reads the durations that people write and Go does not: 60, 1min, 30 seconds, a day.
func durationOf(text string) string {
	digits := strings.TrimRight(text, " abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(digits)
	unit, ok := durationUnits[strings.TrimSpace(text[len(digits):])]
	if digits == "" {
		n, err = 1, nil
		ok = ok && text != ""
	}
	if !ok || err != nil || n < 0 || n > 1e6 {
		return ""
	}
	d := (time.Duration(n) * unit).String() // 1m0s
	if strings.HasSuffix(d, "m0s") {
		d = strings.TrimSuffix(d, "0s")
	}
	if strings.HasSuffix(d, "h0m") {
		d = strings.TrimSuffix(d, "0m")
	}
	return d
}

// slip explains a word or number that is nearly one.
func slip(s Scalar, kind reflect.Kind) string {
	if s.Source != "" {
		return ""
	}
	word := strings.ToLower(s.Text)
	if kind == reflect.Bool {
		switch word {
		case "true", "yes", "on", "y":
			return "did you mean true, without quotes?"
		case "false", "no", "off", "n":
			return "did you mean false, without quotes?"
		}
		return ""
	}
	if _, err := strconv.ParseFloat(word, 64); err == nil && s.Kind == String {
		return "did you mean " + word + ", without quotes?"
	}
	digits := strings.ReplaceAll(word, "_", "")
	if end := strings.IndexAny(digits, "/ "); end > 0 {
		digits = digits[:end]
	}
	if _, err := strconv.ParseUint(digits, 10, 63); err == nil && digits != word {
		return "did you mean " + digits + "?"
	}
	return ""
}

// variable finds a name that a shell would fill in, and a policy does not: ${NAME} anywhere, $NAME alone.
func variable(text string) string {
	if name, ok := strings.CutPrefix(text, "$"); ok && upperName(name) {
		return text
	}
	for before, rest, ok := strings.Cut(text, "${"); ok; before, rest, ok = strings.Cut(rest, "${") {
		name, _, closed := strings.Cut(rest, "}")
		if closed && upperName(name) && !strings.HasSuffix(before, "$") {
			return "${" + name + "}"
		}
	}
	return ""
}

func upperName(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && (s[0] < '0' || s[0] > '9')
}

// filled is how a policy names a shell's variable.
func filled(variable string) string { return "${env:" + strings.Trim(variable, "${}") + "}" }
