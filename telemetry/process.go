package telemetry

import (
	"bytes"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// writeProcess writes the metrics of the process and the Go runtime (go_*, process_*), with a TYPE for each family,
// which the library leaves out unless a global switch is set.
func writeProcess(out *bytes.Buffer) {
	var raw bytes.Buffer
	metrics.WriteProcessMetrics(&raw)
	metrics.WriteFDMetrics(&raw)
	seen := map[string]string{}
	for line := range strings.Lines(raw.String()) {
		name := line[:strings.IndexAny(line, "{ \n")]
		if line[0] == '#' {
			continue
		}
		if seen[name] != "" {
			out.WriteString(line)
			continue
		}
		seen[name] = processKind(name, line)
		if base := strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count"); seen[base] != "summary" || base == name {
			out.WriteString("# TYPE " + name + " " + seen[name] + "\n")
		}
		out.WriteString(line)
	}
}

// processKind reads a family's type off its first line. The runtime's histograms come without sum and count, so to a
// parser they are series like others.
func processKind(name, line string) string {
	switch {
	case strings.Contains(line, `{quantile="`):
		return "summary"
	case strings.HasSuffix(name, "_bucket"):
		return "untyped"
	case strings.HasSuffix(name, "_total"):
		return "counter"
	}
	return "gauge"
}
