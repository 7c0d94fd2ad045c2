package params

import (
	"strconv"

	"blaze/filters"
	"blaze/telemetry/setting"
	"blaze/upstream/engine"
)

const filterName = "params"

// judge weighs one parameter against its rule. The output's bound is judged for all its names together, and what no
// client may say at all where Blaze sets its own.
func (f *Filter) judge(x *filters.Exchange, rule *rule, p engine.Param) filters.Verdict {
	if p.ID == engine.ParamMaxTokens || rule.measure == free || rule.Mode == filters.Off || p.Type == 'n' {
		return filters.Pass()
	}
	switch rule.measure {
	case value:
		return f.number(x, rule, p)
	case count:
		if n := elements(&x.Document, p); n > rule.max {
			return refuse(x, rule, p, n)
		}
	case size:
		if int64(p.Len) > rule.max {
			return refuse(x, rule, p, int64(p.Len))
		}
	case listed:
		if !rule.lists(&x.Document, p) {
			return refuse(x, rule, p, 0)
		}
	case refused:
		if !harmless(p) {
			return refuse(x, rule, p, 0)
		}
	case removed:
		f.drop(x, rule, p)
	}
	return filters.Pass()
}

// number judges a number, and a list of them, as SGLang takes for a batch.
func (f *Filter) number(x *filters.Exchange, rule *rule, p engine.Param) filters.Verdict {
	n, ok := numberOf(&x.Document, p)
	if ok && n >= 0 && n <= rule.max {
		return filters.Pass()
	}
	if !ok || !rule.clamp || p.Type == '[' {
		return refuse(x, rule, p, n)
	}
	if f.mayClamp(x, rule, p.ID) {
		x.Edits = append(x.Edits, x.Document.SetParam(p, strconv.AppendInt(nil, rule.max, 10)))
	}
	return filters.Pass()
}

// mayClamp accounts for a clamp and says whether it is more than a shadow.
func (f *Filter) mayClamp(x *filters.Exchange, rule *rule, id engine.ParamID) bool {
	if !enforced(x, rule, id) {
		x.NoteShadow(filterName, filters.Verdict{Rule: names[id]})
		return false
	}
	f.clamped[id].Inc()
	if x.Degraded != "" {
		x.Degraded += ", "
	}
	x.Degraded += "params." + names[id]
	return true
}

// enforced says whether a change to the request counts for this caller; the whole section may be in shadow.
func enforced(x *filters.Exchange, rule *rule, id engine.ParamID) bool {
	return !x.Shadowed && rule.Enforced(x, names[id])
}

// refuse denies, unless the rule is in shadow for this caller. n is for the log: how much was asked for.
func refuse(x *filters.Exchange, rule *rule, p engine.Param, n int64) filters.Verdict {
	v := filters.Deny(rule.denial, names[p.ID]).At(x.Document.PathAt(p.Off), strconv.FormatInt(n, 10))
	return rule.Decide(x, filterName, v)
}

// boundOutput keeps the output within its bound, under all its names, and gives a request that has none this one.
func (f *Filter) boundOutput(x *filters.Exchange, rule *rule) filters.Verdict {
	d := &x.Document
	if rule.measure == free || rule.Mode == filters.Off || x.Endpoint.Class != engine.Inference {
		return filters.Pass()
	}
	named, beyond := false, false
	for _, p := range d.Params {
		if p.ID != engine.ParamMaxTokens {
			continue
		}
		named = named || x.Endpoint.Reads(d, p)
		n, ok := numberOf(d, p)
		beyond = beyond || p.Type != 'n' && (!ok || n < 0 || n > rule.max)
		if beyond && !rule.clamp {
			return refuse(x, rule, p, n)
		}
	}
	if !named && x.Endpoint.BoundsItself() {
		return filters.Pass()
	}
	edits, ok := d.LimitTokens(x.Endpoint, x.Edits, rule.max)
	switch {
	case !ok && generates(x.Endpoint.Shape):
		v := filters.Deny(rule.denial, names[engine.ParamMaxTokens]).At("sampling_params", "a list without bounds")
		return rule.Decide(x, filterName, v)
	case beyond:
		if f.mayClamp(x, rule, engine.ParamMaxTokens) {
			x.Edits = edits
		}
	case enforced(x, rule, engine.ParamMaxTokens):
		x.Edits = edits
	}
	return filters.Pass()
}

