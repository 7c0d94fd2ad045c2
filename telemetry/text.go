package telemetry

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// maxLabel bounds a label value's bytes.
const maxLabel = 128

// renderLabels renders a="b",c="d".
func renderLabels(names, values []string) string {
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(n)
		b.WriteString(`="`)
		escapeLabel(&b, values[i])
		b.WriteByte('"')
	}
	return b.String()
}

// escapeLabel writes v as the Prometheus text format wants label values: \\, \" and \n escaped, UTF-8 valid. Other
// control characters are replaced, since no configured name has any.
func escapeLabel(b *strings.Builder, v string) {
	if len(v) > maxLabel {
		v = v[:maxLabel]
	}
	for _, r := range v {
		switch {
		case r == '\\' || r == '"':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r) // an invalid byte is already RuneError
		}
	}
}

func braced(labels string) string {
	if labels == "" {
		return ""
	}
	return "{" + labels + "}"
}

// WritePrometheus writes every metric that has a series, with its HELP and TYPE, in the Prometheus text format 0.0.4.
func (m *Metrics) WritePrometheus(w io.Writer) error {
	var out, body bytes.Buffer
	for _, f := range m.all() {
		body.Reset()
		f.set.WritePrometheus(&body)
		if body.Len() == 0 {
			continue
		}
		out.WriteString("# HELP " + f.Name + " " + helpEscapes.Replace(f.Why) + "\n# TYPE " + f.Name + " " + f.Kind.String() + "\n")
		out.Write(body.Bytes())
	}
	_, err := w.Write(out.Bytes())
	return err
}

// helpEscapes is what HELP escapes.
var helpEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`)

// WritePrometheus writes Blaze's own metrics and, behind them, those of the process and the Go runtime.
func (t *Telemetry) WritePrometheus(w io.Writer) error {
	if err := t.Metrics.WritePrometheus(w); err != nil {
		return err
	}
	var b bytes.Buffer
	writeProcess(&b)
	_, err := w.Write(b.Bytes())
	return err
}
