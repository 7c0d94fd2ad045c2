package policy

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// maxSecretFile bounds what ${file:…} reads.
const maxSecretFile = 1 << 20

// expander replaces ${env:NAME}, ${env:NAME:-default} and ${file:/path} in a policy's strings. Everything else in ${…} is
// left as it is: header values are filled per request, and a test's body may hold anything. $${ stands for ${.
type expander struct {
	env  func(name string) (string, bool)
	read func(path string) ([]byte, error) // path is complete
}

func (e expander) expand(text, file string) (out string, replaced bool, err error) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), replaced, nil
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		end := strings.IndexByte(text[i:], '}')
		kind, _, _ := strings.Cut(text[i+2:], ":")
		if kind != "env" && kind != "file" {
			b.WriteString(text[:i+2])
			text = text[i+2:]
			continue
		}
		if end < 0 {
			return "", false, fmt.Errorf("${%s: without its closing brace", kind)
		}
		arg := text[i+len("${")+len(kind)+1 : i+end]
		value, err := e.lookup(kind, arg, file)
		if err != nil {
			return "", false, err
		}
		b.WriteString(text[:i] + value)
		text, replaced = text[i+end+1:], true
	}
}

func (e expander) lookup(kind, arg, file string) (string, error) {
	if kind == "env" {
		name, def, hasDefault := strings.Cut(arg, ":-")
		if v, ok := e.env(name); ok && (v != "" || !hasDefault) {
			return v, nil
		}
		if hasDefault {
			return def, nil
		}
		return "", fmt.Errorf("${env:%s}, and there is no such environment variable", name)
	}
	data, err := e.read(beside(file, arg))
	if err != nil {
		return "", err
	}
	if len(data) > maxSecretFile {
		return "", errors.New("${file:" + arg + "}, which is larger than 1 MiB")
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// beside resolves path as the file that names it means it.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
