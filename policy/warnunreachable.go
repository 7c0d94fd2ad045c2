package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"blaze/filters/access"
	"blaze/filters/auth"
	"blaze/filters/authz"
	"blaze/filters/ratelimit"
	"blaze/policy/decode"
	"blaze/telemetry/setting"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// warnAccess finds addresses that are allowed and denied, by which they are denied.
func (c *compiler) warnAccess(a *access.Config) {
	if a == nil {
		return
	}
	for i, text := range a.Allow {
		for j, denied := range a.Deny {
			if inside(text, denied) {
				c.warning(decode.At("filters.access.allow", i), "an address that may ask", quote(text)+", which deny["+itoa(j)+"] ("+denied+") refuses")
				break
			}
		}
	}
}

// inside reports whether the network inner lies in outer; both are addresses or networks that were read before.
func inside(inner, outer string) bool {
	prefix := func(s string) (netip.Prefix, bool) {
		if p, err := netip.ParsePrefix(s); err == nil {
			return p.Masked(), true
		}
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	in, ok := prefix(inner)
	out, also := prefix(outer)
	return ok && also && out.Bits() <= in.Bits() && out.Contains(in.Addr())
}

// warnScopes finds limits that are for nobody: for roles that do not exist, or, where only keys of the policy let anybody
// in, for tiers and tenants that none of them has.
func (c *compiler) warnScopes(limits []ratelimit.Limit, identity *auth.Config, roles *authz.Config) {
	for i := range limits {
		scope := &limits[i].For
		path := decode.At("filters.ratelimit.limits", i) + ".for."
		if roles != nil {
			names := decode.Keys(anyMap(roles.Roles))
			c.nobody(path+"roles", "a role of filters.authz.roles", scope.Roles, names)
		}
		if identity == nil || len(identity.JWT)+len(identity.APIKeyFiles) > 0 {
			continue
		}
		var tiers, tenants []string
		for _, k := range identity.APIKeys {
			tiers, tenants = append(tiers, k.Tier), append(tenants, k.Tenant)
		}
		c.nobody(path+"tiers", "a tier that some key has", scope.Tiers, tiers)
		c.nobody(path+"tenants", "a tenant that some key has", scope.Tenants, tenants)
	}
}

// warnRoles finds routes of roles that no upstream's engine has.
func (c *compiler) warnRoles(roles *authz.Config, upstreams map[string]upstream.Config) {
	if roles == nil || len(upstreams) == 0 {
		return
	}
	var known, names []string
	for _, name := range decode.Keys(anyMap(upstreams)) {
		e, ok := engine.Lookup(cmp.Or(string(upstreams[name].Engine), "openai"))
		if !ok || e.Name == "none" {
			return // told elsewhere, or a route is whatever its backend has
		}
		names = append(names, e.Name)
		for i := range e.Routes {
			known = append(known, e.Routes[i].Name)
		}
	}
	for _, class := range engine.Classes() {
		known = append(known, class.String())
	}
	slices.Sort(names)
	wanted := "a route of " + strings.Join(slices.Compact(names), " or ")
	for _, role := range decode.Keys(anyMap(roles.Roles)) {
		for i, route := range roles.Roles[role].Routes {
			if !strings.Contains(route, "/") && !slices.ContainsFunc(known, func(name string) bool { return setting.Match(route, name) }) {
				c.warning(decode.At("filters.authz.roles."+role+".routes", i), wanted, quote(route)+", so that the entry allows nothing"+hintOf(route, known))
			}
		}
	}
}

// nobody warns of each of got that is none of known.
func (c *compiler) nobody(path, want string, got, known []string) {
	for i, name := range got {
		if !slices.Contains(known, name) {
			c.warning(decode.At(path, i), want, quote(name)+", so that the limit never bites"+hintOf(name, known))
		}
	}
}

// warnFallbacks finds fallbacks that are never asked: a fixed answer always answers.
func (c *compiler) warnFallbacks(upstreams map[string]upstream.Config) {
	for _, name := range decode.Keys(anyMap(upstreams)) {
		for i, f := range upstreams[name].Fallback {
			if f.Status != 0 && i+1 < len(upstreams[name].Fallback) {
				c.warning(decode.At("upstreams."+name+".fallback", i+1), "a fallback that is asked", "one after a fixed answer, which always answers")
				break
			}
		}
	}
}

// WarnAdmin is what is legal about an admin port's address and hardly meant; ok is false where nothing is. secured says
// that a token or a client certificate opens the guarded endpoints, encrypted that the port serves TLS.
func WarnAdmin(addr string, secured, encrypted bool) (p Problem, ok bool) {
	host := addr
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		host = strings.Trim(addr[:i], "[]")
	}
	if ip, err := netip.ParseAddr(host); addr == "" || host == "localhost" || err == nil && ip.IsLoopback() || secured && encrypted {
		return Problem{}, false
	}
	p = Problem{Pos: decode.Pos{File: "--admin"}, Warning: true, Want: "a loopback address, or --admin-token-file or --admin-client-ca",
		Got: quote(addr) + ", where anybody who reaches it reads the metrics and nobody from outside the rest"}
	if secured {
		p.Want, p.Got = "--admin-cert and --admin-key beside the token", quote(addr)+", where the token goes over the network in clear"
	}
	return p, true
}
