package scan

import (
	"bytes"

	"blaze/filters"
	"blaze/filters/scan/detect"
	"blaze/filters/scan/ssrf"
	"blaze/upstream/engine"
)

// body judges a body: value by value where it was understood, else whole.
func (p *pass) body() filters.Verdict {
	if p.x.HasDocument {
		return p.document(&p.x.Document)
	}
	if v, bad := p.form(); bad {
		return v
	}
	return filters.Pass()
}

// document judges every value by its kind.
func (p *pass) document(d *engine.Document) filters.Verdict {
	for i := range d.Values {
		val := &d.Values[i]
		if v, bad := p.documentValue(d, val); bad {
			return v
		}
	}
	if v := p.unseen(d); !v.Passed() {
		return v
	}
	if v := p.said(d); !v.Passed() {
		return v
	}
	if v, bad := p.prompts(d); bad || v.Excerpt != "" {
		return v
	}
	return filters.Pass()
}

func (p *pass) documentValue(d *engine.Document, val *engine.Value) (filters.Verdict, bool) {
	raw := d.Body[val.Off : val.Off+val.Len]
	if val.Kind == engine.Text || val.Known {
		return filters.Verdict{}, false
	}
	if val.Escaped {
		p.value = engine.Unescape(p.value[:0], raw)
		raw = p.value
	}
	at := spot{doc: d, off: val.Off}
	switch val.Kind {
	case engine.Model, engine.Tool:
		return p.named(raw, val.Kind, at)
	case engine.Data:
		if bytes.IndexByte(raw, ':') < 0 {
			return filters.Verdict{}, false
		}
		return p.url(raw, at) // llama.cpp fetches what stands here for the bytes themselves
	case engine.URL:
		return p.url(raw, at)
	}
	sum, known := uint64(0), false
	if len(raw) >= worthKnowing {
		sum, known = p.known(p.f.values, raw, aValue)
	}
	if known {
		return filters.Verdict{}, false
	}
	v, bad := p.judge(raw, detect.Field, at)
	if !bad {
		p.learn(p.f.values, sum)
	} else if p.withoutMarkup(val, raw, detect.Field, at) {
		return filters.Verdict{}, false
	}
	return v, bad
}

// url judges what a model server would fetch: where it leads, then what it is made of. A picture in a data URI is not text.
func (p *pass) url(raw []byte, at spot) (filters.Verdict, bool) {
	if p.urls {
		if why := ssrf.Judge(raw, p.f.cfg.SSRF.AllowHosts); why != "" && !p.exempt(hitSSRF.String(), why, at) {
			v, bad := p.decide(hitSSRF, p.f.cfg.SSRF.Rule, why, at, excerpt(raw, 0, len(raw)))
			if bad {
				return v, true
			}
			p.urls = false
		}
	}
	if len(raw) > 5 && bytes.EqualFold(raw[:5], []byte("data:")) {
		return filters.Verdict{}, false
	}
	return p.judge(raw, detect.Locus, at)
}
