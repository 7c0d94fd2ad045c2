package auth

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// NewEntry is what a new API key is to be, as blaze key new asks for it.
type NewEntry struct {
	ID, Subject, Tier, Tenant string
	Roles                     []string
	Expires                   string // a date, or days from now (90d); empty is never
}

// Make makes a key and its entry for the policy, as one line of YAML. The entry was checked as a policy's would be.
func (n NewEntry) Make(now time.Time) (secret, entry string, err error) {
	if n.Subject == "" {
		n.Subject = n.ID
	}
	expires, err := n.expiry(now)
	if err != nil {
		return "", "", err
	}
	secret, hash := NewKey()
	var b strings.Builder
	fmt.Fprintf(&b, "- {id: %s, hash: \"sha256:%s\", subject: %s", strconv.Quote(n.ID), hash.Hex(), strconv.Quote(n.Subject))
	if len(n.Roles) > 0 {
		quoted := make([]string, len(n.Roles))
		for i, r := range n.Roles {
			quoted[i] = strconv.Quote(r)
		}
		fmt.Fprintf(&b, ", roles: [%s]", strings.Join(quoted, ", "))
	}
	for _, f := range [...]struct{ name, value string }{{"tier", n.Tier}, {"tenant", n.Tenant}, {"expires", expires}} {
		if f.value != "" {
			fmt.Fprintf(&b, ", %s: %s", f.name, strconv.Quote(f.value))
		}
	}
	b.WriteString("}")
	return secret, b.String(), nil
}

func (n NewEntry) expiry(now time.Time) (string, error) {
	if n.Expires == "" {
		return "", nil
	}
	if days, ok := strings.CutSuffix(n.Expires, "d"); ok {
		d, err := strconv.Atoi(days)
		if err == nil && d > 0 && d <= 36500 {
			return now.AddDate(0, 0, d).UTC().Format(time.DateOnly), nil
		}
	}
	t, err := time.Parse(time.DateOnly, n.Expires)
	if err != nil {
		return "", fmt.Errorf("--expires: want a date such as 2027-01-31, or days such as 90d; got %q", n.Expires)
	}
	if !t.After(now) {
		return "", fmt.Errorf("--expires: want a day to come; got %s", n.Expires)
	}
	return n.Expires, nil
}
