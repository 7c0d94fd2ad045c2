package policy

import (
	"net/url"
	"strconv"
	"strings"

	"blaze/policy/decode"
)

const masked = "(hidden)"

// secretKeys are the words in a key's name that make its value a secret.
var secretKeys = []string{"secret", "password", "hash", "totp", "salt", "authorization", "api-key", "cookie", "hmac", "webhook", "private"}

// secretName reports whether the value of a key with that name is a secret. "key" alone is one too, but for the places
// where the policy names a file or an id by it.
func secretName(path, key string) bool {
	key = strings.ToLower(key)
	if path == "filters.scan.secrets" {
		return false // what is looked for, not what is kept
	}
	for _, w := range secretKeys {
		if strings.Contains(key, w) {
			return true
		}
	}
	switch key {
	case "token", "api_key", "credentials_token":
		return true
	case "key":
		return !strings.HasPrefix(path, "tests[") && !strings.HasSuffix(path, "tls.key")
	}
	return strings.HasSuffix(key, "_token")
}

// mask returns the tree at path as it may be shown: plain values, but for secrets. What came from the environment or a
// file is shown as it was written, ${env:…}, which says more than its value.
func mask(path string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			at := decode.Join(path, k)
			if secretName(at, k) {
				m[k] = hide(e)
			} else {
				m[k] = mask(at, e)
			}
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = mask(decode.At(path, i), e)
		}
		return l
	case decode.Scalar:
		if v.Source != "" {
			return v.Source
		}
		if v.Kind == decode.String && strings.Contains(v.Text, "://") {
			return maskURL(v.Text)
		}
	}
	return decode.Plain(v)
}

// hide masks everything under a secret's name but what says nothing by itself.
func hide(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = hide(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = hide(e)
		}
		return l
	case decode.Scalar:
		switch {
		case v.Source != "":
			return v.Source
		case v.Kind == decode.Null || v.Kind == decode.Bool || v.Text == "":
			return decode.Plain(v)
		}
	}
	return masked
}

// maskURL takes a password out of a URL.
func maskURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		return s
	}
	u.User = url.User(masked)
	return u.String()
}

// secrets collects the values that no message may hold, by path: those filled in, and those under a secret's name.
func secrets(path string, v any, under bool, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			at := decode.Join(path, k)
			secrets(at, e, under || secretName(at, k), out)
		}
	case []any:
		bare := strings.HasSuffix(path, ".api_keys") // a text there is a key itself, by mistake
		for i, e := range v {
			_, text := e.(decode.Scalar)
			secrets(decode.At(path, i), e, under || bare && text, out)
		}
	case decode.Scalar:
		if v.Kind == decode.String && strings.Contains(v.Text, "://") && maskURL(v.Text) != v.Text {
			out[path] = v.Text // with a password in it
		}
		if v.Text != "" && (v.Source != "" || under && v.Kind != decode.Null && v.Kind != decode.Bool) {
			out[path] = v.Text
		}
	}
}

// scrub takes secrets out of messages: a filter that says what it got does not know where its value came from.
func scrub(ps []Problem, values map[string]string) {
	for i := range ps {
		for path, s := range values {
			p := &ps[i]
			// A short value is found in innocent words; it is looked for only in what is said of its own place.
			if len(s) < 4 && p.Path != path {
				continue
			}
			p.Got, p.Hint, p.Want = conceal(p.Got, s), conceal(p.Hint, s), conceal(p.Want, s)
		}
	}
}

// conceal takes s out of text, as it is, as quoted, or cut short.
func conceal(text, s string) string {
	quoted := strconv.Quote(s)
	text = strings.ReplaceAll(text, s, masked)
	text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], masked)
	const start = 12
	if len(s) > start && strings.Contains(text, s[:start]) {
		return masked
	}
	return text
}
