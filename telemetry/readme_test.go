package telemetry_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"blaze/telemetry"
)

// metricsTable is the README's table of the catalogue.
func metricsTable() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | unit | what |\n|---|---|---|---|---|\n")
	for _, m := range telemetry.Catalogue() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(m.Labels, ", "), m.Unit, m.Why)
	}
	return b.String()
}

// The README's table is the catalogue; BLAZE_UPDATE=1 writes it.
func TestReadmeHasTheCatalogue(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	start, end := strings.Index(string(b), "| metric |"), strings.Index(string(b), "\n## Endpoints")
	if start < 0 || end < start {
		t.Fatal("README.md has no table of metrics")
	}
	want := metricsTable()
	if string(b[start:end]) == want {
		return
	}
	if os.Getenv("BLAZE_UPDATE") == "" {
		t.Fatal("the table of metrics is not the catalogue: run BLAZE_UPDATE=1 go test ./telemetry -run Readme")
	}
	if err := os.WriteFile("README.md", []byte(string(b[:start])+want+string(b[end:])), 0o644); err != nil {
		t.Fatal(err)
	}
}
