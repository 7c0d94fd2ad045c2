package access

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"

	"blaze/telemetry/setting"
)

const (
	// maxFileProblems bounds what one wrong file (somebody's HTML error page, say) can add to the list of problems.
	maxFileProblems = 10
	maxShown        = 48
)

// Networks is a set of addresses. Addresses inside IPv6 (::ffff:a.b.c.d) are the IPv4 addresses they hold, and zones do
// not count. Immutable once built, safe for concurrent use; the zero Networks is empty.
type Networks struct {
	table bart.Lite
	n     int
}

// ParseNetworks reads addresses and networks; the problems' paths are indexes ("[2]").
func ParseNetworks(list []string) (*Networks, error) {
	n := new(Networks)
	if err := n.addList("", list); err != nil {
		return nil, err
	}
	return n, nil
}

// Contains reports whether a is in the set. A zero address is in none. Allocates nothing.
func (n *Networks) Contains(a netip.Addr) bool {
	return n != nil && n.n > 0 && n.table.Lookup(setting.PlainAddr(a))
}

// Len is how many networks were added.
func (n *Networks) Len() int { return n.n }

func (n *Networks) add(s string) error {
	p, err := setting.ParseNetwork(s)
	if err != nil {
		return err
	}
	n.table.Insert(p)
	n.n++
	return nil
}

func (n *Networks) addList(path string, list []string) error {
	var problems []error
	for i, s := range list {
		if err := n.add(s); err != nil {
			problems = append(problems, wrongNetwork(fmt.Sprintf("%s[%d]", path, i), setting.WantNetwork, s))
		}
	}
	return errors.Join(problems...)
}

func (n *Networks) addFiles(path string, files []string, read func(string) ([]byte, error)) error {
	var problems []error
	for i, name := range files {
		at := fmt.Sprintf("%s[%d]", path, i)
		text, err := read(name)
		if err != nil {
			problems = append(problems, &setting.Problem{Path: at, Want: "a file with a network a line", Got: err.Error()})
			continue
		}
		problems = append(problems, n.addFile(at, text)...)
	}
	return errors.Join(problems...)
}

// addFile reads one network a line, as blocklists are published: # and ; begin comments, columns after the network
// are ignored.
func (n *Networks) addFile(at string, text []byte) (problems []error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for line := 1; len(text) > 0; line++ {
		var row []byte
		row, text, _ = bytes.Cut(text, []byte{'\n'})
		if i := bytes.IndexAny(row, "#;"); i >= 0 {
			row = row[:i]
		}
		cols := bytes.Fields(row)
		if len(cols) == 0 || n.add(string(cols[0])) == nil {
			continue
		}
		if len(problems) == maxFileProblems {
			return append(problems, &setting.Problem{Path: at, Want: "a network a line", Got: fmt.Sprintf("more wrong lines, from line %d", line)})
		}
		problems = append(problems, wrongNetwork(at, fmt.Sprintf("%s on line %d", setting.WantNetwork, line), string(cols[0])))
	}
	return problems
}

// wrongNetwork says what is wrong with s, with what was probably meant where that is clear.
func wrongNetwork(path, want, s string) error {
	p := &setting.Problem{Path: path, Want: want, Got: fmt.Sprintf("%.*q", maxShown, s)}
	if q, err := netip.ParsePrefix(s); err == nil {
		p.Hint = fmt.Sprintf("host bits are set: did you mean %s or %s?", q.Masked(), q.Addr())
	}
	return p
}
