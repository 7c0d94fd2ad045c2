package policy_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"blaze/policy"
	"blaze/telemetry/certtest"
)

// anyHash stands in for whatever variable a policy of the documentation names.
func anyHash(name string) (string, bool) {
	if v, ok := environment[name]; ok {
		return v, true
	}
	sum := fmt.Sprintf("%x", name)
	return (strings.Repeat("e", 64) + sum)[len(sum):][:64], true
}

// TestExamples: each deployment's policy is taken without a warning, and its own tests pass.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("examples")); err != nil {
		t.Fatal(err)
	}
	certificates(t, filepath.Join(dir, "files"))
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) != 5 {
		t.Fatalf("%d examples, want 5 (%v)", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			o := options(path)
			o.Env = anyHash
			r := policy.Check(o)
			for _, p := range append(r.Problems, r.Warnings...) {
				t.Error(p)
			}
			if len(r.Tests) < 3 {
				t.Errorf("%d tests ran", len(r.Tests))
			}
		})
	}
}

// certificates makes the files that the air-gapped example names: one authority, and what it signed.
func certificates(t *testing.T, dir string) {
	t.Helper()
	cert, key, err := certtest.SelfSigned("model.internal")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"ca.crt": cert, "server.crt": cert, "client.crt": cert, "server.key": key, "client.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const referenceMark = "`NAME` stands for a name of your choice, `[]` for each item of a list.\n\n"

// TestReference: the README's reference is what the types say.
func TestReference(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(text), referenceMark)
	if !ok {
		t.Fatal("README.md has no reference")
	}
	golden(t, "README.md", before+referenceMark+policy.Reference())
}

var block = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestReadmes: every policy in a README is taken as it stands. A block that does not begin with version: is a part of one,
// and gets it; files and variables that it names are there.
func TestReadmes(t *testing.T) {
	n := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "README.md" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, m := range block.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "version:") {
				continue // Kubernetes, a list of keys: not a policy
			}
			if strings.Contains(m[1], "apiVersion:") {
				continue
			}
			n++
			t.Run(fmt.Sprintf("%s/%d", path, i), func(t *testing.T) { takes(t, m[1]) })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 10 {
		t.Errorf("%d policies found in READMEs", n)
	}
}

// takes opens a policy of the documentation beside a file for each that it names.
func takes(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	certificates(t, dir)
	for _, name := range regexp.MustCompile(`[A-Za-z0-9_/.-]+\.(txt|yaml|json|pem|crt|key|tmpl)\b`).FindAllString(text, -1) {
		named(t, dir, name)
	}
	for _, name := range regexp.MustCompile(`\$\{file:[^}]*\}`).FindAllString(text, -1) {
		text = strings.ReplaceAll(text, name, "a-secret-of-at-least-thirty-two-bytes")
	}
	path := filepath.Join(dir, "policy.yaml")
	write(t, path, text)
	o := options(path)
	o.Env = anyHash
	if _, err := policy.Open(o); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// named makes a file that a README's policy names, of the sort that its name says.
func named(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, strings.TrimLeft(name, "/"))
	if _, err := os.Stat(path); err == nil || name == "policy.yaml" {
		return
	}
	copyOf := func(from string) string {
		b, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	switch filepath.Ext(name) {
	case ".txt":
		write(t, path, "198.51.100.0/24\n")
	case ".yaml":
		write(t, path, "- {id: from-a-file, hash: \"sha256:"+strings.Repeat("c", 64)+"\", roles: [user]}\n")
	case ".json":
		write(t, path, `{"keys":[]}`)
	case ".crt", ".pem":
		write(t, path, copyOf("ca.crt"))
	case ".key":
		write(t, path, copyOf("server.key"))
	}
}
