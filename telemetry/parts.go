package telemetry

import (
	"context"
	"slices"
	"sync"
)

// parts are the goroutines that Run owns. The policy may add and take out parts before Run and while it runs.
type parts struct {
	mu  sync.Mutex
	ctx context.Context // guarded by mu; nil until run
	all []*part         // guarded by mu
	wg  sync.WaitGroup
}

type part struct {
	work   func(context.Context)
	cancel context.CancelFunc // nil until started
	done   chan struct{}
}

// add takes work in; stop ends it and waits for its end.
func (p *parts) add(work func(context.Context)) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := &part{work: work, done: make(chan struct{})}
	p.all = append(p.all, one)
	if p.ctx != nil && p.ctx.Err() == nil {
		p.startLocked(one)
	}
	return func() { p.stop(one) }
}

func (p *parts) startLocked(one *part) {
	ctx, cancel := context.WithCancel(p.ctx)
	one.cancel = cancel
	p.wg.Go(func() {
		defer close(one.done)
		defer cancel()
		one.work(ctx)
	})
}

func (p *parts) stop(one *part) {
	p.mu.Lock()
	p.all = slices.DeleteFunc(p.all, func(o *part) bool { return o == one })
	cancel := one.cancel
	p.mu.Unlock()
	if cancel != nil {
		cancel()
		<-one.done
	}
}

// run starts everything, so that each part can finish what it holds even when ctx has ended already, and returns when ctx has ended and all of it has.
func (p *parts) run(ctx context.Context) {
	p.mu.Lock()
	p.ctx = ctx
	for _, one := range p.all {
		p.startLocked(one)
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.wg.Wait()
}
