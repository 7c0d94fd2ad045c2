// Package enginetest holds what tests of the route guard need: for any path, every disguise in which it has been smuggled
// past some proxy, and what a guard must make of it.
package enginetest

import (
	"strings"

	"blaze/upstream/engine"
)

// Disguise is one other spelling of a path.
type Disguise struct {
	Name string
	Path string
	// Refused says that the path is no path (400); otherwise it is another path, which the engine's table does not have
	// (404), or only under a {parameter} that swallows it.
	Refused bool
}

// Disguises are the disguises of path, a canonical one ("/v1/models").
func Disguises(path string) []Disguise {
	last := strings.LastIndexByte(path, '/')
	head, tail := path[:last], path[last+1:]
	refused := []Disguise{
		{Name: "double slash in front", Path: "/" + path},
		{Name: "double slash within", Path: head + "//" + tail},
		{Name: "dot segment in front", Path: "/." + path},
		{Name: "dot segment within", Path: head + "/./" + tail},
		{Name: "dot segment behind", Path: path + "/."},
		{Name: "up and down", Path: "/health/.." + path},
		{Name: "up behind", Path: path + "/x/.."},
		{Name: "up beyond the top", Path: "/../.." + path},
		{Name: "encoded dots", Path: "/health/%2e%2e" + path},
		{Name: "half encoded dots", Path: "/health/.%2E" + path},
		{Name: "doubly encoded dots", Path: "/health/%252e%252e" + path},
		{Name: "encoded dots and slash", Path: "/health/..%2f" + path[1:]},
		{Name: "encoded slash behind", Path: path + "%2F"},
		{Name: "doubly encoded slash", Path: head + "%252F" + tail},
		{Name: "backslash", Path: head + `\` + tail},
		{Name: "encoded backslash", Path: head + "%5C" + tail},
		{Name: "parameter", Path: path + ";x"},
		{Name: "empty parameter", Path: path + ";"},
		{Name: "parameter within", Path: head + ";x=y/" + tail},
		{Name: "encoded parameter", Path: path + "%3Bx"},
		{Name: "NUL", Path: path + "%00"},
		{Name: "NUL with a suffix", Path: path + "%00.js"},
		{Name: "line feed", Path: path + "%0A"},
		{Name: "carriage return", Path: path + "%0d%0aX-A:%20b"},
		{Name: "tab", Path: path + "%09"},
		{Name: "overlong slash", Path: head + "%c0%af" + tail},
		{Name: "overlong dots", Path: "/health/%c0%ae%c0%ae" + path},
		{Name: "broken UTF-8", Path: path + "%ff"},
		{Name: "raw UTF-8", Path: path + "é"},
		{Name: "percent u", Path: "/health/%u002e%u002e" + path},
		{Name: "stray percent", Path: path + "%"},
		{Name: "fragment", Path: path + "#x"},
		{Name: "absolute form", Path: "http://model" + path},
		{Name: "no slash", Path: path[1:]},
	}
	for i := range refused {
		refused[i].Refused = true
	}
	others := []Disguise{
		{Name: "trailing slash", Path: path + "/"},
		{Name: "trailing dot", Path: path + "."},
		{Name: "trailing blank", Path: path + "%20"},
		{Name: "suffix", Path: path + ".json"},
		{Name: "encoded question mark", Path: path + "%3Fx"},
		{Name: "encoded fragment", Path: path + "%23x"},
		{Name: "soft hyphen", Path: path + "%C2%AD"},
	}
	if head != "" {
		others = append(others, Disguise{Name: "encoded slash", Path: head + "%2F" + tail})
	}
	if letter := strings.IndexFunc(tail, func(r rune) bool { return r >= 'a' && r <= 'z' }); letter >= 0 {
		at := last + 1 + letter
		const hex = "0123456789ABCDEF"
		c := path[at]
		refused = append(refused, Disguise{Name: "encoded letter", Path: path[:at] + "%" + string(hex[c>>4]) + string(hex[c&15]) + path[at+1:], Refused: true})
		others = append(others,
			Disguise{Name: "upper case", Path: strings.ToUpper(path)},
			Disguise{Name: "one upper case letter", Path: path[:at] + strings.ToUpper(string(c)) + path[at+1:]})
	}
	return append(refused, others...)
}

// Fill puts value in the place of every {parameter} of a route's path.
func Fill(r *engine.Route, value string) string {
	segs := strings.Split(r.Path, "/")
	for i, s := range segs {
		if strings.HasPrefix(s, "{") {
			segs[i] = value
		}
	}
	return strings.Join(segs, "/")
}
