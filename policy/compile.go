package policy

import (
	"errors"
	"slices"
	"sort"
	"strings"
	"time"

	"blaze/filters"
	"blaze/filters/access"
	"blaze/policy/decode"
	"blaze/telemetry"
	"blaze/telemetry/setting"
	"blaze/upstream"
	"blaze/upstream/engine"
)

// Env is what a compilation may use of the process.
type Env struct {
	Getenv func(name string) (string, bool)
	// Read reads the file at a complete path; nil reads none.
	Read func(path string) ([]byte, error)
	// Dir is the folder of the policy, which relative paths in it start from.
	Dir string
	// Upstream is the model server's URL where the policy names none; Engine is what it speaks.
	Upstream string
	Metrics  *telemetry.Metrics
	Log      telemetry.Logger
	Events   func(telemetry.Event)
	Now      func() time.Time
	// Offline keeps all accounts in this process's memory: for judging requests that nobody sent.
	Offline bool
}

var errNoFiles = errors.New("files cannot be read here")

func (e Env) read(path string) ([]byte, error) {
	if e.Read == nil {
		return nil, errNoFiles
	}
	return e.Read(path)
}

// Compile makes a Snapshot of files, or says everything that is wrong with them (Problems). What did not change from prev,
// which may be nil, keeps its state. It starts no goroutine and touches no network.
func Compile(files []File, prev *Snapshot, env Env) (*Snapshot, error) {
	c := &compiler{document: load(files, env), prev: prev, env: env, configs: map[string]any{}}
	s := c.compile()
	// What was made may keep c, to read files by: it must not keep the policy before it, and that the one before.
	c.prev, c.configs = nil, nil
	scrub(c.problems, c.secrets)
	if ps := ordered(c.problems, c.sources); len(ps) > 0 {
		return nil, ps
	}
	return s, nil
}

// compiler is one compilation. prev and env are as Compile got them.
type compiler struct {
	*document
	prev *Snapshot
	env  Env

	configs  map[string]any // by filter: what its section was decoded into
	warnings []Problem
}

func (c *compiler) compile() *Snapshot {
	if c.broken {
		return nil
	}
	var p Policy
	c.section("", c.tree, &p)
	s := &Snapshot{Loaded: c.env.Now(), Sources: c.sources, Proxy: p.Proxy, Telemetry: p.Telemetry}
	s.view, _ = mask("", c.tree).(map[string]any)
	c.version(&p)
	c.proxy(s)
	c.telemetry(s)
	s.Pools = c.pools(&p)
	c.routing(s, &p)
	stages := c.stages(s, p.Filters.Tree)
	s.tests = p.Tests
	c.tests(p.Tests)
	if len(c.problems) > 0 {
		return nil
	}
	s.JSON = jsonLimits(stages)
	s.models = models(c.tree, nil)
	sort.SliceStable(s.models, func(i, j int) bool { // the plainest name of a model is its label
		return strings.Count(s.models[i], "*") < strings.Count(s.models[j], "*") || s.models[j] == "*" && s.models[i] != "*"
	})
	s.Chain = filters.NewChain(stages, c.env.Metrics, c.env.Log)
	c.warn(s, p.Upstreams)
	return s
}

func (c *compiler) version(p *Policy) {
	if _, ok := c.tree["version"]; !ok {
		c.note("", &setting.Problem{Path: "version", Want: "1", Got: "nothing"})
	} else if p.Version != 1 && c.clean("version") {
		c.note("", setting.Wrong("version", "1", p.Version))
	}
}

// clean reports whether nothing under path is on record as wrong: what was not read whole is not compiled, since its
// further problems would only be echoes.
func (c *compiler) clean(path string) bool {
	for _, p := range c.problems {
		if rest, ok := cutPath(p.Path, path); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return false
		}
	}
	return true
}

func cutPath(path, prefix string) (string, bool) {
	if len(path) < len(prefix) || path[:len(prefix)] != prefix {
		return "", false
	}
	return path[len(prefix):], true
}

// readFile is what filters, upstreams and the proxy section read the files with that the policy names.
func (c *compiler) readFile(path string) ([]byte, error) {
	full, err := c.resolve(path, c.env.Dir)
	if err != nil {
		return nil, err
	}
	return c.env.read(full)
}

func (c *compiler) proxy(s *Snapshot) {
	if !c.clean("proxy") {
		return
	}
	if c.note("proxy", s.Proxy.validate()) && s.Proxy.TLS != nil {
		var err error
		s.TLS, err = s.Proxy.TLS.config(c.readFile)
		c.note("proxy.tls", err)
	}
	trusted, err := access.ParseNetworks(s.Proxy.TrustedProxies)
	if c.note("proxy.trusted_proxies", err) && trusted.Len() > 0 {
		s.Trusted = trusted
	}
}

func (c *compiler) telemetry(s *Snapshot) {
	if !c.clean("telemetry") {
		return
	}
	resolve := func(path string) string {
		full, err := c.resolve(path, c.env.Dir)
		c.note("telemetry", err)
		return full
	}
	c.note("telemetry", s.Telemetry.Prepare(resolve, c.env.read))
}

// pools compiles the upstreams; a policy that names none gets the process's own, as model.
func (c *compiler) pools(p *Policy) *upstream.Pools {
	if len(p.Upstreams) == 0 && c.clean("upstreams") {
		var model upstream.Config
		if err := decode.Into("upstream", c.ownUpstream(), &model); err != nil {
			c.problems = append(c.problems, Problem{Pos: decode.Pos{File: "--upstream"}, Want: "the URL of a model server", Got: err.Error()})
			return nil
		}
		p.Upstreams = map[string]upstream.Config{"model": model}
	}
	if !c.clean("upstreams") {
		return nil
	}
	var prev *upstream.Pools
	if c.prev != nil {
		prev = c.prev.Pools
	}
	pools, err := upstream.New(p.Upstreams, prev, upstream.Env{
		Metrics: c.env.Metrics, Log: c.env.Log, Now: c.env.Now, ReadFile: c.readFile,
	})
	if !c.note("upstreams", err) {
		return nil
	}
	return pools
}

// ownUpstream is the upstreams entry that --upstream stands for.
func (c *compiler) ownUpstream() map[string]any {
	text := func(s string) decode.Scalar { return decode.Scalar{Text: s} }
	return map[string]any{
		"engine":  text("openai"),
		"targets": []any{map[string]any{"url": text(c.env.Upstream)}},
	}
}

// jsonLimits asks the filter that scans bodies for the bounds it was given.
func jsonLimits(stages []filters.Stage) engine.Limits {
	for _, s := range stages {
		if l, ok := s.Filter.(interface{ JSONLimits() engine.Limits }); ok {
			return l.JSONLimits()
		}
	}
	return engine.Limits{}
}

// listed adds a list's texts to out, each once.
func listed(list []any, out []string) []string {
	for _, m := range list {
		if s, ok := m.(decode.Scalar); ok && s.Text != "" && !slices.Contains(out, s.Text) {
			out = append(out, s.Text)
		}
	}
	return out
}

// models collects every model name and pattern that the policy speaks of: the only ones that become metric labels.
func models(v any, out []string) []string {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range decode.Keys(v) {
			if list, ok := v[k].([]any); ok && k == "models" {
				out = listed(list, out)
				continue
			}
			out = models(v[k], out)
		}
	case []any:
		for _, e := range v {
			out = models(e, out)
		}
	}
	return out
}
