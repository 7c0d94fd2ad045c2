package alert

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Rule is one alert as the policy says it.
type Rule struct {
	Name     string
	When     *Expr
	For      time.Duration // how long the condition must hold before it fires
	Severity string
}

// Alert is a rule's state.
type Alert struct {
	Name     string     `json:"name"`
	Severity string     `json:"severity"`
	When     string     `json:"when"`
	State    string     `json:"state"` // pending, firing or resolved
	Value    float64    `json:"value"` // what stands on the left of the condition
	Since    time.Time  `json:"since"` // when the condition began to hold
	Fired    *time.Time `json:"fired,omitempty"`
	Resolved *time.Time `json:"resolved,omitempty"`
}

// maxResolved bounds what is remembered of alerts that are over.
const maxResolved = 50

// Engine evaluates rules. Safe for concurrent use.
type Engine struct {
	src Source

	mu       sync.Mutex
	rules    []Rule            // guarded by mu
	active   map[string]*Alert // guarded by mu; pending and firing, by name
	resolved []Alert           // guarded by mu; newest last
}

// NewEngine evaluates against src.
func NewEngine(src Source) *Engine { return &Engine{src: src, active: map[string]*Alert{}} }

// SetRules replaces the rules. An alert whose rule is the same goes on; one whose rule is gone is over at once.
func (e *Engine) SetRules(rules []Rule, now time.Time) (changes []Alert) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules = rules
	for name, a := range e.active {
		same := slices.ContainsFunc(rules, func(r Rule) bool { return r.Name == name && r.When.String() == a.When })
		if !same {
			changes = e.endLocked(a, now, changes)
		}
	}
	return changes
}

// Eval looks at every rule, and returns the alerts that began to fire or are over.
func (e *Engine) Eval(now time.Time) (changes []Alert) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.rules {
		holds, v := r.When.Holds(e.src)
		a := e.active[r.Name]
		switch {
		case holds && a == nil:
			a = &Alert{Name: r.Name, Severity: r.Severity, When: r.When.String(), State: "pending", Since: now}
			e.active[r.Name] = a
			fallthrough
		case holds:
			a.Value = finite(v)
			if a.State == "pending" && now.Sub(a.Since) >= r.For {
				fired := now
				a.State, a.Fired = "firing", &fired
				changes = append(changes, *a)
			}
		case a != nil:
			changes = e.endLocked(a, now, changes)
		}
	}
	return changes
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// endLocked takes an alert out; one that fired is remembered, and a change.
func (e *Engine) endLocked(a *Alert, now time.Time, changes []Alert) []Alert {
	delete(e.active, a.Name)
	if a.State != "firing" {
		return changes
	}
	a.State, a.Resolved = "resolved", &now
	e.resolved = append(e.resolved, *a)
	e.resolved = e.resolved[max(0, len(e.resolved)-maxResolved):]
	return append(changes, *a)
}

// Alerts lists firing, pending and resolved alerts, the last of each first.
func (e *Engine) Alerts() (firing, pending, resolved []Alert) {
	e.mu.Lock()
	defer e.mu.Unlock()
	firing, pending, resolved = []Alert{}, []Alert{}, []Alert{}
	for _, r := range e.rules {
		switch a := e.active[r.Name]; {
		case a == nil:
		case a.State == "firing":
			firing = append(firing, *a)
		default:
			pending = append(pending, *a)
		}
	}
	for _, a := range slices.Backward(e.resolved) {
		resolved = append(resolved, a)
	}
	return firing, pending, resolved
}
