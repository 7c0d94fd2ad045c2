package upstream

import (
	"context"
	"io"
	"time"

	"github.com/valyala/fasthttp"
)

// fetch GETs path from t for the pool's own purposes, and gives the body to read, if not
// nil, which must bound what it reads. It is no request of anybody: no breaker, no place and no balance knows of it.
func (p *Pool) fetch(ctx context.Context, t *target, path string, read func(io.Reader) error) (status int, err error) {
	limit := p.timeout.Connect + p.timeout.FirstByte
	if p.health != nil {
		limit = min(limit, p.health.Every)
	}
	var cancel Cancel
	stop := context.AfterFunc(ctx, cancel.Cancel)
	defer stop()
	now := time.Now()
	l := &Lease{pool: p, target: t, limits: limits{timeout: p.timeout, cancel: &cancel, deadline: now.Add(max(limit, 100*time.Millisecond)), now: now}}
	l.resp.reset(l)
	var h fasthttp.RequestHeader
	h.SetMethod(fasthttp.MethodGet)
	h.SetNoDefaultContentType(true)
	h.Set("User-Agent", "blaze")
	if _, err := l.attempt(&Request{Head: &h, Target: []byte(path), Replayable: true}); err != nil {
		return 0, err
	}
	defer l.resp.Close()
	if read == nil {
		read = drain
	}
	return l.resp.framing.status, read(&l.resp)
}

// drain reads a small body to its end, so that the connection can be kept.
func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, io.LimitReader(r, 64<<10))
	return err
}
