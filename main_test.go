package main

import (
	"context"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"blaze/filters"
	"blaze/policy"
	"blaze/proxy"
	"blaze/proxy/storytest"
	"blaze/telemetry"
)

var update = flag.Bool("update", false, "rewrite what the stories' cmp commands compare with")

func TestMain(m *testing.M) { storytest.Main(m, main) }

// TestStories runs testdata/script: each story is one whole exchange, or a few, through the whole program.
func TestStories(t *testing.T) { storytest.Run(t, "testdata/script", 25, *update, run) }

// TestEveryDenialHasAStory: each code of the catalogue is in an answer that a story shows. internal_error alone has none:
// it takes a bug.
func TestEveryDenialHasAStory(t *testing.T) {
	stories, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range stories {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, d := range filters.Catalogue() {
		if d != filters.InternalError && !strings.Contains(all.String(), `,"code":"`+d.Code+`"}}`) {
			t.Errorf("no story shows the answer %s", d)
		}
	}
}

// goFiles calls f for every Go file of the project, with its slash-separated path, and fails when there are too few.
func goFiles(t *testing.T, f func(name string)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && p != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(p, ".go") {
			n++
			f(filepath.ToSlash(p))
		}
		return err
	})
	if err != nil || n < 50 {
		t.Fatalf("walked %d Go files: %v", n, err)
	}
}

// floor is how high a package lives: an import must go down. Packages that are one room share a floor and import each
// other freely; siblings under filters are rooms of their own.
func floor(pkg string) (room string, level int) {
	first, rest, _ := strings.Cut(pkg, "/")
	second, _, _ := strings.Cut(rest, "/")
	switch {
	case first == "telemetry":
		return first, 0
	case first == "upstream":
		return first, 1
	case first == "filters" && second == "":
		return first, 2
	case pkg == "filters/filterstest":
		return pkg, 3
	case first == "filters":
		return first + "/" + second, 4
	case first == "policy":
		return first, 5
	case first == "proxy":
		return first, 6
	case first == "." || first == "":
		return "main", 7
	case first == "bench":
		return first, 8
	}
	return pkg, -1
}

// TestImportsPointRight keeps main → proxy → policy → filters/* → filters → upstream → telemetry.
func TestImportsPointRight(t *testing.T) {
	imports := 0
	goFiles(t, func(name string) {
		from, high := floor(path.Dir(name))
		if high < 0 {
			t.Errorf("%s: there is no such room in the house", name)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			imported, _ := strconv.Unquote(i.Path.Value)
			if imported != "blaze" && !strings.HasPrefix(imported, "blaze/") {
				continue
			}
			imports++
			to, low := floor(strings.TrimPrefix(strings.TrimPrefix(imported, "blaze"), "/"))
			switch {
			case from != to && low >= high:
				t.Errorf("%s imports %s: imports point right, from %s only to lower floors", name, imported, from)
			case imported == "blaze/upstream" && high == 4 && from != "filters/circuit" && !strings.HasSuffix(name, "_test.go"):
				onlyCancel(t, name, file)
			}
		}
	})
	if imports < 100 {
		t.Fatalf("saw %d imports of the project's own packages", imports)
	}
}

// onlyCancel: circuit is the one filter that touches upstream; the others know no more of it than how to wait until the
// client has gone.
func onlyCancel(t *testing.T, name string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "upstream" && sel.Sel.Name != "Cancel" {
				t.Errorf("%s uses upstream.%s: circuit is the one filter that touches upstream", name, sel.Sel.Name)
			}
		}
		return true
	})
}

func TestNoStrayTopLevel(t *testing.T) {
	frame := strings.Fields(`main.go main_test.go proxy filters policy upstream telemetry testdata bench Dockerfile go.mod go.sum
		README.md LICENSE .ci .github .golangci.yml .gitignore .dockerignore .git`)
	ignored, err := os.ReadFile(".gitignore")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) < 10 {
		t.Fatalf("read %d entries: %v", len(entries), err)
	}
	for _, e := range entries {
		stray := !slices.Contains(frame, e.Name())
		for pattern := range strings.Lines(string(ignored)) {
			if ok, _ := path.Match(strings.Trim(pattern, "/\n"), e.Name()); ok {
				stray = false
			}
		}
		if stray {
			t.Errorf("%s does not belong at the top level", e.Name())
		}
	}
}

