package decode

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Bounds of one policy. They are far above any policy that is meant, and keep one that is not (a YAML bomb) small.
const (
	maxDepth = 48
	maxNodes = 400_000
	// maxAliased bounds what aliases and merges add to what is written.
	maxAliased = 50_000
	maxKey     = 512
	maxBytes   = 16 << 20
)

// Reader reads YAML files into trees, remembering where everything stands. One Reader reads all files of one policy.
type Reader struct {
	// Expand replaces ${…} in a string found in file; replaced says whether it did anything. An error becomes a problem.
	Expand func(text, file string) (out string, replaced bool, err error)
	// Include reads the file that an include in file names; name is what it is called in messages.
	Include func(path, file string) (name string, data []byte, err error)

	Marks    Marks
	Problems []Problem
	// Broken: a file was not a policy at all, so what is missing says nothing.
	Broken bool
	// Includes counts the files that were included.
	Includes int

	nodes, bytes int
	aliases      int      // how many aliases and merges what is read stands within
	aliased      int      // values, and merges, that stand there
	nested       []string // the files being included, outermost first
}

// File reads one file. The root must be a map, or nothing at all.
func (r *Reader) File(name string, data []byte) map[string]any {
	before := len(r.Problems)
	root := r.document(name, data)
	r.Broken = r.Broken || len(r.Problems) > before
	if root == nil {
		return map[string]any{}
	}
	v := r.node(root, name, "", 0)
	m, ok := v.(map[string]any)
	if !ok {
		r.Broken = true
		r.problem(name, root, "", "a map of sections such as {version: 1}", Describe(v))
		return map[string]any{}
	}
	return m
}

func (r *Reader) problem(file string, n *yaml.Node, path, want, got string) {
	r.Problems = append(r.Problems, Problem{Pos: Pos{file, n.Line, n.Column}, Path: path, Want: want, Got: got})
}

// node turns one YAML node into a tree. Unread stands for whatever could not be read; the problem is on record then.
func (r *Reader) node(n *yaml.Node, file, path string, depth int) any {
	if r.tooMany(n, file, path) {
		return Scalar{Kind: Unread}
	}
	if depth > maxDepth {
		r.problem(file, n, path, fmt.Sprintf("at most %d levels", maxDepth), "more")
		return Scalar{Kind: Unread}
	}
	switch n.Kind {
	case yaml.AliasNode:
		r.aliases++
		defer func() { r.aliases-- }()
		return r.node(n.Alias, file, path, depth+1)
	case yaml.MappingNode:
		return r.mapping(n, file, path, depth)
	case yaml.SequenceNode:
		return r.sequence(n, file, path, depth)
	case yaml.ScalarNode:
		return r.scalar(n, file, path)
	}
	r.problem(file, n, path, "a value", "something that is not YAML data")
	return Scalar{Kind: Unread}
}

// tooMany counts one value, or one merge, and says whether it is beyond a bound, once on record. What aliases write out has a
// lower one: a few lines of them stand for any number of values.
func (r *Reader) tooMany(n *yaml.Node, file, path string) bool {
	if r.nodes++; r.nodes == maxNodes+1 {
		r.problem(file, n, path, fmt.Sprintf("a policy of at most %d values", maxNodes), "more")
	}
	if r.aliases == 0 {
		return r.nodes > maxNodes
	}
	if r.aliased++; r.aliased == maxAliased+1 {
		r.problem(file, n, path, fmt.Sprintf("at most %d values that aliases write out", maxAliased), "more")
	}
	return r.nodes > maxNodes || r.aliased > maxAliased
}

func (r *Reader) mapping(n *yaml.Node, file, path string, depth int) any {
	m := make(map[string]any, len(n.Content)/2)
	lines := make(map[string]int, len(n.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.problem(file, key, path, "a plain key", "a map or list as a key")
			continue
		}
		if key.Tag == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if len(key.Value) > maxKey {
			r.problem(file, key, path, fmt.Sprintf("keys of at most %d bytes", maxKey), fmt.Sprintf("one of %d: %q", len(key.Value), clip(key.Value)))
			continue
		}
		at := Join(path, key.Value)
		if line, ok := lines[key.Value]; ok {
			r.problem(file, key, at, "each key once", "a second one (the first is at line "+strconv.Itoa(line)+")")
			continue
		}
		lines[key.Value] = key.Line
		r.Marks[at] = Mark{Pos: Pos{file, key.Line, key.Column}}
		m[key.Value] = r.node(value, file, at, depth+1)
	}
	for _, value := range merged {
		r.merge(m, value, file, path, depth)
	}
	return m
}

// merge adds what << names; keys written out win.
func (r *Reader) merge(m map[string]any, n *yaml.Node, file, path string, depth int) {
	if depth > maxDepth {
		r.problem(file, n, path, fmt.Sprintf("at most %d levels", maxDepth), "more")
		return
	}
	r.aliases++
	defer func() { r.aliases-- }()
	if r.tooMany(n, file, path) {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			r.merge(m, item, file, path, depth+1)
		}
		return
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		r.problem(file, n, Join(path, "<<"), "a map to merge", "something else")
		return
	}
	rest := *n
	rest.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if _, ok := m[n.Content[i].Value]; !ok {
			rest.Content = append(rest.Content, n.Content[i], n.Content[i+1])
		}
	}
	if more, ok := r.mapping(&rest, file, path, depth+1).(map[string]any); ok {
		for k, v := range more {
			m[k] = v
		}
	}
}

func (r *Reader) sequence(n *yaml.Node, file, path string, depth int) any {
	list := make([]any, 0, len(n.Content))
	for _, item := range n.Content {
		if name, ok := included(item); ok {
			list = r.include(list, item, name, file, path, depth)
			continue
		}
		at := At(path, len(list))
		r.Marks[at] = Mark{Pos: Pos{file, item.Line, item.Column}}
		list = append(list, r.node(item, file, at, depth+1))
	}
	return list
}

func (r *Reader) scalar(n *yaml.Node, file, path string) any {
	s := Scalar{Text: n.Value}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
	case "!!int":
		s.Kind = Int
	case "!!float":
		s.Kind = Float
	case "!!bool":
		s.Kind = Bool
	case "!!null":
		s.Kind = Null
	default:
		r.problem(file, n, path, "plain YAML without tags of its own", n.Tag)
		return Scalar{Kind: Unread}
	}
	if s.Kind != String || r.Expand == nil || !strings.Contains(s.Text, "$") {
		return s
	}
	if v := variable(s.Text); v != "" {
		mark := r.Marks[path]
		mark.Variable = v
		r.Marks[path] = mark
	}
	out, replaced, err := r.Expand(s.Text, file)
	if err != nil {
		r.problem(file, n, path, "a value that can be filled in", err.Error())
		return Scalar{Kind: Unread}
	}
	if replaced {
		mark := r.Marks[path]
		mark.Secret = true
		r.Marks[path] = mark
		return Scalar{Text: out, Kind: Replaced, Source: s.Text}
	}
	s.Text = out
	return s
}

// ErrReadOnly is what Marshal answers.
var ErrReadOnly = errors.New("policies are read, never written")

// Parser makes a Reader the parser of one file for koanf.
type Parser struct {
	Name string
	*Reader
}

// Unmarshal reads the file; its problems are with the Reader.
func (p Parser) Unmarshal(data []byte) (map[string]any, error) { return p.File(p.Name, data), nil }

// Marshal is what koanf asks of a parser and Blaze never does.
func (p Parser) Marshal(map[string]any) ([]byte, error) { return nil, ErrReadOnly }
