package auth

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"blaze/filters"
)

// Bounds of what an identity is made of. It goes into logs, limits and header fields of the upstream.
const (
	maxText  = 256
	maxRoles = 256
)

// claimPath is a compiled path into the claims.
type claimPath []step

type step struct {
	name  string
	index int // of the array there: a number, all, or none
}

const (
	none = -1
	all  = -2
)

// parsePath compiles "realm_access.roles", "orgs[0].id", "groups[*].name", "a\.b", "https://app.example/roles".
func parsePath(s string) (claimPath, error) {
	if strings.Contains(s, "://") {
		return claimPath{{s, none}}, nil
	}
	var path claimPath
	for _, part := range splitDots(s) {
		name, indexes, found := strings.Cut(part, "[")
		if name == "" {
			return nil, fmt.Errorf("an empty name")
		}
		path = append(path, step{name, none})
		for n := 0; found; n++ {
			var index string
			var closed bool
			index, indexes, closed = strings.Cut(indexes, "]")
			i, err := strconv.Atoi(index)
			if index == "*" {
				i, err = all, nil
			}
			if !closed || err != nil || i < all || i == none || i == all && index != "*" {
				return nil, fmt.Errorf("not an index")
			}
			if n == 0 {
				path[len(path)-1].index = i
			} else {
				path = append(path, step{"", i})
			}
			if indexes == "" {
				break
			}
			if indexes, found = strings.CutPrefix(indexes, "["); !found {
				return nil, fmt.Errorf("text after an index")
			}
		}
	}
	return path, nil
}

// splitDots splits at dots that have no backslash before them.
func splitDots(s string) []string {
	const mark = "\x00"
	parts := strings.Split(strings.ReplaceAll(s, `\.`, mark), ".")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], mark, ".")
	}
	return parts
}

// find appends to out the values at path in v; [*] and nothing but it makes more than one.
func (path claimPath) find(v any, out []any) []any {
	if len(path) == 0 {
		return append(out, v)
	}
	s := path[0]
	if s.name != "" {
		m, _ := v.(map[string]any)
		var there bool
		if v, there = m[s.name]; !there {
			return out
		}
	}
	if s.index == none {
		return path[1:].find(v, out)
	}
	list, _ := v.([]any)
	for i, e := range list {
		if s.index == all || s.index == i {
			out = path[1:].find(e, out)
		}
	}
	return out
}

// text reads one string at path; absent is "". Anything else there is not ok: half an identity is none.
func (path claimPath) text(claims map[string]any) (string, bool) {
	switch found := path.find(claims, nil); len(found) {
	case 0:
		return "", true
	case 1:
		s, ok := found[0].(string)
		return s, ok && fit(s)
	}
	return "", false
}

// list reads the strings at path: an array of them, or one string with blanks between (as scope has, RFC 8693, 4.2).
func (path claimPath) list(claims map[string]any) ([]string, bool) {
	var out []string
	for _, v := range path.find(claims, nil) {
		switch v := v.(type) {
		case string:
			out = append(out, strings.Fields(v)...)
		case []any:
			for _, e := range v {
				s, ok := e.(string)
				if !ok || s == "" {
					return nil, false
				}
				out = append(out, s)
			}
		default:
			return nil, false
		}
	}
	for _, s := range out {
		if !fit(s) {
			return nil, false
		}
	}
	return out, len(out) <= maxRoles
}

// fit reports whether s may be part of an identity: bounded, and without control characters, since an operator may put
// it into a header field.
func fit(s string) bool {
	if len(s) > maxText {
		return false
	}
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}

// numericDate reads a NumericDate (RFC 7519, 2): a JSON number of seconds, between 1970 and the year 9999.
func numericDate(claims map[string]any, name string) (t time.Time, there, ok bool) {
	v, there := claims[name]
	if !there {
		return t, false, true
	}
	f, ok := v.(float64)
	if !ok || f < 0 || f > 253402300799 {
		return t, true, false
	}
	sec, frac := math.Modf(f)
	return time.Unix(int64(sec), int64(frac*1e9)), true, true
}

// paths are the compiled Claims of an issuer.
type paths struct{ subject, roles, tier, tenant claimPath }

// identity makes of verified claims who is calling, or nil where the claims do not say it in the form they must.
func (p *paths) identity(issuer string, claims map[string]any) *filters.Identity {
	id := &filters.Identity{Issuer: issuer, Method: "jwt", Claims: claims}
	var ok [7]bool
	id.Subject, ok[0] = p.subject.text(claims)
	id.Roles, ok[1] = p.roles.list(claims)
	id.Tier, ok[2] = p.tier.text(claims)
	id.Tenant, ok[3] = p.tenant.text(claims)
	id.TokenID, ok[4] = claimPath{{"jti", none}}.text(claims)
	id.ACR, ok[5] = claimPath{{"acr", none}}.text(claims)
	id.AMR, ok[6] = claimPath{{"amr", none}}.list(claims)
	for _, o := range ok {
		if !o {
			return nil
		}
	}
	if id.Subject == "" {
		return nil
	}
	return id
}