// TestReadmePolicies compiles every policy that a README shows: each ```yaml block that names a policy's version.
func TestReadmePolicies(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```yaml\n(version: 1\n.*?)^```")
	files, policies := 0, 0
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "README.md" {
			return err
		}
		files++
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for i, m := range block.FindAllSubmatch(text, -1) {
			policies++
			t.Run(fmt.Sprintf("%s/%d", p, i+1), func(t *testing.T) { compiles(t, m[1]) })
		}
		return nil
	})
	if err != nil || files < 5 || policies < 5 {
		t.Fatalf("found %d policies in %d READMEs: %v", policies, files, err)
	}
}

// compiles checks a policy as blaze check does, its tests included: nothing is opened or written. Every variable has a value.
func compiles(t *testing.T, source []byte) {
	t.Helper()
	report := policy.Check(policy.Options{
		Source: source, Upstream: "http://127.0.0.1:8080", Gate: proxy.Gate(),
		Env: func(string) (string, bool) { return strings.Repeat("5e", 32), true },
	})
	if report.Bad() {
		var text strings.Builder
		_ = report.WriteText(&text)
		t.Errorf("%s\nin\n%s", text.String(), source)
	}
}

// TestReadmeWalk runs the README's five minutes from nothing to a policy of one's own: its shell blocks, one after the other
// in one shell, as they stand. The machine's ports may be taken, so it has a network of its own where the kernel gives one;
// elsewhere the two port numbers are replaced.
func TestReadmeWalk(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, walk, _ := strings.Cut(string(readme), "<!-- walk -->\n")
	walk, _, _ = strings.Cut(walk, "<!-- end -->")
	script := "set -e -m\n"
	blocks := regexp.MustCompile("(?ms)^   ```sh\n(.*?)^   ```").FindAllStringSubmatch(walk, -1)
	for _, b := range blocks {
		script += strings.ReplaceAll("\n"+strings.TrimSuffix(b[1], "\n"), "\n   ", "\n") + "\n"
	}
	if len(blocks) < 6 {
		t.Fatalf("the README's walk has %d blocks", len(blocks))
	}
	dir := t.TempDir()
	sources(t, dir)
	shell := []string{"unshare", "-rn", "bash", "-c", "ip link set lo up\n" + script}
	if exec.Command("unshare", "-rn", "ip", "link", "set", "lo", "up").Run() != nil {
		t.Log("no network of one's own here: the ports are replaced")
		proxied, admin := freePort(t), freePort(t)
		script = strings.NewReplacer("127.0.0.1:8000", proxied, "127.0.0.1:9000", admin).Replace(script)
		shell = []string{"env", "BLAZE_LISTEN=" + proxied, "BLAZE_ADMIN=" + admin, "bash", "-c", script}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, shell[0], shell[1:]...)
	c.Dir, c.WaitDelay = dir, time.Second
	c.Env = append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0") // what was built in another folder, or for a release, need not be built again
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\nof\n%s", err, out, script)
	}
	rest := string(out)
	for _, want := range []string{"blz_", "ok: 1 file, 0 warnings; tests: 3 passed", "ready", `"object":"chat.completion"`, " 200\n",
		`"code":"model_not_allowed"`, " 403\n", `"rule": "model"`, `"status": "reloaded"`, `"object":"chat.completion"`, " 200\n"} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("want %q next in\n%s\nof\n%s", want, rest, out)
		}
		rest = after
	}
}