// generates says whether a shape has a bound on its output at all.
func generates(s engine.Shape) bool {
	switch s {
	case engine.Embeddings, engine.Rerank, engine.Transcription, engine.Speech, engine.Images, engine.Tokenize,
		engine.OllamaEmbed, engine.TritonInfer, engine.None, engine.Opaque:
		return false
	}
	return true
}

// unknownFields judges the top-level fields that no engine documents for the route's shape.
func (c bounds) unknownFields(x *filters.Exchange) filters.Verdict {
	rule := c.unknown()
	if rule.measure != refused || rule.Mode == filters.Off {
		return filters.Pass()
	}
	d := &x.Document
	for i := range d.Fields {
		f := &d.Fields[i]
		if d.Shape().Knows(d.Body[f.KeyOff : f.KeyOff+f.KeyLen]) {
			continue
		}
		v := filters.Deny(rule.denial, "unknown").At(d.PathAt(f.KeyOff), "")
		if v = rule.Decide(x, filterName, v); !v.Passed() {
			return v
		}
	}
	return filters.Pass()
}

// numberOf reads a parameter as the engines do, which take "4" for 4 and true for 1; the largest of a list, and -1 when
// one of it is negative.
func numberOf(d *engine.Document, p engine.Param) (int64, bool) {
	raw := d.Raw(p)
	switch p.Type {
	case 0:
		return engine.ParseCount(raw)
	case '"':
		return engine.ParseCount(trim(raw[1 : len(raw)-1]))
	case 't':
		return 1, true
	case 'f', 'n':
		return 0, true
	case '[':
		return largest(raw[1 : len(raw)-1])
	}
	return 0, false
}

// largest is the largest number of a list without its brackets.
func largest(raw []byte) (most int64, ok bool) {
	from := 0
	for i := 0; i <= len(raw); i++ {
		if i < len(raw) && raw[i] != ',' {
			continue
		}
		if one := trim(raw[from:i]); len(one) > 0 {
			n, ok := engine.ParseCount(one)
			if !ok {
				return 0, false
			}
			if n < 0 {
				return n, true
			}
			most = max(most, n)
		}
		from = i + 1
	}
	return most, true
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// elements counts what a parameter has; a prompt as a list of token ids is one prompt, and one set of sampling parameters
// is one.
func elements(d *engine.Document, p engine.Param) int64 {
	if p.ID == engine.ParamBatch && p.Type == '{' {
		return 1
	}
	if p.ID == engine.ParamBatch && p.Type == '[' {
		raw := trim(d.Raw(p)[1:])
		if len(raw) > 0 && (raw[0] >= '0' && raw[0] <= '9') {
			return 1
		}
	}
	return int64(p.Count)
}

// harmless values say the same as no value.
func harmless(p engine.Param) bool {
	return p.Type == 'f' || p.Type == '"' && p.Len == 2
}

// lists reports whether every name that p asks for is allowed.
func (r *rule) lists(d *engine.Document, p engine.Param) bool {
	end := p.Off + p.Len
	if p.Type == 0 { // an adapter by number
		return setting.MatchAny(r.allow, string(d.Raw(p)))
	}
	for _, v := range d.Values {
		if v.Off <= p.Off || v.Off >= end {
			continue
		}
		name := string(engine.Unescape(nil, d.Text(v)))
		if v.Kind == engine.Key || !setting.MatchAny(r.allow, name) {
			return false
		}
	}
	return p.Type == '"' || p.Type == '['
}
