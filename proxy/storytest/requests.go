package storytest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// Request is one that a story sends, as it goes over the wire.
type Request struct {
	Name  string // story/file
	Bytes []byte
}

var requestLine = regexp.MustCompile(`^[A-Z]+ /\S*( HTTP/1\.1)?\n`)

// Requests are the requests of all stories in dir, for tests that want many of all kinds; variables is what ${NAME} stands
// for. Left out are raw bytes, upgrades, and those that a story needs to be slow or to hang.
func Requests(dir string, variables map[string]string) ([]Request, error) {
	stories, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(stories) == 0 {
		return nil, fmt.Errorf("no stories in %s: %w", dir, err)
	}
	var out []Request
	for _, name := range stories {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			return nil, err
		}
		for _, f := range archive.Files {
			text := variable.ReplaceAllStringFunc(string(f.Data), func(v string) string { return variables[v[2:len(v)-1]] })
			lower := strings.ToLower(text)
			if !requestLine.MatchString(text) || leftOut.MatchString(lower) {
				continue
			}
			text = repeated.ReplaceAllStringFunc(text, repeat)
			out = append(out, Request{strings.TrimSuffix(filepath.Base(name), ".txtar") + "/" + f.Name, complete(text)})
		}
	}
	return out, nil
}

var leftOut = regexp.MustCompile(`\n(upgrade|expect|content-length|transfer-encoding|x-demo-[a-z-]*(delay|hold|stall|cut|wrong)[a-z-]*):|\\r|\\x|\\n`)
