package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// call is one request on its way through the backend.
type call struct {
	Behavior
	number int64 // counts the server's generations, from 1
	body   []byte
	whole  bool // the answer was sent to its end
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// generate answers one request that counts as a generation.
type generate func(w http.ResponseWriter, r *http.Request, c *call)

// generation counts the request, and does to it what Behavior says of every answer's head.
func (s *Server) generation(next generate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(callKey{}).(*call)
		c.number = s.ledger.note(func(st *Stats) { st.Generations++; st.InFlight++ }).Generations
		defer func() {
			s.ledger.note(func(st *Stats) {
				st.InFlight--
				switch {
				case c.whole:
					st.Completed++
				case r.Context().Err() != nil:
					st.Aborted++
				}
			})
		}()
		if s.slots != nil {
			select {
			case s.slots <- struct{}{}:
				defer func() { <-s.slots }()
			case <-r.Context().Done():
				return
			}
		}
		if wait(r.Context(), time.Duration(c.Delay)) != nil || c.Hold == "head" && s.held(r.Context()) != nil {
			return
		}
		if c.fails(c.number) {
			if c.RetryAfter != "" {
				w.Header().Set("Retry-After", c.RetryAfter)
			}
			status := c.FailStatus
			if status == 0 {
				status = http.StatusInternalServerError
			}
			fail(w, status, "", "demo_failure", fmt.Sprintf("the demo backend was told to fail with %d", status))
			return
		}
		next(w, r, c)
	})
}

// wait returns after d, or with an error as soon as the client has gone.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// held waits for one Step.
func (s *Server) held(ctx context.Context) error {
	select {
	case <-s.steps:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// decode reads the body into v and checks the model; it answers itself, and reports false, when either is wrong.
func (s *Server) decode(w http.ResponseWriter, c *call, v any, model *string) bool {
	if err := json.Unmarshal(c.body, v); err != nil {
		fail(w, 400, "", "invalid_request", "cannot read the body: "+err.Error())
		return false
	}
	if !slices.Contains(s.opts.Models, *model) {
		noModel(w, *model)
		return false
	}
	return true
}
