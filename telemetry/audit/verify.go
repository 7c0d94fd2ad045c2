package audit

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Report is what a verification found.
type Report struct {
	Lines       int
	First, Last uint64 // sequence numbers
	// Note says what a whole chain still leaves open.
	Note string
}

// BrokenError names the first line at which the chain does not hold.
type BrokenError struct {
	Line   int // from 1
	Reason string
}

func (e *BrokenError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

func (r *Report) note(text string) {
	if r.Note != "" {
		r.Note += "\n"
	}
	r.Note += text
}

// String is the report of a chain that holds.
func (r Report) String() string {
	text := fmt.Sprintf("%d lines, none missing or changed", r.Lines)
	if r.Note != "" {
		text += "\n" + r.Note
	}
	return text
}

// VerifyFile is Verify with the key in a file; no file, no key.
func VerifyFile(path, keyFile string) (Report, error) {
	if keyFile == "" {
		return Verify(path, nil)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return Report{}, fmt.Errorf("cannot read the key: %w", err)
	}
	return Verify(path, bytes.TrimSpace(key))
}

// Verify reads an audit file and checks its chain; key is nil for a log without one. The error is a *BrokenError where
// a line is missing, changed or moved; lines cut off the end show by the file's own end line, or by the head file.
func Verify(path string, key []byte) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	rep, last, err := VerifyChain(f, key)
	if err != nil || last.kind == "end" {
		return rep, err
	}
	head, err := readHead(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		rep.note("no " + headPath(path) + ": lines cut off the end would not show")
		return rep, nil
	case err != nil:
		return rep, err
	case head.Seq > last.tip.Seq:
		return rep, &BrokenError{rep.Lines + 1, fmt.Sprintf("missing: the log went on to number %d", head.Seq)}
	case head.Seq == last.tip.Seq && head.Hash != last.tip.Hash:
		return rep, &BrokenError{rep.Lines, "is not the line that was last"}
	}
	return rep, nil
}

// line is what the verifier reads of a line.
type line struct {
	tip
	kind, prev string
	torn       string // the hash of the half line before it, which a crash has left
}

// VerifyChain checks the chain in r, and returns its last line.
func VerifyChain(r io.Reader, key []byte) (rep Report, last line, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	var half []byte // a line that does not hold, until the next one owns up to it
	var because *BrokenError
	torn := 0
	for {
		raw, err := in.ReadBytes('\n')
		if len(raw) == 0 && err == io.EOF {
			break
		}
		if err != nil && err != io.EOF {
			return rep, last, err
		}
		rep.Lines++
		if err == io.EOF {
			return rep, last, &BrokenError{rep.Lines, "changed: cut off before its end"}
		}
		raw = bytes.TrimSuffix(raw, []byte{'\n'})
		cur, why := read(raw, key)
		switch {
		case because != nil && (why != "" || cur.torn != digest(nil, half)):
			return rep, last, because
		case because != nil:
			because, torn = nil, torn+1
		case cur.torn != "":
			return rep, last, &BrokenError{rep.Lines, "missing: the half line that it speaks of"}
		case why != "":
			half, because = raw, &BrokenError{rep.Lines, why}
			continue
		}
		if last.Hash == "" {
			why = beginsWell(cur)
		} else if why == "" {
			why = follows(last, cur)
		}
		if why != "" {
			return rep, last, &BrokenError{rep.Lines, why}
		}
		if last.Hash == "" {
			rep.First = cur.Seq
		}
		last, rep.Last = cur, cur.Seq
	}
	if because != nil {
		return rep, last, because
	}
	if rep.First > 1 {
		rep.note(fmt.Sprintf("continues after number %d of an earlier file", rep.First-1))
	}
	if torn > 0 {
		rep.note(fmt.Sprintf("%d of them half a line that a crash has left, as the next one says", torn))
	}
	return rep, last, nil
}

// read checks one line's own hash.
func read(raw, key []byte) (line, string) {
	var l line
	at := bytes.LastIndex(raw, []byte(hashField))
	if at < 0 {
		return l, "changed: carries no hash"
	}
	var j struct {
		Seq        uint64
		Kind, Prev string
		Hash       string
		Torn       struct{ SHA256 string }
	}
	if json.Unmarshal(raw, &j) != nil {
		return l, "changed: is not JSON"
	}
	own := digest(key, raw[:at])
	tail := string(raw[at:])
	if subtle.ConstantTimeCompare([]byte(tail), []byte(hashField+own+`"}`)) != 1 {
		return l, "changed: its hash is not that of its text (or the key is another one)"
	}
	return line{tip{j.Seq, own}, j.Kind, j.Prev, j.Torn.SHA256}, ""
}

func beginsWell(l line) string {
	switch {
	case l.kind != "begin":
		return fmt.Sprintf("missing: the file begins with number %d, which is not the first line of a file", l.Seq)
	case (l.Seq == 1) != (l.prev == genesis):
		return "changed: begins a chain that it does not belong to"
	}
	return ""
}

func follows(before, l line) string {
	switch {
	case before.kind == "end":
		return "added: it follows the end of the file"
	case l.Seq > before.Seq+1:
		return fmt.Sprintf("missing: number %d follows number %d", l.Seq, before.Seq)
	case l.Seq <= before.Seq:
		return fmt.Sprintf("moved: number %d follows number %d", l.Seq, before.Seq)
	case l.prev != before.Hash:
		return "changed: the line before it is not the one it followed"
	}
	return ""
}
