// Package detect says whether one value from the structure of a request (a query value, a header, a JSON string that is
// no prompt) is an attack, and by which rule. It decodes the value the way a careless backend might, to a bounded
// fixpoint, and judges every form it takes. It knows no request and no policy, and never sees prompt text.
package detect

// Class is a family of attacks; a policy switches classes, not rules.
type Class uint8

// The classes, in the order of the policy's keys.
const (
	SQLi Class = iota
	XSS
	Traversal
	Command
	Injection // LDAP, XPath, NoSQL, templates, log4j-style lookups, server-side includes, XML entities, code
	Control   // CR, LF and NUL where no line can end
	Classes   // how many there are
)

var classNames = [Classes]string{"sqli", "xss", "traversal", "command", "injection", "control"}

func (c Class) String() string { return classNames[c] }

// Mask is a set of classes.
type Mask uint8

// All is every class.
const All Mask = 1<<Classes - 1

// Has reports whether c is in m.
func (m Mask) Has(c Class) bool { return m&(1<<c) != 0 }

// Place says how a value came and how much its grammar explains.
type Place uint8

// The places.
const (
	Query  Place = iota // a value of a query: it may have lines, as a text area sends them, but does not begin with one
	Field               // a value that may have lines and even NUL: form, multipart, JSON
	Row                 // one line with a value of its own: header, cookie, segment of a path
	Agent               // prose with a grammar of its own (User-Agent, Accept): no rule marked Weak
	Locus               // a whole URL (Referer): as Agent
	Target              // a whole request path: as Agent, and no line can end in it
	places
)

// Places is a set of places; the empty set is all of them.
type Places uint8

// in makes a set.
func in(places ...Place) (s Places) {
	for _, p := range places {
		s |= 1 << p
	}
	return s
}

// Has reports whether p is in s.
func (s Places) Has(p Place) bool { return s == 0 || s&(1<<p) != 0 }

// Rule is one kind of attack, as data. The tests of this package hold every rule against its own examples.
type Rule struct {
	ID    string
	Class Class
	Why   string
	// Any are literals in lower case; one of them must be in the value before Pattern runs.
	Any []string
	// Needs is a set of bytes, one of which every hit has too; empty is none. It spares prose the pattern.
	Needs string
	// When is a cheap look that every hit passes too, where Any and Needs are not enough to spare prose the pattern.
	When func(l *look) bool
	// Unless is what the rule passes, whatever its pattern says.
	Unless func(l *look) bool
	// Pattern is RE2 over the lower-cased value; empty when a literal is enough, or when Judge decides.
	Pattern string
	// Judge decides where no pattern can.
	Judge func(l *look) bool
	// Form says which forms of a value the rule reads.
	Form Form
	// Weak rules need the value to be a field: prose such as a user agent explains what they look for.
	Weak bool
	// Quiet rules look for what a sentence may mention: one of words alone is no hit.
	Quiet bool
	// Only are the places in which the rule speaks; empty is all.
	Only Places
	// Hits and Misses are examples: values that are refused by this rule, and values that no rule may refuse.
	Hits, Misses []string

	number int     // its place in the set
	needs  byteSet // of Needs
}

// Form is one way to read a value.
type Form uint8

// The forms. Plain is the value decoded; the others are made from each plain form.
const (
	Plain    Form = iota
	Spaced        // SQL comments and runs of blanks are one blank
	Squeezed      // without blanks, control bytes and comments: browsers read java\tscript: so
	Unquoted      // without the quotes and escapes that a shell removes
	forms
)

// Hit says what was found. Text is valid until the Scratch is used again.
type Hit struct {
	Rule *Rule
	Text []byte // the form in which it was found, in lower case
	From int    // where in Text; the end is a guess
	To   int
	// Limit is set when the bound on work was reached instead; Rule is nil then.
	Limit bool
}
