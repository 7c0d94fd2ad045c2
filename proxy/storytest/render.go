package storytest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// renderHead writes an answer's status and fields, in lower case and in order, but for those that net/http keeps apart.
func renderHead(res *http.Response) string {
	var lines []string
	for name, values := range res.Header {
		if name == "Date" {
			continue
		}
		for _, v := range values {
			lines = append(lines, strings.ToLower(name)+": "+v)
		}
	}
	if res.Close && res.Header.Get("Connection") == "" {
		lines = append(lines, "connection: close")
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d\n%s\n", res.StatusCode, strings.Join(lines, "\n"))
}

// What differs from run to run, and what it is written as.
var unsteady = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`(?mi)^(x-request-id: )[0-9a-f]{32}$`), "${1}(made)"},
	{regexp.MustCompile(`(?mi)^(x-ratelimit-reset-\w+: ).*$`), "${1}(soon)"},
	{regexp.MustCompile(`(?mi)^(age: )\d+$`), "${1}(seconds)"},
	{regexp.MustCompile(`(?mi)^(retry-after: )\d+$`), "${1}(seconds)"},
	{regexp.MustCompile(`(?mi)^(retry-after-ms: )\d+$`), "${1}(milliseconds)"},
	{regexp.MustCompile(`(?mi)^(ratelimit: .*;t=)\d+`), "${1}(seconds)"},
	{regexp.MustCompile(`(?mi)^(sec-websocket-(?:accept|key): ).*$`), "${1}(key)"},
}

// steady replaces what differs from run to run: made ids, times, and the addresses of this run.
func (s *story) steady(text string) string {
	for _, u := range unsteady {
		text = u.re.ReplaceAllString(text, u.to)
	}
	for name, b := range s.backends {
		text = strings.ReplaceAll(text, b.Addr(), name)
	}
	if s.running != nil {
		text = strings.ReplaceAll(text, s.running.proxy, "PROXY")
	}
	return text
}
