// Package scan looks for attacks in what a request is made of: path, query, headers, and every JSON string that is no
// prompt. A prompt is data and may hold anything; where a value stands in a known body decides, never its name. The scan
// changes nothing that is forwarded, but for parts that a rule is told to sanitize.
package scan

import (
	"errors"
	"hash/maphash"
	"sync"

	"blaze/filters"
	"blaze/filters/scan/behavior"
	"blaze/filters/scan/detect"
	"blaze/filters/scan/secrets"
	"blaze/telemetry"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

const name = "scan"

// Filter is the scan filter. Immutable after New, safe for concurrent use.
type Filter struct {
	cfg      Config
	rules    [detect.Classes]Rule
	want     detect.Mask // the classes that are not off
	set      *detect.Set
	scratch  *sync.Pool // of *pass
	log      telemetry.Logger
	hits     [detect.Classes]*telemetry.Counter
	limits   *telemetry.Counter
	excepted *telemetry.Counter
	others   [others]*telemetry.Counter
	clean    *clean       // of heads and names
	values   *clean       // of bodies
	secrets  *secretsRule // nil when it is off

	unseen unseenSet // the characters that are looked for in prompts

	behavior *behavior.Tracker
	prompt   *promptRule
	scores   *telemetry.Histogram // of prompts
}

// New compiles cfg; prev is the filter that serves now, or nil. Problems are joined *setting.Problem, with paths
// relative to the section.
func New(cfg Config, prev *Filter, env filters.Env) (*Filter, error) {
	if err := errors.Join(cfg.check(), checkExceptions(cfg.Except, env.Routes)); err != nil {
		return nil, err
	}
	f := &Filter{cfg: cfg, rules: cfg.structural(), log: env.Log, scratch: &sync.Pool{New: func() any { return new(pass) }}, clean: &clean{seed: maphash.MakeSeed()}, values: &clean{seed: maphash.MakeSeed()}}
	if prev != nil {
		f.set = prev.set // the rules are the program's, not the policy's
	} else {
		f.set = detect.Default()
	}
	f.prompt, f.scores = cfg.Prompt.compile(prev.promptRule()), env.Metrics.Histogram("blaze_scan_prompt_score")
	var err error
	if f.behavior, err = behavior.New(cfg.Behavior, prev.Behavior(), env); err != nil {
		return nil, setting.Under("behavior", err)
	}
	for c, r := range f.rules {
		f.hits[c] = env.Metrics.Counter("blaze_scan_hits_total", detect.Class(c).String())
		if r.Mode != filters.Off {
			f.want |= 1 << c
		}
	}
	for o := other(0); o < others; o++ {
		f.others[o] = env.Metrics.Counter("blaze_scan_hits_total", o.String())
	}
	f.excepted = env.Metrics.Counter("blaze_scan_excepted_total")
	f.limits = env.Metrics.Counter("blaze_scan_hits_total", "limit")
	f.unseen = cfg.Invisible.set()
	return f, f.newSecrets(cfg.Secrets, prev, env)
}

// JSONLimits are the bounds for the body's parser.
func (f *Filter) JSONLimits() engine.Limits {
	j := f.cfg.JSON
	return engine.Limits{Depth: j.MaxDepth, Keys: j.MaxKeys, String: int(j.MaxString), Number: j.MaxNumber}
}

// pass is the working memory of one look at one request.
type pass struct {
	detect.Scratch
	f     *Filter
	x     *filters.Exchange
	want  detect.Mask // classes still looked for: one that is in shadow is noted once
	key   []byte      // the header's name, in its usual form
	value []byte      // the value being judged, decoded
	paths int         // bytes read again to name fields, see exempt
	used  bool        // an exception covered something, or shadow noted it: not to be remembered as clean
	names bool        // the rule for names still counts
	urls  bool        // and that for URLs
	files bool        // and that for uploads
	spans []secrets.Span
	noted [2]uint64 // kinds of secrets that were noted in shadow

	class   detect.Class // by whose rule judge has refused a value
	changed []rewritten  // by offset: values that will be sent otherwise than they came

	prompt promptWork
}

func (f *Filter) begin(x *filters.Exchange) *pass {
	p := f.scratch.Get().(*pass)
	p.f, p.x, p.want, p.paths, p.noted = f, x, f.want, 0, [2]uint64{}
	p.names, p.urls, p.files = f.cfg.Names.Mode != filters.Off, f.cfg.SSRF.Mode != filters.Off, f.cfg.Upload.Mode != filters.Off
	return p
}

// Request refuses who is banned, and judges the head.
func (f *Filter) Request(x *filters.Exchange) filters.Verdict {
	if v := f.behavior.Check(x); !v.Passed() {
		return v
	}
	p := f.begin(x)
	p.Share(len(x.Request.RequestURI()) + len(x.Request.RawHeaders()))
	v := p.head()
	f.release(p)
	return v
}

// Body judges the body.
func (f *Filter) Body(x *filters.Exchange) filters.Verdict {
	f.watchAnswer(x)
	if len(x.Body) == 0 && x.Large == nil {
		return filters.Pass()
	}
	p := f.begin(x)
	p.Share(len(x.Body))
	v := p.body()
	f.release(p)
	return v
}

// keepScratch bounds what one large request may leave behind in the pool.
const keepScratch = 64 << 10

func (f *Filter) release(p *pass) {
	p.x, p.f = nil, nil
	clear(p.changed)
	p.changed = p.changed[:0]
	if cap(p.value) > keepScratch {
		p.value = nil
	}
	if cap(p.spans) > maxEdits {
		p.spans = nil
	}
	p.Trim(keepScratch)
	p.prompt.look.Trim(keepScratch)
	f.scratch.Put(p)
}
