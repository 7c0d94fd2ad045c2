package policy

import (
	"cmp"
	"reflect"
	"slices"

	"blaze/filters"
	"blaze/filters/ratelimit"
	"blaze/policy/decode"
	"blaze/telemetry/setting"
)

// stages compiles the filters that the policy has and those that are always there.
func (c *compiler) stages(s *Snapshot, tree any) []filters.Stage {
	sections, ok := tree.(map[string]any)
	if s, null := tree.(decode.Scalar); !ok && tree != nil && !(null && s.Kind == decode.Null) {
		c.note("", &setting.Problem{Path: "filters", Want: "a map of filters such as {auth: {required: true}}", Got: decode.Describe(tree)})
	}
	env := filters.Env{
		Metrics: c.env.Metrics, Log: c.env.Log, Events: c.env.Events, Pools: s.Pools, Now: c.env.Now, ReadFile: c.readFile,
		Routes: routeNames(s.routes), ByModel: slices.ContainsFunc(s.routes, func(r route) bool { return len(r.models) > 0 }),
		Trusted: s.Trusted.Contains,
	}
	c.unknownFilters(sections)
	built := map[string]filters.Stage{}
	for _, st := range dependent(stages) {
		section, ok := sections[st.name]
		if !ok && !st.required {
			continue
		}
		if s, ok := c.stage(st, section, env); ok {
			if r, ok := s.Filter.(interface{ Redis() *filters.Redis }); ok {
				env.Redis = r.Redis()
			}
			if c.env.Offline {
				s.Filter = c.inMemory(s, env)
			}
			built[st.name] = s
		}
	}
	var out []filters.Stage
	for _, st := range stages {
		if s, ok := built[st.name]; ok {
			out = append(out, s)
		}
	}
	return out
}

// inMemory makes the limits anew without their Redis; every other filter is left as it is.
func (c *compiler) inMemory(s filters.Stage, env filters.Env) filters.Filter {
	cfg, ok := c.configs[s.Name].(*ratelimit.Config)
	if !ok || cfg.Store.Redis == nil {
		return s.Filter
	}
	local := *cfg
	local.Store = ratelimit.Store{}
	f, err := ratelimit.New(local, nil, env)
	if !c.note("filters."+s.Name, err) {
		return s.Filter
	}
	return f
}

// dependent is the order of making: the limits first, since the Redis that they name is everybody's.
func dependent(list []stage) []stage {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b stage) int {
		switch {
		case a.name == "ratelimit" && b.name != "ratelimit":
			return -1
		case b.name == "ratelimit" && a.name != "ratelimit":
			return 1
		}
		return 0
	})
	return out
}

// stage compiles one section; ok is false when it is off or wrong.
func (c *compiler) stage(st stage, section any, env filters.Env) (out filters.Stage, ok bool) {
	path := "filters." + st.name
	out.Name = st.name
	cfg := st.config()
	if !c.section(path, section, &out.Shared, cfg) || !c.clean(path) {
		return out, false
	}
	f, err := st.build(cfg, c.before(st.name), env)
	if !c.note(path, err) {
		return out, false
	}
	out.Filter, c.configs[st.name] = f, cfg
	return out, out.Mode != filters.Off
}

// before is the filter of that name that serves now.
func (c *compiler) before(name string) filters.Filter {
	if c.prev == nil {
		return nil
	}
	for _, s := range c.prev.Chain.Stages() {
		if s.Name == name {
			return s.Filter
		}
	}
	return nil
}

func (c *compiler) unknownFilters(sections map[string]any) {
	names := make([]string, len(stages))
	for i, s := range stages {
		names[i] = s.name
	}
	for _, k := range decode.Keys(sections) {
		if !slices.Contains(names, k) {
			p := unknownName(decode.Join("filters", k), "a known filter", k, names)
			p.Hint = cmp.Or(p.Hint, setting.Meant(sectionOf(k)), decode.List("the filters are", names))
			c.note("", p)
		}
	}
}

// sectionOf is where a filter has the key that stands beside the filters: jwt is filters.auth.jwt.
func sectionOf(key string) string {
	for _, st := range stages {
		for _, f := range decode.Fields(reflect.TypeOf(st.config()).Elem()) {
			if f.Key == key {
				return "filters." + st.name + "." + key
			}
		}
	}
	return ""
}

// unknownName is a name that is none of names, with the one that was probably meant.
func unknownName(path, want, got string, names []string) *setting.Problem {
	return &setting.Problem{Path: path, Want: want, Got: quote(got), Hint: setting.DidYouMean(got, names)}
}
