package engine

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
)

// Edit replaces Len bytes of the body at Off with With. The edits that SetField, SetIn and RemoveField return add or
// take out whole members as well; Apply sees to the commas, so that any of them go together.
type Edit struct {
	Off, Len uint32
	With     []byte

	kind editKind
	name string // of the member that is added
}

type editKind uint8

const (
	replace editKind = iota
	addition
	removal
)

// Field returns the top-level member named name.
func (d *Document) Field(name string) (Field, bool) {
	i := d.fieldAt(name)
	if i < 0 {
		return Field{}, false
	}
	return d.Fields[i], true
}

func (d *Document) fieldAt(name string) int {
	for i := range d.Fields {
		f := &d.Fields[i]
		raw := d.Body[f.KeyOff : f.KeyOff+f.KeyLen]
		if string(raw) == name || len(raw) > len(name) && slices.Contains(raw, '\\') && unescapesTo(raw, []byte(name)) {
			return i
		}
	}
	return -1
}

// SetField returns the edit that gives the top-level member name the JSON value with, replacing or adding it.
func (d *Document) SetField(name string, with []byte) Edit {
	if f, ok := d.Field(name); ok {
		return Edit{Off: f.ValOff, Len: f.ValLen, With: with}
	}
	return addMember(uint32(skipSpace(d.Body, 0)), name, with)
}

// SetIn returns the edit that adds name with the JSON value with to the object f, a top-level member that has no such
// member yet.
func (d *Document) SetIn(f Field, name string, with []byte) Edit {
	return addMember(f.ValOff, name, with)
}

// SetParam returns the edit that gives p the JSON value with.
func (d *Document) SetParam(p Param, with []byte) Edit {
	return Edit{Off: p.Off, Len: p.Len, With: with}
}

// addMember adds a member right behind the bracket at open.
func addMember(open uint32, name string, with []byte) Edit {
	return Edit{Off: open + 1, With: with, kind: addition, name: name}
}

// RemoveField returns the edit that takes the top-level member name out, and whether it was there.
func (d *Document) RemoveField(name string) (Edit, bool) {
	f, ok := d.Field(name)
	if !ok {
		return Edit{}, false
	}
	from := f.KeyOff - 1
	return Edit{Off: from, Len: f.ValOff + f.ValLen - from, kind: removal}, true
}

// Apply appends body with edits to dst, as Splice makes it.
func Apply(dst, body []byte, edits []Edit) []byte {
	dst, rest := Splice(dst, body, edits)
	return append(dst, rest...)
}

// Splice appends body with edits to dst up to behind the last edit, and returns what follows it in body, which need not
// be copied: most edits stand at the front of a long prompt. Edits are sorted here by offset. Of two edits of the same
// place the later given counts, but of two that add one member with a number (bounds, from two filters) the smaller; an
// edit inside what another replaces is dropped.
func Splice(dst, body []byte, edits []Edit) (front, rest []byte) {
	slices.SortStableFunc(edits, func(a, b Edit) int { // what is put in at a place comes before what is taken out there
		return cmp.Or(cmp.Compare(a.Off, b.Off), cmp.Compare(min(a.Len, 1), min(b.Len, 1)))
	})
	at, base := uint32(0), len(dst)
	for i, e := range edits {
		if e.Off < at || overruled(e, edits[i+1:]) {
			continue
		}
		dst = append(dst, body[at:e.Off]...)
		at = e.Off + e.Len
		switch e.kind {
		case addition:
			dst = appendMember(dst, e, body[at:])
		case removal:
			last := lastNot(dst[base:])
			if last >= 0 && dst[base+last] == ',' {
				dst = dst[:base+last]
			} else if next := skipSpace(body, int(at)); next < len(body) && body[next] == ',' {
				at = uint32(next) + 1
			}
		default:
			dst = append(dst, e.With...)
		}
	}
	return dst, body[at:]
}

// overruled reports whether one of later edits the same place, and counts.
func overruled(e Edit, later []Edit) bool {
	for i := range later {
		l := &later[i]
		if l.Off != e.Off {
			return false
		}
		if !e.samePlace(l) {
			continue
		}
		mine, isBound := addedBound(&e)
		theirs, both := addedBound(l)
		if isBound && both && mine < theirs {
			*l = e // its turn comes there
		}
		return true
	}
	return false
}

func (e *Edit) samePlace(o *Edit) bool {
	return o.Off == e.Off && o.Len == e.Len && o.name == e.name && (o.kind == addition) == (e.kind == addition) &&
		(e.Len > 0 || e.kind == addition)
}

// addedBound is the number that e adds as a member: bare, or alone in an object of its own ({"num_predict":9}).
func addedBound(e *Edit) (int64, bool) {
	if e.kind != addition {
		return 0, false
	}
	number := e.With
	if inner, ok := bytes.CutPrefix(number, []byte{'{'}); ok {
		_, number, _ = bytes.Cut(bytes.TrimSuffix(inner, []byte{'}'}), []byte{':'})
	}
	return ParseCount(number)
}

// appendMember writes an added member with the commas that it needs between what is there and rest.
func appendMember(dst []byte, e Edit, rest []byte) []byte {
	if last := lastNot(dst); last >= 0 && dst[last] != '{' && dst[last] != ',' {
		dst = append(dst, ',')
	}
	dst = append(append(strconv.AppendQuote(dst, e.name), ':'), e.With...)
	if next := skipSpace(rest, 0); next < len(rest) && rest[next] != '}' {
		dst = append(dst, ',')
	}
	return dst
}

// lastNot is the position of the last byte that is not blank, -1 when there is none.
func lastNot(b []byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] > ' ' {
			return i
		}
	}
	return -1
}

// IsField reports whether p is the top-level member named name.
func (d *Document) IsField(p Param, name string) bool {
	f, ok := d.Field(name)
	return ok && f.ValOff == p.Off
}

// RemoveParam returns the edit that takes p out, and whether that can be done: p is a top-level member.
func (d *Document) RemoveParam(p Param) (Edit, bool) {
	i, ok := slices.BinarySearchFunc(d.Fields, p.Off, func(f Field, off uint32) int { return cmp.Compare(f.ValOff, off) })
	if !ok {
		return Edit{}, false
	}
	f := &d.Fields[i]
	from := f.KeyOff - 1
	return Edit{Off: from, Len: f.ValOff + f.ValLen - from, kind: removal}, true
}
