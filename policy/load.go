package policy

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"

	"blaze/policy/decode"
	"blaze/telemetry/setting"
)

// delim separates keys in koanf's flat view. Policy keys hold dots and colons (gpt-4.1, llama3:8b), never this.
const delim = "\x00"

// document is a policy as written: its files merged into one tree, with the place of everything in it.
type document struct {
	tree     map[string]any
	marks    decode.Marks
	sources  []string
	secrets  map[string]string // path → a value that no message may hold
	problems []Problem
	broken   bool              // a file was not a policy at all
	dirs     map[string]string // with includes: text of a scalar → the folder that it is relative to as a path
}

// split are the sections that several files may share, one key each: filters in one file may hold auth and in another
// access. Everything else belongs to one file.
var split = map[string]bool{"filters": true, "upstreams": true}

// load reads files into one document. All problems are in it; none stops the reading.
func load(files []File, env Env) *document {
	d := &document{}
	ex := expander{env: env.Getenv, read: env.read}
	reader := &decode.Reader{
		Expand: ex.expand,
		Include: func(path, file string) (string, []byte, error) {
			full := beside(file, path)
			data, err := env.read(full)
			return full, data, err
		},
	}
	k := koanf.New(delim)
	owner := map[string]string{}
	for _, f := range files {
		d.sources = append(d.sources, f.Name)
		merge := func(src, dest map[string]any) error {
			d.merge(f.Name, src, dest, owner, reader.Marks)
			d.tree = dest // koanf goes on with it; asked for what it has, it would copy all of it
			return nil
		}
		if err := k.Load(rawbytes.Provider(f.Data), decode.Parser{Name: f.Name, Reader: reader}, koanf.WithMergeFunc(merge)); err != nil {
			reader.Problems = append(reader.Problems, Problem{Pos: decode.Pos{File: f.Name}, Want: "YAML", Got: err.Error()})
		}
	}
	if d.tree == nil {
		d.tree = map[string]any{}
	}
	d.marks, d.broken = reader.Marks, reader.Broken
	d.problems = append(d.problems, reader.Problems...)
	d.secrets = map[string]string{}
	secrets("", d.tree, false, d.secrets)
	if d.dirs = map[string]string{}; reader.Includes > 0 {
		d.folders("", d.tree)
	}
	return d
}

// merge puts the sections of one file beside those of the files before it.
func (d *document) merge(file string, src, dest map[string]any, owner map[string]string, marks decode.Marks) {
	for _, key := range decode.Keys(src) {
		parts, shared := src[key].(map[string]any)
		if !split[key] || !shared {
			if key == "version" && dest[key] == src[key] && owner[key] != "" {
				continue // every file may say which version it is written in
			}
			d.claim(key, file, owner, marks, func() { dest[key] = src[key] })
			continue
		}
		into, ok := dest[key].(map[string]any)
		if !ok {
			into = map[string]any{}
			dest[key] = into
		}
		for _, sub := range decode.Keys(parts) {
			d.claim(decode.Join(key, sub), file, owner, marks, func() { into[sub] = parts[sub] })
		}
	}
}

// claim lets one file have the section at path; the second to ask is a problem naming both.
func (d *document) claim(path, file string, owner map[string]string, marks decode.Marks, take func()) {
	if first, ok := owner[path]; ok {
		d.problems = append(d.problems, Problem{Pos: marks.Find(path).Pos, Path: path,
			Want: "each section in one file", Got: fmt.Sprintf("it in %s and in %s", first, file)})
		return
	}
	owner[path] = file
	take()
}

// folders notes which texts stand in files of other folders than the policy's own: a relative path among them starts
// from there. A text that stands in two folders is ambiguous, and no folder is noted for it.
func (d *document) folders(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			d.folders(decode.Join(path, k), e)
		}
	case []any:
		for i, e := range v {
			d.folders(decode.At(path, i), e)
		}
	case decode.Scalar:
		dir := filepath.Dir(d.marks.Find(path).Pos.File)
		if have, ok := d.dirs[v.Text]; ok && have != dir {
			dir = ""
		}
		d.dirs[v.Text] = dir
	}
}

// errTwoFolders: which file is meant cannot be told.
var errTwoFolders = errors.New("the same relative path is named from files in two folders; write it in full")

// resolve completes a path that the policy names. home is the policy's own folder.
func (d *document) resolve(path, home string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	dir, ok := d.dirs[path]
	switch {
	case !ok:
		return filepath.Join(home, path), nil
	case dir == "":
		return "", fmt.Errorf("%s: %w", path, errTwoFolders)
	}
	return filepath.Join(dir, path), nil
}

// section decodes the part of the tree at path into targets, notes every problem, and reports whether there was none.
func (d *document) section(path string, tree any, targets ...any) bool {
	return d.note("", decode.Into(path, tree, targets...))
}

// note puts on record what is wrong under prefix, and reports whether nothing is.
func (d *document) note(prefix string, err error) bool {
	if err == nil {
		return true
	}
	if prefix != "" {
		err = setting.Under(prefix, err)
	}
	d.problems = append(d.problems, misplaced(decode.Locate(err, d.marks))...)
	return false
}

// misplaced names the place of a filter's section that stands at the top, where its readers look for it first.
func misplaced(list []Problem) []Problem {
	for i := range list {
		for _, st := range stages {
			if p := &list[i]; p.Path == st.name {
				p.Hint = "did you mean " + strconv.Quote("filters."+st.name) + "?"
			}
		}
	}
	return list
}