// sources copies what the program is built from.
func sources(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum", "main.go", "filters", "policy", "proxy", "telemetry", "upstream"} {
		to := filepath.Join(dir, name)
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(to, text, 0o644)
		} else {
			err = os.CopyFS(to, os.DirFS(name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// TestReadmeTables compares the README's tables of flags and errors with the code; -update rewrites them.
func TestReadmeTables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(readme)
	for _, table := range []struct{ name, want string }{{"flags", flagTable()}, {"errors", errorTable()}} {
		begin := "<!-- " + table.name + " -->\n"
		from := strings.Index(text, begin) + len(begin)
		to := strings.Index(text[from:], "<!-- end -->")
		if from < len(begin) || to < 0 {
			t.Fatalf("the README has no table of %s", table.name)
		}
		if text[from:from+to] != table.want && !*update {
			t.Errorf("the README's table of %s is not what the code says; go test . -run TestReadmeTables -update rewrites it", table.name)
		}
		text = text[:from] + table.want + text[from+to:]
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func flagTable() string {
	var b strings.Builder
	b.WriteString("| flag | default | |\n|---|---|---|\n")
	runFlags(new(settings)).VisitAll(func(f *pflag.Flag) {
		value := "none"
		if f.DefValue != "" {
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, value, f.Usage)
	})
	return b.String()
}

func errorTable() string {
	var b strings.Builder
	b.WriteString("| status | code | says |\n|---|---|---|\n")
	for _, d := range filters.Catalogue() {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", d.Status, d.Code, d.Message)
	}
	return b.String()
}

// section is what the README has between a marker and the next end.
func section(t *testing.T, name string) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "<!-- "+name+" -->\n")
	text, _, closed := strings.Cut(rest, "<!-- end -->")
	if !found || !closed {
		t.Fatalf("the README has no table of %s", name)
	}
	return text
}

// TestReadmeOperations: what the operations table sends people to look at is there: metrics with those labels, error codes, policy keys.
func TestReadmeOperations(t *testing.T) {
	text, metrics := section(t, "operations"), 0
	known, labels := map[string][]string{}, regexp.MustCompile(`\b(blaze_\w+)(?:\{(\w+)=)?`)
	for _, m := range telemetry.Catalogue() {
		known[m.Name] = m.Labels
	}
	for _, m := range labels.FindAllStringSubmatch(text, -1) {
		metrics++
		if own, ok := known[m[1]]; !ok || m[2] != "" && !slices.Contains(own, m[2]) {
			t.Errorf("there is no metric %s", m[0])
		}
	}
	codes := map[string]bool{}
	for _, d := range filters.Catalogue() {
		codes[d.Code] = true
	}
	for _, m := range regexp.MustCompile("[45][0-9][0-9] `(\\w+)`").FindAllStringSubmatch(text, -1) {
		if !codes[m[1]] {
			t.Errorf("there is no error %s", m[1])
		}
	}
	var schema strings.Builder
	if err := policy.WriteSchema(&schema); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`(?:proxy|filters\\.\\w+)\\.(\\w+)`").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(schema.String(), `"`+m[1]+`"`) {
			t.Errorf("there is no policy key %s", m[0])
		}
	}
	if metrics < 20 {
		t.Errorf("only %d metrics in the table", metrics)
	}
}

// TestReadmeOperationsIsWhole: every bound that a policy can set has its line in the operations table, by its key or its section's.
func TestReadmeOperationsIsWhole(t *testing.T) {
	text := section(t, "operations")
	bound := regexp.MustCompile(`^(max|max_\w+|\w*timeout|keep|read|window|within|depth)$`)
	noBound := map[string]string{
		"proxy.cors.max_age":                          "how long a browser may remember a preflight's answer",
		"filters.ratelimit.limits.degrade.max_tokens": "what a request beyond its limit is lowered to",
	}
	bounds, title := 0, ""
	for line := range strings.Lines(policy.Reference()) {
		if name, ok := strings.CutPrefix(line, "### `"); ok {
			title, _, _ = strings.Cut(name, "`")
		}
		key, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		key, _, _ = strings.Cut(key, "`")
		key = strings.NewReplacer(".NAME", "", "[]", "").Replace(title + "." + key)
		parts := strings.Split(key, ".")
		leaf := parts[len(parts)-1]
		if !bound.MatchString(leaf) || noBound[key] != "" {
			continue
		}
		bounds++
		named := leaf != "max" && strings.Contains(text, "`"+leaf+"`")
		for n := 2; n <= len(parts) && !named; n++ { // by its section, or by the end of its path
			named = strings.Contains(text, "`"+strings.Join(parts[:n], ".")+"`") || strings.Contains(text, "`"+strings.Join(parts[n-2:], ".")+"`")
		}
		if !named {
			t.Errorf("%s is a bound that the operations table does not name", key)
		}
	}
	if bounds < 40 {
		t.Errorf("only %d bounds", bounds)
	}
}

// TestReadmeDependencies: the table names every module that go.mod requires directly, and no other.
func TestReadmeDependencies(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+|pgregory\.net/\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		want = append(want, m[1])
	}
	for _, m := range regexp.MustCompile("`([^`]+/[^`]+)`").FindAllStringSubmatch(section(t, "dependencies"), -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 20 || !slices.Equal(want, got) {
		t.Errorf("go.mod requires\n%v\nand the README explains\n%v", want, got)
	}
}
