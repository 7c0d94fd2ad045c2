package policy

import (
	"crypto/x509"
	"strings"
	"time"

	"blaze/filters/access"
	"blaze/filters/auth"
	"blaze/filters/authz"
	"blaze/filters/ratelimit"
	"blaze/policy/decode"
	"blaze/telemetry/setting"
	"blaze/upstream"
)

// soon is how far ahead an end is warned of.
const soon = 30 * 24 * time.Hour

// smallBody is what hardly a request's body fits in: whoever writes 16 means 16MiB.
const smallBody setting.Bytes = 1 << 10

// warn notes what is legal in a compiled policy but hardly meant.
func (c *compiler) warn(s *Snapshot, upstreams map[string]upstream.Config) {
	c.warnSecrets("", c.tree)
	c.warnVariables()
	c.warnRoutes(s)
	c.warnProxy(s)
	identity, _ := c.configs["auth"].(*auth.Config)
	roles, _ := c.configs["authz"].(*authz.Config)
	c.warnIdentity(identity, roles)
	c.warnRoles(roles, upstreams)
	c.warnCaches(s, identity)
	if limits, ok := c.configs["ratelimit"].(*ratelimit.Config); ok {
		c.warnLimits(limits.Limits, identity != nil)
		c.warnScopes(limits.Limits, identity, roles)
	}
	addresses, _ := c.configs["access"].(*access.Config)
	c.warnAccess(addresses)
	c.warnFallbacks(upstreams)
	for _, st := range s.Chain.Stages() {
		if st.OnError.String() == "open" && (st.Name == "auth" || st.Name == "authz" || st.Name == "access") {
			c.warning("filters."+st.Name+".on_error", "closed, since open lets everybody in when "+st.Name+" cannot decide", "open")
		}
	}
	s.Warnings = ordered(c.warnings, c.sources)
	scrub(s.Warnings, c.secrets)
}

func (c *compiler) warning(path, want, got string) {
	for _, p := range decode.Locate(&setting.Problem{Path: path, Want: want, Got: got}, c.marks) {
		p.Warning = true
		c.warnings = append(c.warnings, p)
	}
}

// warnSecrets finds secrets in clear. Hashes are made to stand in a policy.
func (c *compiler) warnSecrets(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range decode.Keys(v) {
			at := decode.Join(path, k)
			s, ok := v[k].(decode.Scalar)
			if ok && s.Source == "" && s.Kind == decode.String && s.Text != "" && secretName(at, k) && !strings.Contains(k, "hash") &&
				!strings.HasPrefix(path, "tests[") && !strings.Contains(s.Text, "${") {
				c.warning(at, "a secret by ${env:NAME} or ${file:/path}", "it in clear")
				continue
			}
			c.warnSecrets(at, v[k])
		}
	case []any:
		for i, e := range v {
			c.warnSecrets(decode.At(path, i), e)
		}
	case decode.Scalar:
		if v.Source == "" && strings.Contains(v.Text, "://") && maskURL(v.Text) != v.Text {
			c.warning(path, "a URL without a password, or by ${env:NAME}", "one in clear")
		}
	}
}

// warnVariables finds ${NAME} where ${env:NAME} is meant. A test's request may hold anything.
func (c *compiler) warnVariables() {
	for path, m := range c.marks {
		if m.Variable != "" && !strings.HasPrefix(path, "tests[") {
			name := strings.Trim(m.Variable, "${}")
			c.warning(path, "a value as it is meant, or $${"+name+"} for the letters themselves", "a name that nothing fills in")
		}
	}
}

// warnRoutes finds routes that no request reaches.
func (c *compiler) warnRoutes(s *Snapshot) {
	for i := range s.routes {
		r := &s.routes[i]
		for j := range s.routes[:i] {
			if first := &s.routes[j]; first.covers(r) {
				c.warning(decode.At("routes", i), "a route that some request reaches", "all of its requests go to routes["+itoa(j)+"] ("+first.name+")")
				break
			}
		}
		if r.pool != nil && !strings.Contains(r.path, "*") && !engineHas(r) {
			c.warning(decode.At("routes", i)+".path", "a path of the engine "+r.pool.Engine().Name, quote(r.path))
		}
	}
}

