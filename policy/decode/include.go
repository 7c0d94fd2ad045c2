package decode

import (
	"strconv"

	"go.yaml.in/yaml/v4"
)

// included reports whether a list's item is {include: FILE}, which stands for the items of the list in that file.
func included(n *yaml.Node) (name string, ok bool) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || n.Content[0].Value != "include" {
		return "", false
	}
	return n.Content[1].Value, n.Content[1].Kind == yaml.ScalarNode
}

func (r *Reader) include(list []any, n *yaml.Node, name, file, path string, depth int) []any {
	at := At(path, len(list))
	if r.Include == nil || len(r.nested) >= 8 {
		r.problem(file, n, at, "includes nested at most 8 deep", strconv.Quote(name))
		return list
	}
	full, data, err := r.Include(name, file)
	if err != nil {
		r.problem(file, n, at, "a file to include", err.Error())
		return list
	}
	r.Includes++
	r.nested = append(r.nested, full)
	defer func() { r.nested = r.nested[:len(r.nested)-1] }()
	root := r.document(full, data)
	if root == nil {
		return list
	}
	if root.Kind != yaml.SequenceNode {
		r.problem(full, root, at, "a list in an included file", "something else")
		return list
	}
	// The items continue the list that includes them, so their paths do too.
	for _, item := range root.Content {
		if inner, ok := included(item); ok {
			list = r.include(list, item, inner, full, path, depth+1)
			continue
		}
		at := At(path, len(list))
		r.Marks[at] = Mark{Pos: Pos{full, item.Line, item.Column}}
		list = append(list, r.node(item, full, at, depth+1))
	}
	return list
}
