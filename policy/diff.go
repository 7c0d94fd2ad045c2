package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"

	"blaze/policy/decode"
)

// Change is one difference between two policies, secrets masked.
type Change struct {
	Path string `json:"path"`
	Kind string `json:"change"` // added, removed, changed
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// maxChanges bounds what one reload logs.
const maxChanges = 200

// diff lists what is different in next, by path.
func diff(old, next *Snapshot) []Change {
	var out []Change
	compare("", old.view, next.view, &out)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	if len(out) == 0 {
		// The policy reads the same; a secret, or a file that it names, does not.
		return append(out, Change{Path: "files", Kind: "changed"})
	}
	if len(out) > maxChanges {
		out = append(out[:maxChanges], Change{Path: "…", Kind: "changed", New: fmt.Sprintf("%d more", len(out)-maxChanges)})
	}
	return out
}

func compare(path string, a, b any, out *[]Change) {
	am, aIsMap := a.(map[string]any)
	bm, bIsMap := b.(map[string]any)
	if aIsMap && bIsMap {
		compareMaps(path, am, bm, out)
		return
	}
	al, aIsList := a.([]any)
	bl, bIsList := b.([]any)
	if aIsList && bIsList {
		compareMaps(path, byName(al), byName(bl), out)
		return
	}
	if old, next := short(a), short(b); old != next {
		*out = append(*out, Change{Path: path, Kind: "changed", Old: old, New: next})
	}
}

func compareMaps(path string, a, b map[string]any, out *[]Change) {
	for k, v := range a {
		at := member(path, k)
		if w, ok := b[k]; ok {
			compare(at, v, w, out)
		} else {
			*out = append(*out, Change{Path: at, Kind: "removed", Old: short(v)})
		}
	}
	for k, v := range b {
		if _, ok := a[k]; !ok {
			*out = append(*out, Change{Path: member(path, k), Kind: "added", New: short(v)})
		}
	}
}

func member(path, key string) string {
	if key != "" && key[0] == '[' {
		return path + key
	}
	return decode.Join(path, key)
}

// byName keys a list's items by their name or id, so that a rule keeps its identity when others come before it.
func byName(list []any) map[string]any {
	out := make(map[string]any, len(list))
	for i, v := range list {
		key := fmt.Sprintf("[%d]", i)
		if name := nameOf(v); name != "" {
			if _, taken := out["["+name+"]"]; !taken {
				key = "[" + name + "]"
			}
		}
		out[key] = v
	}
	return out
}

// nameOf is what an item of a list is known by; empty where it has no name.
func nameOf(item any) string {
	m, _ := item.(map[string]any)
	for _, field := range []string{"name", "id", "issuer", "url"} {
		if s, ok := m[field].(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// short renders a value for one line of a log.
func short(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // a condition's > is read by people
	if e.Encode(v) != nil {
		return "?"
	}
	b := bytes.TrimSpace(out.Bytes())
	if len(b) > 200 {
		return string(b[:200]) + "…"
	}
	return string(b)
}
