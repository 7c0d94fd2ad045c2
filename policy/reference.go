package policy

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"blaze/filters"
	"blaze/policy/decode"
)

// Reference renders the reference of all keys as Markdown, one table for each section, from the types that decode them.
func Reference() string {
	var b strings.Builder
	section := func(title, doc string, types ...reflect.Type) {
		fmt.Fprintf(&b, "### `%s`\n\n%s.\n\n| key | type | default | example | |\n|---|---|---|---|---|\n", title, sentence(doc))
		for _, t := range types {
			rows(&b, "", t, map[reflect.Type]bool{})
		}
		b.WriteString("\n")
	}
	for _, f := range decode.Fields(reflect.TypeFor[Policy]()) {
		switch f.Key {
		case "version":
		case "filters":
			for _, st := range stages {
				section("filters."+st.name, "the "+st.name+" filter; see [filters/"+st.name+"](../filters/"+st.name+"/README.md)",
					reflect.TypeFor[filters.Shared](), reflect.TypeOf(st.config()).Elem())
			}
		default:
			t := f.Type
			title := f.Key
			for t.Kind() == reflect.Map || t.Kind() == reflect.Slice {
				title += map[bool]string{true: ".NAME", false: "[]"}[t.Kind() == reflect.Map]
				t = t.Elem()
			}
			section(title, f.Doc, t)
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// rows writes a row for each key of t, and those of the types below it.
func rows(b *strings.Builder, prefix string, t reflect.Type, above map[reflect.Type]bool) {
	if above[t] {
		return // a type that holds itself is described once
	}
	above[t] = true
	defer delete(above, t)
	for _, f := range decode.Fields(t) {
		at := decode.Join(prefix, f.Key)
		kind, inner, suffix := kindOf(f.Type)
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", at, kind, code(f.Default), code(f.Example), cell(f.Doc))
		if inner != nil {
			rows(b, at+suffix, inner, above)
		}
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + cell(s) + "`"
}

// cell keeps a text within its cell of a table.
func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", "\\|"), "\n", " ") }

// kindOf names a type in a reader's words; inner, if any, is the struct below it, whose keys follow suffix.
func kindOf(t reflect.Type) (kind string, inner reflect.Type, suffix string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	keys := t.Kind() == reflect.Struct && len(decode.Fields(t)) > 0
	switch {
	case decode.IsText(t):
		kind = decode.WantOf(t)
		if kind == "" {
			kind = "text"
		}
		if keys {
			inner = t
		}
		return cell(kind), inner, ""
	case t == reflect.TypeFor[time.Duration]():
		return "duration", nil, ""
	case keys:
		return "map", t, ""
	}
	switch t.Kind() {
	case reflect.Slice:
		kind, inner, suffix = kindOf(t.Elem())
		return "list of " + plural(kind), inner, "[]" + suffix
	case reflect.Map:
		kind, inner, suffix = kindOf(t.Elem())
		return "map of names to " + plural(kind), inner, ".NAME" + suffix
	case reflect.String:
		return "text", nil, ""
	case reflect.Bool:
		return "true or false", nil, ""
	case reflect.Float32, reflect.Float64:
		return "number", nil, ""
	case reflect.Interface:
		return "anything", nil, ""
	}
	return "whole number", nil, ""
}

func plural(kind string) string {
	switch {
	case kind == "text":
		return "texts"
	case strings.Contains(kind, " "):
		return kind
	}
	return kind + "s"
}