// covers reports whether r takes every request that other takes. It may say no where it is so.
func (r *route) covers(other *route) bool {
	if !setting.Match(r.path, strings.ReplaceAll(other.path, "*", "\x00")) {
		return false
	}
	if len(r.methods) > 0 {
		if len(other.methods) == 0 {
			return false
		}
		for _, m := range other.methods {
			if !r.takesMethod([]byte(m)) {
				return false
			}
		}
	}
	if len(r.models) == 0 {
		return true
	}
	for _, m := range other.models {
		if !setting.MatchAny(r.models, strings.ReplaceAll(m, "*", "\x00")) {
			return false
		}
	}
	return len(other.models) > 0
}

func engineHas(r *route) bool {
	for i := range r.pool.Engine().Routes {
		pattern, _, ok := strings.Cut(r.pool.Engine().Routes[i].Path, "{")
		if !ok && pattern == r.path || ok && strings.HasPrefix(r.path, pattern) {
			return true
		}
	}
	return r.pool.Engine().Name == "none"
}

func (c *compiler) warnProxy(s *Snapshot) {
	for i, n := range s.Proxy.TrustedProxies {
		if strings.HasSuffix(n, "/0") {
			c.warning(decode.At("proxy.trusted_proxies", i), "the networks of your own proxies", quote(n)+", which lets every caller choose its own address")
		}
	}
	if n := s.Proxy.MaxBody; n < smallBody {
		c.warning("proxy.max_body", "room for a request, such as 16MiB", n.String())
	}
	if s.TLS == nil {
		return
	}
	for _, pair := range s.TLS.Certificates {
		cert := pair.Leaf
		if cert == nil && len(pair.Certificate) > 0 {
			cert, _ = x509.ParseCertificate(pair.Certificate[0])
		}
		if cert != nil && cert.NotAfter.Before(c.env.Now().Add(soon)) {
			c.warning("proxy.tls.cert", "a certificate that is good for 30 days more", "one that ends "+cert.NotAfter.UTC().Format(time.DateOnly))
		}
	}
}

// warnCaches finds caches that tell no callers apart.
func (c *compiler) warnCaches(s *Snapshot, identity *auth.Config) {
	for _, name := range s.Pools.Names() {
		if answers, _ := s.Pools.Pool(name).Caches(); answers && identity == nil {
			c.warning(decode.Join("upstreams", name)+".cache", "an auth section, which tells callers apart", "none, so that whoever asks the same gets the same kept answer")
		}
	}
}

// warnIdentity finds roles that give nothing, roles that nobody defines, and a door that is not locked.
func (c *compiler) warnIdentity(identity *auth.Config, roles *authz.Config) {
	if roles != nil {
		for _, name := range decode.Keys(anyMap(roles.Roles)) {
			if len(roles.Roles[name].Routes) == 0 {
				c.warning("filters.authz.roles."+name, "a role with routes", "none, so that the role allows nothing")
			}
		}
		if identity == nil && len(roles.Anonymous) == 0 {
			c.warning("filters.authz", "an auth section beside authz", "none, so that nobody has a role and everything is refused")
		}
	}
	if identity == nil {
		return
	}
	if !identity.Required && roles == nil {
		c.warning("filters.auth.required", "true, or an authz section", "false, so that every stranger is served")
	}
	for i, k := range identity.APIKeys {
		path := decode.At("filters.auth.api_keys", i)
		for j, role := range k.Roles {
			if roles != nil {
				if _, ok := roles.Roles[role]; !ok {
					c.warning(decode.At(path+".roles", j), "a role of filters.authz.roles", quote(role)+hintOf(role, decode.Keys(anyMap(roles.Roles))))
				}
			}
		}
		if end := time.Time(k.Expires); !end.IsZero() && end.Before(c.env.Now()) {
			c.warning(path+".expires", "a day that is still to come", "one that is over")
		}
	}
	if len(identity.JWT)+len(identity.APIKeys)+len(identity.APIKeyFiles) == 0 && identity.Required {
		c.warning("filters.auth", "jwt, api_keys or api_key_files", "none of them, so that everybody is refused")
	}
}

func anyMap[T any](m map[string]T) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func hintOf(got string, names []string) string {
	if near := setting.Nearest(got, names); near != "" {
		return "; did you mean " + quote(near) + "?"
	}
	return ""
}
