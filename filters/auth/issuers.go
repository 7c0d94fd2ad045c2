package auth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"blaze/filters"
	"blaze/telemetry/setting"
)

// issuers are all whose tokens are taken.
type issuers struct {
	byName map[string]*issuer
	list   []*issuer // all, in the order of the policy
	other  *issuer   // the entry without an issuer, if there is one
	// made is the digest of the entries and of every file they name.
	made Hash
}

// newIssuers compiles list. When neither an entry nor a file has changed it is prev, so that the tokens remembered stay.
func newIssuers(list []Issuer, prev *issuers, env filters.Env) (*issuers, error) {
	all := &issuers{byName: map[string]*issuer{}}
	made, read := sha256.New(), env.ReadFile
	fmt.Fprintf(made, "%#v", list)
	env.ReadFile = func(path string) ([]byte, error) {
		text, err := read(path)
		fmt.Fprintf(made, "%q", text)
		return text, err
	}
	var problems []error
	for i, cfg := range list {
		at := fmt.Sprintf("jwt[%d]", i)
		is, err := newIssuer(cfg, prev, env)
		if err != nil {
			problems = append(problems, setting.Under(at, err))
			continue
		}
		all.list = append(all.list, is)
		switch {
		case is.name == "" && all.other == nil:
			all.other = is
		case is.name == "" || all.byName[is.name] != nil:
			problems = append(problems, setting.Wrong(at+".issuer", "an issuer that no other entry has", is.name))
		default:
			all.byName[is.name] = is
		}
	}
	made.Sum(all.made[:0])
	if prev != nil && prev.made == all.made && len(problems) == 0 {
		return prev, nil
	}
	return all, errors.Join(problems...)
}

// empty reports whether no token is taken at all.
func (all *issuers) empty() bool { return len(all.byName) == 0 && all.other == nil }

// verify says whose token text is. The iss claim chooses the issuer before anything is believed; everything else about
// the token is then held against that issuer alone (RFC 8725, 3.8).
func (all *issuers) verify(text string, x *filters.Exchange, now time.Time) (*proven, *refusal) {
	t, no := split(text)
	if no != nil {
		return nil, no
	}
	claims, err := parseObject(t.payload)
	if err != nil {
		return nil, &noToken
	}
	name, there := claims["iss"]
	iss, isText := name.(string)
	if there && !isText {
		return nil, &noIssuer
	}
	is := all.byName[iss]
	if is == nil || !there {
		is = all.other
	}
	if is == nil || !fit(iss) {
		return nil, &noIssuer
	}
	return is.check(&t, claims, x, now)
}

// remotes lists the key sets that are fetched.
func (all *issuers) remotes() (out []*remote) {
	if all == nil {
		return nil
	}
	for _, is := range all.list {
		if is.remote != nil {
			out = append(out, is.remote)
		}
	}
	return out
}

// remote returns the key set with that identity, or nil.
func (all *issuers) remote(identity Hash) *remote {
	for _, r := range all.remotes() {
		if r.identity == identity {
			return r
		}
	}
	return nil
}
