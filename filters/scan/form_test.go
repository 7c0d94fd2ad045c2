package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/filters/scan/upload"
)

// multipartOf is a transcription with these parts, each a disposition and a value.
func multipartOf(t *testing.T, parts ...string) *filters.Exchange {
	t.Helper()
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--b\r\nContent-Disposition: form-data; " + p + "\r\n")
	}
	x := filterstest.New(t, "POST /v1/audio/transcriptions\nContent-Type: multipart/form-data; boundary=b")
	x.Body = []byte(b.String() + "--b--\r\n")
	return x
}

func fileOf(name, content string) string {
	return fmt.Sprintf("name=\"file\"; filename=\"%s\"\r\n\r\n%s", name, content)
}

// TestBoundsOfForms: a form of too many parts, or with a field that is too long, is not read to its end, so that no mode and no
// exception lets it pass.
func TestBoundsOfForms(t *testing.T) {
	var parts []string
	for i := range 257 {
		parts = append(parts, fmt.Sprintf("name=\"p%d\"\r\n\r\n1", i))
	}
	long := "name=\"title\"\r\n\r\n" + strings.Repeat("x", 1<<20+1)
	for _, mode := range []filters.Mode{filters.Enforce, filters.Shadow, filters.Off} {
		cfg := Config{Upload: Upload{Rule: Rule{Rollout: filters.Rollout{Mode: mode}}}, Except: []Exception{{Rule: "upload*"}}}
		for rule, x := range map[string]*filters.Exchange{"upload-parts": multipartOf(t, parts...), "upload-field": multipartOf(t, long)} {
			if v := judge(newFilter(t, cfg), x); !v.Denied() || v.Rule != rule || v.Denial.Status != 400 {
				t.Errorf("%v: %v by %q", mode, v.Denial, v.Rule)
			}
		}
	}
}

// TestFilesInShadow: in shadow the first find of a request is noted, and what stands behind it is still judged.
func TestFilesInShadow(t *testing.T) {
	f := newFilter(t, Config{Upload: Upload{Rule: Rule{Rollout: filters.Rollout{Mode: filters.Shadow}}, MaxFile: 1 << 20, MaxFiles: 8}})
	x := multipartOf(t, fileOf("a.php", "text"), fileOf("b.exe", "MZ program"), "name=\"title\"\r\n\r\n1' or 1=1 --")
	if v := judge(f, x); !v.Denied() || v.Field != "form.title" || len(x.Shadows) != 1 || x.Shadows[0].Rule != "upload-extension" {
		t.Errorf("%v at %q, noted %v", v.Denial, v.Field, x.Shadows)
	}
}

// TestEveryUploadRuleCanBeExcepted: with its exception what the rule alone has against a file passes; with any other it does not.
func TestEveryUploadRuleCanBeExcepted(t *testing.T) {
	few := []string{fileOf("a.txt", "text"), fileOf("b.txt", "text"), fileOf("c.txt", "text")}
	forms := map[string][]string{
		"upload-name":             {fileOf("a|b.txt", "text")},
		"upload-extension":        {fileOf("build.ps1", "text")},
		"upload-double-extension": {fileOf("a.php.txt", "text")},
		"upload-type":             {fileOf("a.txt", "MZ program")},
		"upload-archive":          {fileOf("a.txt", "PK\x03\x04\x14\x00\x00\x00\x08\x00")},
		"upload-polyglot":         {fileOf("a.gif", "GIF89a <?php echo 1;")},
		"upload-size":             {fileOf("a.txt", strings.Repeat("text ", 100))},
		"upload-count":            few,
	}
	if len(forms) != len(upload.Rules()) {
		t.Errorf("%d forms for %d rules", len(forms), len(upload.Rules()))
	}
	for rule, parts := range forms {
		if !slices.Contains(upload.Rules(), rule) {
			t.Errorf("no rule %s", rule)
		}
		for _, excepted := range append(upload.Rules(), "upload", "names") {
			cfg := Config{Upload: Upload{MaxFile: 400, MaxFiles: 2, Types: []string{"text/*", "image/*"}}, Except: []Exception{{Rule: excepted, Route: "audio.*", Field: "form.file"}}}
			x := multipartOf(t, parts...)
			v := judge(newFilter(t, cfg), x)
			passes := excepted == rule || excepted == "upload"
			if v.Passed() != passes || !passes && v.Rule != rule || passes && (len(x.Excepted) != 1 || x.Excepted[0].Rule != rule) {
				t.Errorf("%s excepted, %s: %v by %q, recorded %v", excepted, rule, v.Denial, v.Rule, x.Excepted)
			}
		}
	}
}

// TestNameInHeaderIsExcepted: a name that comes in a header has that header's field.
func TestNameInHeaderIsExcepted(t *testing.T) {
	f := newFilter(t, Config{Except: []Exception{{Rule: "upload-extension", Field: "header.x-filename"}}})
	for name, passes := range map[string]bool{"build.ps1": true, "a.php.txt": false, "..ps1": false} {
		for range 2 {
			x := filterstest.New(t, "POST /v1/chat/completions\nX-Filename: "+name)
			if v := f.Request(x); v.Passed() != passes {
				t.Errorf("%s: %v by %q", name, v.Denial, v.Rule)
			}
		}
	}
}
